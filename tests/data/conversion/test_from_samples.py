"""Samples from Python: their data set, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import InputError, convert, convert_samples
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.files.images import read_image, read_label


def image(seed, *shape, dtype="uint8"):
    values = np.random.default_rng(seed).integers(0, 2**16, shape or (8, 9))
    return (values % 256 if dtype == "uint8" else values).astype(dtype)


LABEL = np.zeros((8, 9), np.int64)
LABEL[1:3, 1:4], LABEL[5:, 5:], LABEL[0] = 3, 70000, -1


def test_images_labels_and_classes_come_out_as_they_went_in(tmp_path):
    given = [
        {"image": image(0), "label": LABEL, "class_of": [2, 1], "id": "a b é"},
        {"image": image(1, 8, 9, 3), "label": LABEL, "class_of": {70000: 2, 3: np.int32(1), 5: 1}},
        {"image": image(2, 8, 9, 1), "label": LABEL[..., None].astype(np.float32), "id": b"c"},
        (image(3), np.zeros((8, 9), bool)),
    ]
    dataset = convert_samples(given, tmp_path / "data", class_names=("cell", "dog"))
    info = dataset.info
    assert (info.source_format, info.class_names) == ("python", ("cell", "dog"))
    assert (info.channels, info.splits["train"].num_instances) == (3, 6)
    stored = list(dataset.samples("train").as_numpy_iterator())
    assert [sample["id"].decode() for sample in stored] == ["a b é", "000001", "c", "000003"]
    assert [sample["class_of"].tolist() for sample in stored] == [[2, 1], [1, 2], [1, 1], []]
    for sample in stored[:3]:
        np.testing.assert_array_equal(sample["label"], LABEL)
    np.testing.assert_array_equal(stored[1]["image"], given[1]["image"])
    assert tfseg.check(dataset.path)[0].message == "The image has no instances."
    assert len(tfseg.check(dataset.path)) == 1


OPTIONS = {"val_fraction": 0.4, "seed": 1, "shard_size": 3, "groups": r"\d$"}


def described(dataset: tfseg.Dataset) -> tuple[dict, list[tf.train.Example]]:
    """Returns the content of a data set without what is known of its source files."""
    info = json.loads((dataset.path / "dataset.json").read_text(encoding="utf-8"))
    del info["source_format"]
    assert info.pop("options").items() >= OPTIONS.items()
    examples = []
    for split in info["splits"].values():
        for shard in split["shards"]:
            del shard["sha256"]
            path = str(dataset.path / shard["name"])
            examples += map(
                tf.train.Example.FromString, tf.data.TFRecordDataset(path).as_numpy_iterator()
            )
    for example in examples:
        example.features.feature.pop("source_sha256", None)
    return info, examples


def test_a_source_of_files_gives_the_same_records_when_its_samples_are_given(tmp_path, write):
    names = [f"{index:02d}" for index in range(12)]
    files = write(tmp_path / "files", names)

    def samples():
        for name in names:
            picture = read_image(files / "images" / f"{name}.png")
            label = read_label(files / "labels" / f"{name}.png")
            yield {"image": picture, "label": label, "id": name}

    expected = described(convert(files, tmp_path / "one", **OPTIONS))
    made = described(convert_samples(samples(), tmp_path / "two", **OPTIONS))
    assert made == expected
    assert len(made[1]) == 12
    assert len(made[0]["splits"]["train"]["shards"]) > 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files", "one", "two"]


def test_a_tensorflow_data_set_for_each_split(tmp_path):
    images = np.stack([image(seed, 8, 9, 3) for seed in range(4)])
    labels = np.stack([LABEL] * 4)
    data = tf.data.Dataset.from_tensor_slices({"image": images, "label": labels[..., None]})
    pairs = tf.data.Dataset.from_tensor_slices((images[:1], labels[:1]))
    dataset = convert_samples({"test": pairs, "train": data}, tmp_path / "data")
    assert {name: split.num_images for name, split in dataset.info.splits.items()} == {
        "train": 4,
        "test": 1,
    }
    stored = [sample["image"] for sample in dataset.samples("train").as_numpy_iterator()]
    np.testing.assert_array_equal(stored, images)


def test_samples_are_taken_one_after_the_other(tmp_path):
    alive = []

    class Picture(np.ndarray):
        def __del__(self):
            alive.remove(id(self))

    most = 0

    def samples():
        nonlocal most
        for seed in range(200):
            picture = image(seed).view(Picture)
            alive.append(id(picture))
            most = max(most, len(alive))
            yield picture, LABEL
            del picture

    convert_samples(samples(), tmp_path / "data")
    assert most < 100  # two for each of at most 16 threads, and those at work


def test_groups_stay_together(tmp_path):
    given = [{"image": image(i), "label": LABEL, "id": f"p{i // 3}_{i}"} for i in range(30)]
    dataset = convert_samples(
        given, tmp_path / "data", val_fraction=0.5, groups=lambda id: id.split("_")[0]
    )
    groups = [
        {sample["id"].split(b"_")[0] for sample in dataset.samples(split).as_numpy_iterator()}
        for split in ("train", "val")
    ]
    assert not groups[0] & groups[1]
    assert len(groups[0] | groups[1]) == 10
    for split in ("train", "val"):
        for record in map(parse, dataset.records(split).as_numpy_iterator()):
            assert record.group == record.id.split("_")[0]


GOOD = {"image": image(0), "label": LABEL}
REFUSED = [
    ([3], r"Sample 0 must have the entries image and label; got int"),
    ([GOOD, {"image": image(0)}], r"Sample 1 must have the entries .*; got \['image'\]"),
    ([GOOD | {"id": "a"}] * 2, r"The id of a sample must be unique in its split; 'a' is not"),
    (
        [GOOD | {"label": LABEL[1:]}],
        r"'000000' must have a label of the size of .* \[7, 9\] for \[8",
    ),
    (
        [GOOD | {"label": LABEL / 2}],
        r"The label of sample '000000' must have whole numbers as ids, .* pixels have others",
    ),
    ([GOOD | {"label": LABEL - 1}], r"must have ids in \[-1, 2147483647\]; got -2 to 69999"),
    ([GOOD | {"label": LABEL * 2**20}], r"must have ids in \[-1, 2147483647\]; got -1048576 to"),
    ([GOOD | {"image": image(0, 2, 8, 9, 3)}], r"an image \[H, W\] or \[H, W, C\] with pixels"),
    ([GOOD, GOOD | {"image": image(0, 8, 9, 4), "id": "b"}], r"must have images of the same chan"),
    ([GOOD | {"image": np.zeros((0, 9))}], r"an image \[H, W\] or \[H, W, C\]"),
    ([GOOD, GOOD | {"image": image(0) * 1.0, "id": "b"}], r"of integers or of floats; it has both"),
    ([GOOD | {"image": image(0).astype(int) - 1}], r"must have pixels from 0 to 65535"),
    ([GOOD | {"class_of": [1]}], r"must have one class for each of its 2 ids; got 1"),
    ([GOOD | {"class_of": [1, 3]}], r"The class of id 70000 of sample '000000' must be a whole nu"),
    ([GOOD | {"class_of": {3: 1}}], r"The class of id 70000 of sample '000000' must .* got None"),
    ([], r"Every split must have samples; one has none"),
    ({"dev": [GOOD]}, r"A split of the samples must be one of test, train, val; got 'dev'"),
    ([(image(0), LABEL * 0)], r"The source has no instances: no pixel has an id above 0"),
]


@pytest.mark.parametrize(("samples", "message"), REFUSED, ids=[text[:25] for _, text in REFUSED])
def test_a_sample_of_another_form_is_refused_and_nothing_is_written(tmp_path, samples, message):
    with pytest.raises(InputError, match=message):
        convert_samples(samples, tmp_path / "new" / "data", class_names=("cell", "dog"))
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_iterable_is_not_changed_and_a_taken_destination_is_refused_before(
    tmp_path,
):
    def broken():
        yield image(0), LABEL
        raise OSError("the microscope is off")

    with pytest.raises(OSError, match="the microscope is off"):
        convert_samples(broken(), tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
    convert_samples([GOOD], tmp_path / "data")
    with pytest.raises(InputError, match="already has dataset.json"):
        convert_samples(broken(), tmp_path / "data")
    with pytest.raises(InputError, match="class_names must have a name for each class"):
        convert_samples([GOOD], tmp_path / "other", class_names=())
    with pytest.raises(InputError, match=r"a name in UTF-8 for each class; got ' '\. Name it"):
        convert_samples([GOOD], tmp_path / "other", class_names=("cell", " "))
