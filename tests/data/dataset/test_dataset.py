"""dataset.json and the shards: what a reader takes, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from functools import reduce
from operator import getitem
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tfseg
from tfseg.checks import InputError
from tfseg.data.dataset.dataset import (
    INFO_FILE,
    SCHEMA_VERSION,
    Dataset,
    DatasetInfo,
    ShardInfo,
    SplitInfo,
    file_sha256,
)
from tfseg.data.dataset.image_codec import IMAGE_FORMATS
from tfseg.data.dataset.statistics import PERCENTILES, Distribution, Statistics
from tfseg.data.files.images import read_image, read_label


@pytest.fixture
def copied(dataset: Dataset, tmp_path: Path) -> Path:
    """A copy of a data set of 6, 2 and 2 images."""
    return shutil.copytree(dataset.path, tmp_path / "data")


def edit(folder: Path, change) -> None:
    """Rewrites dataset.json after `change` of its content."""
    content = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
    change(content)
    (folder / INFO_FILE).write_text(json.dumps(content), encoding="utf-8")


def test_every_sample_comes_once_in_stored_order_as_the_files_are(dataset):
    for split, names in {"train": 6, "val": 2, "test": 2}.items():
        folder = dataset.path.parent / "files" / split
        samples = list(dataset.samples(split).as_numpy_iterator())
        ids = [sample["id"].decode() for sample in samples]
        assert ids == sorted(path.stem for path in (folder / "images").iterdir())
        assert len(ids) == names
        for id, sample in zip(ids, samples, strict=True):
            np.testing.assert_array_equal(
                sample["image"], read_image(folder / "images" / f"{id}.png")
            )
            np.testing.assert_array_equal(
                sample["label"], read_label(folder / "labels" / f"{id}.png")
            )


def test_samples_have_a_static_rank_and_the_channels_of_the_data_set(dataset):
    spec = dataset.samples("train").element_spec
    assert spec["image"].shape.as_list() == [None, None, 1]
    assert spec["label"].shape.as_list() == [None, None]
    assert (spec["image"].dtype.name, spec["label"].dtype.name) == ("uint8", "int32")


def test_the_data_set_can_be_moved(dataset, copied):
    moved = Dataset.open(str(copied))
    assert moved.info == dataset.info
    assert str(dataset.path.parent) not in (copied / INFO_FILE).read_text(encoding="utf-8")
    assert next(moved.samples("val").as_numpy_iterator())["id"]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
COUNT = st.integers(0, 2**40)
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/."), max_size=5)


@st.composite
def shard_lists(draw: st.DrawFn) -> tuple[ShardInfo, ...]:
    """Draws up to two shards, the second with the tiles of an image that begins in the first."""
    if not draw(st.booleans()):
        return ()
    images, later, tiles = draw(st.integers(0, 9)), draw(COUNT), draw(st.integers(1, 2**30))
    tiled = ((draw(st.integers(0, images - 1)), tiles),) if images else ()
    first = ShardInfo(draw(NAME), images, draw(COUNT), draw(TEXT), images, tiled)
    extra = tiles if tiled else 0
    return first, ShardInfo(draw(NAME), later, draw(COUNT), draw(TEXT), later + extra)


SHARDS = shard_lists()
FLOAT = st.floats(0, 1e9)
RANKS = st.fixed_dictionaries(dict.fromkeys(map(str, PERCENTILES), COUNT))
NUMBERS = st.builds(Distribution, FLOAT, FLOAT, RANKS)
COUNTS = st.tuples(COUNT, COUNT)
STATISTICS = st.builds(
    Statistics,
    st.dictionaries(TEXT, COUNT, max_size=2),
    COUNTS,
    COUNTS,
    st.lists(NUMBERS, max_size=3).map(tuple),
    NUMBERS,
    NUMBERS,
    FLOAT,
    FLOAT,
)
INFOS = st.builds(
    DatasetInfo,
    tfseg_version=TEXT,
    source_format=TEXT,
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from(["uint8", "uint16"]),
    class_names=st.tuples(TEXT, TEXT),
    overlap_pixels=COUNT,
    hidden_instances=COUNT,
    turned_images=COUNT,
    unturned_images=COUNT,
    ignored_crowds=COUNT,
    cut_instances=COUNT,
    skipped_images=COUNT,
    statistics=st.none() | STATISTICS,
    image_formats=st.lists(st.sampled_from(IMAGE_FORMATS), max_size=2).map(tuple),
    options=st.dictionaries(TEXT, TEXT | COUNT | FLOAT | st.booleans(), max_size=2),
    notes=st.lists(TEXT, max_size=2).map(tuple),
    pixel_sizes=st.dictionaries(st.sampled_from(["0.25", "1e+06"]), COUNT),
    splits=st.dictionaries(TEXT, st.builds(SplitInfo, SHARDS, COUNT, COUNT, COUNT), max_size=2),
)


@given(info=INFOS)
def test_any_info_is_written_and_read_again_unchanged(info, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "written"
    folder.mkdir(exist_ok=True)
    (folder / INFO_FILE).write_text(info.to_json(), encoding="utf-8")
    read = DatasetInfo.read(folder)
    assert read == info
    assert list(read.splits) == list(info.splits)


@pytest.mark.parametrize("version", ["3.0", "2.1", "2.10", "0.9"])
def test_a_newer_version_is_refused_whatever_else_it_holds(copied, version):
    (copied / INFO_FILE).write_text(f'{{"version": "{version}"}}', encoding="utf-8")
    message = rf"has schema version {version}; this tfseg reads 1\.0 to {SCHEMA_VERSION}\. Update"
    with pytest.raises(InputError, match=message):
        Dataset.open(copied)


@pytest.mark.parametrize("name", ["../a.tfrecord", "/etc/hostname", "a/b.tfrecord", "..", "."])
def test_a_shard_leads_nowhere_but_into_the_folder(copied, name):
    edit(copied, lambda content: content["splits"]["val"]["shards"][0].update(name=name))
    with pytest.raises(InputError, match=r"is damaged \(a shard is a file beside it, not '"):
        Dataset.open(copied)


DAMAGED = {
    "": "Expecting value",
    '{"version": "1.0"': "Expecting",
    "[]": "list indices",
    "[" * 200_000: "maximum recursion depth",
    "3": "not subscriptable",
    "{}": "no entry 'version'",
    '{"version": "one"}': "invalid literal",
    '{"version": 1.0}': "no attribute 'split'",
    '{"version": "1.0"}': "no entry 'tfseg_version'",
}


@pytest.mark.parametrize("text", DAMAGED, ids=lambda text: text[:30])
def test_a_file_that_is_no_description_of_a_data_set_is_damaged(copied, text):
    (copied / INFO_FILE).write_text(text, encoding="utf-8")
    message = rf"dataset\.json is damaged \(.*{DAMAGED[text]}.*\)\. Convert the data again"
    with pytest.raises(InputError, match=message):
        Dataset.open(copied)


def test_a_file_that_is_not_utf_8_is_damaged(copied):
    (copied / INFO_FILE).write_bytes(b'{"version": "\xff"}')
    with pytest.raises(InputError, match=r"dataset\.json is damaged \(.*utf-8.*\)\. Convert"):
        Dataset.open(copied)


# The entries that minor versions have added, and what stands for them in an older data set.
ADDED = {
    "1.1": {"hidden_instances": 0},
    "1.2": {"skipped_images": 0, "statistics": None},
    "1.3": {"image_formats": ("png",)},
    "1.4": {"options": {}},
    "1.5": {"turned_images": 0, "unturned_images": 0, "ignored_crowds": 0, "notes": ()},
    "1.7": {"channel_names": ()},
    "2.0": {"pixel_sizes": {}, "cut_instances": 0},
}
ADDED_TO_SHARDS = ("num_records", "tiled")  # in 2.0
REQUIRED = [
    field.name
    for field in dataclasses.fields(DatasetInfo)
    if not any(field.name in names for names in ADDED.values())
]


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"])
def test_a_data_set_of_an_older_minor_version_is_read(dataset, copied, version):
    later = {
        name: value
        for added, values in ADDED.items()
        for name, value in values.items()
        if added > version
    }

    def age(content):
        content["version"] = version
        for name in later:
            del content[name]
        for split in content["splits"].values():
            for shard in split["shards"]:
                for name in ADDED_TO_SHARDS:
                    del shard[name]

    edit(copied, age)
    assert Dataset.open(copied).info == dataclasses.replace(dataset.info, version=version, **later)
    assert len(list(Dataset.open(copied).samples("train"))) == 6


@pytest.mark.parametrize("name", REQUIRED)
def test_every_entry_must_be_there(copied, name):
    edit(copied, lambda content: content.pop(name))
    with pytest.raises(InputError, match=rf"is damaged \(no entry '{name}'\)"):
        Dataset.open(copied)


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(SplitInfo)])
def test_every_entry_of_a_split_must_be_there(copied, name):
    edit(copied, lambda content: content["splits"]["val"].pop(name))
    with pytest.raises(InputError, match=rf"is damaged \(no entry '{name}'\)"):
        Dataset.open(copied)


@pytest.mark.parametrize(
    "name",
    sorted({field.name for field in dataclasses.fields(ShardInfo)} - set(ADDED_TO_SHARDS)),
)
def test_every_entry_of_a_shard_must_be_there(copied, name):
    edit(copied, lambda content: content["splits"]["val"]["shards"][0].pop(name))
    with pytest.raises(InputError, match=rf"is damaged \(no entry '{name}'\)"):
        Dataset.open(copied)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("dtype", "float64", r"dtype must be one of float32, uint16, uint8; got 'float64'"),
        ("channels", 2, r"channels 2 named \[\]"),
        ("channels", 0, r"channels 0 named \[\]"),
        ("channel_names", ["a", "b"], r"channels 1 named \['a', 'b'\]"),
        ("image_formats", ["gif"], r"image_formats must be one of jpeg, png, raw.*; got 'gif'"),
        ("options", ["store"], r"options must map names to values; got \['store'\]"),
        ("splits", [], r"no attribute 'items'"),
        ("splits", {"train": {"shards": [], "num_images": "x", "num_instances": 0}}, r"'x'"),
        ("class_names", None, r"object of type 'NoneType' has no len"),
        ("class_names", [1], r"statistics of other classes|class_names 1"),
        ("overlap_pixels", True, r"overlap_pixels True"),
        ("hidden_instances", 2**63, r"hidden_instances 9223372036854775808"),
        ("notes", ["a", None], r"notes None"),
    ],
)
def test_values_that_no_writer_writes_are_damage(copied, name, value, reason):
    edit(copied, lambda content: content.update({name: value}))
    with pytest.raises(InputError, match=rf"is damaged \(.*{reason}.*\)\. Convert"):
        Dataset.open(copied)


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (["sizes"], [], r"sizes \[\]"),
        (["sizes"], {"4x6": "x"}, r"sizes 'x'"),
        (["class_images"], [1, 2, 3, 4, 5], r"statistics of other classes than its 1"),
        (["class_instances"], "x", r"class_instances 'x'"),
        (["touching_share"], math.inf, r"touching_share inf"),
        (["touching_share"], "x", r"touching_share 'x'"),
        (["area"], None, r"not subscriptable"),
        (["area", "mean"], None, r"mean None"),
        (["area", "percentiles"], {"0": 1}, r"percentiles \['0'\]"),
        (["area", "percentiles", "50"], [1], r"percentiles \[1\]"),
        (["channels"], [3], r"not subscriptable"),
    ],
)
def test_statistics_that_no_writer_writes_are_damage(copied, path, value, reason):
    *parents, last = ["statistics", *path]
    edit(copied, lambda content: reduce(getitem, parents, content).update({last: value}))
    with pytest.raises(InputError, match=rf"is damaged \(.*{reason}.*\)\. Convert"):
        Dataset.open(copied)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"num_records": 3}, r"num_records 3 are not its images and 0 tiles"),
        ({"tiled": [[0, 5]]}, r"num_records 2 are not its images and 5 tiles"),
        ({"tiled": [[2, 5]], "num_records": 7}, r"tiled \[\(2, 5\)\]"),
        ({"tiled": [[0, 0]]}, r"tiled \[\(0, 0\)\]"),
        ({"tiled": [1]}, r"not iterable|cannot unpack"),
    ],
)
def test_tiles_that_no_writer_writes_are_damage(copied, values, reason):
    edit(copied, lambda content: content["splits"]["val"]["shards"][0].update(values))
    with pytest.raises(InputError, match=rf"is damaged \(.*{reason}.*\)\. Convert"):
        Dataset.open(copied)


@pytest.mark.parametrize("name", ["num_images", "num_instances", "min_side"])
def test_counts_that_are_not_finite_are_damage(copied, name):
    edit(copied, lambda content: content["splits"]["val"].update({name: math.inf}))
    with pytest.raises(InputError, match=r"is damaged \(.*infinity"):
        Dataset.open(copied)


def test_a_folder_without_a_data_set_is_refused_with_the_command_that_makes_one(tmp_path, copied):
    with pytest.raises(InputError, match=r"at \S+no: no such folder\. Make one with tfseg convert"):
        tfseg.Dataset.open(tmp_path / "no")
    with pytest.raises(InputError, match=r"is not a data set: it has no dataset\.json\. Make one"):
        tfseg.Dataset.open(tmp_path)
    (copied / INFO_FILE).unlink()  # the shards alone, as a killed copy leaves them
    with pytest.raises(InputError, match=r"is not a data set: it has no dataset\.json"):
        tfseg.Dataset.open(copied)


def test_a_missing_shard_is_named_and_the_other_splits_can_be_read(copied):
    opened = Dataset.open(copied)
    (shard,) = opened.split("train").shards
    (copied / shard.name).unlink()
    for read in (opened.records, opened.samples):
        with pytest.raises(InputError, match=rf"{shard.name} is missing\. Convert the data again"):
            read("train")
    assert sum(1 for _ in opened.records("val")) == 2


def test_an_unknown_split_is_refused_with_the_nearest(dataset):
    message = r"data has no split 'vali'; it has train, val, test\. Did you mean 'val'\? Choose one"
    for read in (dataset.split, dataset.records, dataset.samples):
        with pytest.raises(InputError, match=message):
            read("vali")


def test_the_checksum_is_sha_256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")  # the example of FIPS 180-4
    assert file_sha256(tmp_path / "file") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("kind", [DatasetInfo, SplitInfo, ShardInfo, Statistics, Distribution])
def test_the_page_of_the_store_names_every_entry_and_the_version(kind):
    page = (Path(__file__).parents[3] / "docs" / "store.md").read_text(encoding="utf-8")
    assert f"now {SCHEMA_VERSION}." in page
    assert all(f"`{field.name}`" in page for field in dataclasses.fields(kind))
