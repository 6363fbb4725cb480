"""Conversion: the data set that it makes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import InputError, convert
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.files.images import read_image, read_label


def ids(dataset, split="train"):
    return [sample["id"].decode() for sample in dataset.samples(split).as_numpy_iterator()]


def only_sample(dataset):
    (sample,) = dataset.samples("train").as_numpy_iterator()
    return sample


def test_images_of_other_kinds_come_out_as_their_files_are(sample, tmp_path):
    dataset = convert(sample / "other", tmp_path / "data", class_name="nucleus")
    info = dataset.info
    # four of the six are RGB; by the label maps 4 + 5 + 18 + 22 + 39 + 14 nuclei
    assert (info.channels, info.dtype, info.source_format) == (3, "uint8", "label_maps")
    assert (info.class_names, info.overlap_pixels) == (("nucleus",), 0)
    assert (info.splits["train"].num_images, info.splits["train"].num_instances) == (6, 102)
    for stored in dataset.samples("train").as_numpy_iterator():
        name = f"{stored['id'].decode()}.png"
        image = read_image(sample / "other" / "images" / name)
        np.testing.assert_array_equal(stored["image"], np.broadcast_to(image, (256, 320, 3)))
        label = read_label(sample / "other" / "labels" / name)
        np.testing.assert_array_equal(stored["label"], label)
    assert tfseg.check(dataset.path) == []


def test_every_record_says_which_file_its_image_was(write, tmp_path):
    files = write(tmp_path / "files", ["a", "b"])
    dataset = convert(files, tmp_path / "data", groups="^.")
    for serialized in dataset.records("train").as_numpy_iterator():
        record, features = parse(serialized), tf.train.Example.FromString(serialized).features
        stated = features.feature["source_sha256"].bytes_list.value[0].decode()
        assert stated == file_sha256(files / "images" / f"{record.id}.png")
        assert record.group == record.id


def test_links_are_followed_out_of_the_source(write, contents, tmp_path):
    files = write(tmp_path / "files", ["a", "b"])
    expected = contents(convert(files, tmp_path / "expected").path)
    (files / "labels").rename(tmp_path / "labels")
    (files / "labels").symlink_to(tmp_path / "labels")
    (files / "images" / "a.png").rename(tmp_path / "elsewhere.png")
    (files / "images" / "a.png").symlink_to(tmp_path / "elsewhere.png")
    assert contents(convert(files, tmp_path / "data").path) == expected
    (tmp_path / "elsewhere.png").unlink()
    with pytest.raises(
        InputError, match=r"a\.png is a link that leads nowhere\. Correct or remove"
    ):
        convert(files, tmp_path / "broken")


GREY, DARK = np.full((20, 24, 1), 200, np.uint8), np.full((20, 24, 1), 300, np.uint16)
RED = np.concatenate([GREY, GREY // 2, GREY // 2], axis=-1)


@pytest.mark.parametrize(
    ("images", "channels", "dtype", "first"),
    [
        ([GREY, GREY], 1, "uint8", [200]),
        ([GREY, RED], 3, "uint8", [200] * 3),
        ([GREY, DARK], 1, "uint16", [200 * 257]),
        ([GREY, RED, DARK], 3, "uint16", [200 * 257] * 3),
        ([np.repeat(GREY, 3, axis=-1)], 1, "uint8", [200]),  # grey, although saved as RGB
        ([np.concatenate([RED, GREY], axis=-1)], 3, "uint8", [200, 100, 100]),  # alpha
    ],
)
def test_all_images_get_the_most_channels_and_bits(tmp_path, write, images, channels, dtype, first):
    for name, image in zip("abc", images, strict=False):
        write(tmp_path / "files", [name], image=image.squeeze())
    dataset = convert(tmp_path / "files", tmp_path / "data")
    assert (dataset.info.channels, dataset.info.dtype) == (channels, dtype)
    stored = next(dataset.samples("train").as_numpy_iterator())["image"]
    assert (stored.shape, stored.dtype) == ((20, 24, channels), dtype)
    assert stored[7, 9].tolist() == first


def test_ids_of_a_label_map_are_kept_up_to_the_largest(tmp_path, write):
    label = np.zeros((3, 4), np.int32)
    label[0], label[1, 1], label[2, 2:] = 2**31 - 1, 65536, 7
    dataset = convert(write(tmp_path / "files", ["a"], label=label), tmp_path / "data")
    np.testing.assert_array_equal(only_sample(dataset)["label"], label)
    assert dataset.info.splits["train"].num_instances == 3


def test_masks_become_ids_and_their_overlaps_are_counted_over_all_images(tmp_path):
    # 0.png has 3 pixels, 1.png has 2, one of them shared: the smaller one gets it
    masks = np.array([[[1, 1, 1, 0, 0]], [[0, 0, 1, 1, 0]]], np.uint8)
    for name in ("a", "b"):
        for kind, arrays in {"images": masks[:1], "masks": masks}.items():
            (tmp_path / "files" / name / kind).mkdir(parents=True)
            for index, array in enumerate(arrays):
                path = tmp_path / "files" / name / kind / f"{index}.png"
                path.write_bytes(imagecodecs.png_encode(array))
    dataset = convert(tmp_path / "files", tmp_path / "data")
    assert (dataset.info.source_format, dataset.info.overlap_pixels) == ("instance_masks", 2)
    assert [
        sample["label"].tolist() for sample in dataset.samples("train").as_numpy_iterator()
    ] == [[[1, 1, 2, 2, 0]]] * 2


def test_the_same_files_give_the_same_bytes_in_whatever_order_they_were_made(
    tmp_path, write, contents
):
    names = [f"{index}" for index in range(12)]
    for run, order in {"one": names, "two": names[::-1]}.items():
        write(tmp_path / run / "files", order)
        convert(tmp_path / run / "files", tmp_path / run / "data", val_fraction=0.5, shard_size=3)
    first, second = (contents(tmp_path / run / "data") for run in ("one", "two"))
    assert len(first) > 3
    assert first == second


def test_the_options_that_decide_what_is_written_are_kept_and_no_path_is(tmp_path, write, contents):
    table = "id,group\n" + "".join(f"{id},{id in 'ab'}\n" for id in "abcde")
    given = {"val_fraction": 0.5, "shard_size": 3, "store": "raw", "seed": 2}
    for run in ("one", "two/deeper"):
        files = write(tmp_path / run / "files", "abcde")
        (tmp_path / run / "groups.csv").write_text(table)
        groups = tmp_path / run / "groups.csv"
        convert(files, tmp_path / run / "data", groups=groups, **given)
    assert contents(tmp_path / "one" / "data") == contents(tmp_path / "two/deeper" / "data")
    assert tfseg.Dataset.open(tmp_path / "one" / "data").info.options == {
        "overlap": "smaller_wins",
        "orientation": "apply",
        "components": False,
        "crowd": "ignore",
        "groups": f"sha256:{hashlib.sha256(table.encode()).hexdigest()}",
        **given,
    }


@pytest.mark.parametrize(("groups", "kept"), [(r"^.", "^."), (lambda id: id, "a function")])
def test_groups_are_kept_as_the_expression_or_as_what_they_are(tmp_path, write, groups, kept):
    files = write(tmp_path / "files", "ab")
    assert convert(files, tmp_path / "data", groups=groups).info.options["groups"] == kept


def test_shards_hold_nearly_the_same_number_of_images_in_order(tmp_path, write):
    write(tmp_path / "files", [f"train/{index}" for index in range(7)])
    write(tmp_path / "files", ["test/a", "test/b"])
    dataset = convert(tmp_path / "files", tmp_path / "data", shard_size=3)
    # 7 images in shards of at most 3: three shards, of 2, 2 and 3; two instances in each image
    train, test = dataset.info.splits["train"], dataset.info.splits["test"]
    assert [shard.name for shard in train.shards] == [
        f"train-{index:05d}-of-00003.tfrecord" for index in range(3)
    ]
    assert [shard.num_images for shard in train.shards] == [2, 2, 3]
    assert [shard.num_instances for shard in train.shards] == [4, 4, 6]
    assert (train.num_images, train.num_instances) == (7, 14)
    assert (len(test.shards), test.num_images, test.num_instances) == (1, 2, 4)
    assert ids(dataset) == list("0123456")
    assert ids(dataset, "test") == ["a", "b"]


def test_the_least_side_of_each_split_is_kept(tmp_path, write):
    sizes = {"train/a": (20, 9), "train/b": (8, 30), "test/a": (5, 5)}
    for name, size in sizes.items():
        label = np.ones(size, np.int32)
        write(tmp_path / "files", [name], label=label)
    splits = convert(tmp_path / "files", tmp_path / "data").info.splits
    assert {name: split.min_side for name, split in splits.items()} == {"train": 8, "test": 5}


def test_images_added_later_move_no_other_to_val_and_the_seed_chooses_others(tmp_path, write):
    names = [f"{index:02d}" for index in range(60)]
    write(tmp_path / "files", names[::3])
    few = convert(tmp_path / "files", tmp_path / "few", val_fraction=0.3)
    write(tmp_path / "files", names)
    many = convert(tmp_path / "files", tmp_path / "many", val_fraction=0.3)
    assert sorted(ids(many) + ids(many, "val")) == names
    assert set(ids(few, "val")) == set(ids(many, "val")) & set(names[::3])
    # 18 of 60 are expected; less than 4 or more than 32 has a probability of 1e-4
    assert 4 <= len(ids(many, "val")) <= 32
    other = convert(tmp_path / "files", tmp_path / "other", val_fraction=0.3, seed=1)
    assert ids(other, "val") != ids(many, "val")


def test_progress_is_reported_after_every_image_of_all_splits(tmp_path, write):
    progress = []
    convert(
        write(tmp_path / "files", ["train/a", "train/b", "val/c"]),
        tmp_path / "data",
        on_progress=lambda done, total: progress.append((done, total)),
    )
    assert progress == [(1, 3), (2, 3), (3, 3)]


# The peak of the process after a conversion of 20 images, and after one of 120.
PEAK = """
import re, sys
from pathlib import Path
import tfseg

for number in ("20", "120"):
    folder = Path(sys.argv[1])
    tfseg.convert(folder / number, folder / f"{number} converted", store="raw")
    status = Path("/proc/self/status").read_text()
    print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


@pytest.mark.slow
def test_the_memory_of_a_conversion_does_not_grow_with_the_number_of_images(tmp_path, write):
    label = np.zeros((1200, 1000), np.int32)
    label[8:40, 8:40] = 1
    image = np.tile(np.array([1, 2, 3], np.uint8), (1200, 1000, 1))
    one = write(tmp_path / "one", ["a"], image=image, label=label)
    for number in (20, 120):
        for kind in ("images", "labels"):
            (tmp_path / str(number) / kind).mkdir(parents=True)
            for index in range(number):
                os.link(one / kind / "a.png", tmp_path / str(number) / kind / f"{index}.png")
    command = [sys.executable, "-c", PEAK, tmp_path]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    few, many = map(int, done.stdout.split())
    # the records of 100 images more, of 3.6 MB each, would take 360 MB
    assert many - few < 100  # MiB
