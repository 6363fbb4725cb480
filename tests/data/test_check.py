"""Every fault that `check` looks for, put into a sound data set on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import Finding, check, convert
from tfseg.data.records import encode
from tfseg.data.store import INFO_FILE, file_sha256

AGAIN = "Convert the data again."
NUM_IMAGES = {"train": 3, "val": 1}


@pytest.fixture(scope="module")
def sound(write, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of the images a, b and c in train and d in val, two instances in each."""
    folder = tmp_path_factory.mktemp("sound")
    write(folder / "files", ["train/a", "train/b", "train/c", "val/d"])
    return convert(folder / "files", folder / "data").path


@pytest.fixture
def data(sound: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "data")


def shard_of(data: Path, split: str = "train") -> Path:
    return data / f"{split}-00000-of-00001.tfrecord"


def edit_info(data: Path, change: Callable[[dict], object]) -> None:
    content = json.loads((data / INFO_FILE).read_text(encoding="utf-8"))
    change(content)
    (data / INFO_FILE).write_text(json.dumps(content), encoding="utf-8")


def rewrite(data: Path, records: list[bytes], *, num_instances: int = 6) -> None:
    """Writes other records into the shard of train; dataset.json fits them."""
    path = shard_of(data)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)

    def fit(content):
        train = content["splits"]["train"]
        counts = {"num_images": len(records), "num_instances": num_instances}
        train.update(counts)
        train["shards"][0].update(counts, sha256=file_sha256(path))

    edit_info(data, fit)


def stored(data: Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(shard_of(data))).as_numpy_iterator())


def record(
    *rows: list[int],
    id: str = "x",
    dtype: str = "uint8",
    channels: int = 1,
    classes: list[int] | None = None,
) -> bytes:
    """Returns the record of a label map with these rows, and of an image of its size."""
    label = np.array(rows, np.int32)
    return encode(id, np.zeros((*label.shape, channels), dtype), label, classes)


def changed(serialized: bytes, **values: int | bytes) -> bytes:
    """Returns the record with other values, as `encode` would never write it."""
    example = tf.train.Example.FromString(serialized)
    for name, value in values.items():
        feature = example.features.feature[name]
        kind = feature.bytes_list if isinstance(value, bytes) else feature.int64_list
        kind.value[0] = value
    return example.SerializeToString()


def test_a_sound_data_set_has_no_findings(data, dataset):
    assert check(data) == []
    assert check(str(dataset.path)) == []


def test_what_is_no_data_set_is_bad_input_not_a_finding(tmp_path):
    with pytest.raises(tfseg.InputError, match="no such folder"):
        check(tmp_path / "no")


def test_a_missing_shard_is_one_error_and_the_others_are_still_checked(data):
    shard_of(data).unlink()
    shard_of(data, "val").write_bytes(b"")
    first, *others = check(data)
    assert first == Finding("error", shard_of(data).name, "The file is missing.", AGAIN)
    assert {finding.place for finding in others} == {shard_of(data, "val").name}


def positions(size: int) -> dict[str, int]:
    # A record: 8 bytes of length, 4 of its checksum, the data, 4 of their checksum.
    return {"length": 0, "checksum": 9, "data": 12, "middle": size // 2, "end": size - 1}


@pytest.mark.parametrize("where", positions(1))
def test_a_changed_bit_anywhere_in_a_shard_is_an_error(data, where):
    path = shard_of(data)
    damaged = bytearray(path.read_bytes())
    damaged[positions(len(damaged))[where]] ^= 1
    path.write_bytes(damaged)
    changed_file, unreadable, images, instances = check(data)
    assert {finding.level for finding in (changed_file, unreadable, images, instances)} == {"error"}
    assert changed_file.message == "The file was changed: its SHA-256 differs."
    assert unreadable.place == path.name
    assert unreadable.message.startswith("Cannot be read to the end: corrupted record at ")
    assert "Op" not in unreadable.message
    assert images.message.endswith(f", but {INFO_FILE} says 3.")
    assert instances.message.endswith(f", but {INFO_FILE} says 6.")


def test_the_records_before_the_damage_are_counted(data):
    path = shard_of(data)
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1  # in the last of three records, of two instances each
    path.write_bytes(damaged)
    assert [finding.message for finding in check(data)[2:]] == [
        f"num_images is 2, but {INFO_FILE} says 3.",
        f"num_instances is 4, but {INFO_FILE} says 6.",
    ]


@pytest.mark.parametrize("kept", ["nothing", "whole records", "part of a record"])
def test_a_truncated_shard_is_an_error_even_between_two_records(data, kept):
    size = 16 + len(stored(data)[0])
    length = {"nothing": 0, "whole records": size, "part of a record": size + 20}[kept]
    shard_of(data).write_bytes(shard_of(data).read_bytes()[:length])
    messages = [finding.message for finding in check(data)]
    assert messages[0] == "The file was changed: its SHA-256 differs."
    assert messages[-2] == f"num_images is {min(length, 1)}, but {INFO_FILE} says 3."
    assert ("Cannot be read to the end: truncated record" in messages[1]) == (length > size)


@pytest.mark.parametrize("what", ["num_images", "num_instances"])
def test_counts_that_differ_from_the_shards_are_errors(data, what):
    stated = {"num_images": 3, "num_instances": 6}[what]
    edit_info(data, lambda info: info["splits"]["train"].update({what: 9}))
    message = f"{what} of the split train is 9, but its shards have {stated}."
    assert check(data) == [Finding("error", INFO_FILE, message, AGAIN)]

    edit_info(data, lambda info: info["splits"]["train"]["shards"][0].update({what: 9}))
    message = f"{what} is {stated}, but {INFO_FILE} says 9."
    assert check(data) == [Finding("error", shard_of(data).name, message, AGAIN)]


def test_an_id_twice_in_a_split_is_an_error(data):
    first, *others = stored(data)
    rewrite(data, [first, *others, first], num_instances=8)
    message = "2 samples have this id."
    assert check(data) == [Finding("error", "train/a", message, "Rename, and convert again.")]


def test_an_id_in_two_splits_is_a_warning(tmp_path, write):
    write(tmp_path / "files", ["train/a", "train/b", "test/b"])
    message = "The splits train and test have a sample of this id."
    assert check(convert(tmp_path / "files", tmp_path / "data").path) == [
        Finding("warning", "train/b", message, "Make sure that it is not the same image.")
    ]


def test_a_record_that_does_not_decode_is_an_error_and_the_others_are_still_checked(data):
    good = stored(data)[0]
    png = imagecodecs.png_encode(np.zeros((20, 24), np.uint8))
    rewrite(data, [good, b"garbage", changed(good, image=png[:-20])], num_instances=2)
    first, second = check(data)
    assert (first.level, first.place) == ("error", f"{shard_of(data).name}, record 1")
    assert first.message.startswith("A record cannot be decoded (")
    assert second.place == f"{shard_of(data).name}, record 2"


FAULTY = {
    "channels": (
        record([1, 0], channels=3),
        "The image has 3 channels in a data set with 1.",
    ),
    "bits": (record([1, 0], dtype="uint16"), "The image is uint16 in a data set of uint8."),
    "height": (
        changed(record([1, 0]), height=2),
        "Sizes differ: image (1, 2), label (1, 2), stored (2, 2).",
    ),
    "image": (
        changed(record([1, 0]), image=imagecodecs.png_encode(np.zeros((2, 1), np.uint8))),
        "Sizes differ: image (2, 1), label (1, 2), stored (1, 2).",
    ),
    "instances": (
        changed(record([1, 0]), num_instances=2),
        "The label has 1 instances, stored is 2.",
    ),
    "id": (
        # low and high word of each id: 0 and 2^15 are 2^31
        changed(
            record([1, 0]),
            label=imagecodecs.png_encode(np.array([[[0, 2**15], [0, 0]]], np.uint16)),
        ),
        "An id is above 2147483647: it would become negative.",
    ),
    "class": (
        record([9, 0], classes=[2]),
        "There must be a class from 1 to 1 for each of 1 instances; there are 1, [2].",
    ),
    "classes": (
        changed(
            record([9, 8], classes=[1, 2]),
            label=imagecodecs.png_encode(np.array([[9, 0]], np.uint16)),
            num_instances=1,
        ),
        "There must be a class from 1 to 1 for each of 1 instances; there are 2, [1, 2].",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_record_that_does_not_fit_is_an_error_that_names_the_sample(data, fault):
    serialized, message = FAULTY[fault]
    rewrite(data, [serialized], num_instances=1)
    assert check(data) == [Finding("error", "train/x", message, AGAIN)]


def test_grey_images_of_8_bits_fit_into_any_data_set(data):
    edit_info(data, lambda info: info.update(channels=3, dtype="uint16"))
    assert check(data) == []


def test_an_image_without_instances_is_a_warning(data):
    rewrite(data, [record([0, 0, 0], id="é")], num_instances=0)
    remedy = "Check that nothing is to be seen in it."
    assert check(data) == [Finding("warning", "train/é", "The image has no instances.", remedy)]


def test_ignored_pixels_are_no_instance_and_may_be_in_pieces(data):
    rewrite(data, [record([-1, 0, -1], [0, 5, 0])], num_instances=1)
    assert check(data) == []
    rewrite(data, [record([-1, 0, -1])], num_instances=0)
    (finding,) = check(data)
    assert finding.message == "The image has no instances."


def test_instances_in_several_pieces_are_a_warning(data):
    # 5 is in two pieces, 7 in three; 6 touches itself over a corner and 9 is one piece
    rows = [[5, 0, 5, 7], [6, 0, 0, 0], [0, 6, 0, 7], [7, 9, 9, 0]]
    rewrite(data, [record(*rows)], num_instances=4)
    remedy = "Give each piece an id of its own if they are separate objects."
    message = "Several pieces in 2 of 4 instances: 5, 7."
    assert check(data) == [Finding("warning", "train/x", message, remedy)]


def test_of_many_instances_in_pieces_five_are_named(data):
    ids = [*range(1, 8)]
    rewrite(data, [record(ids, [0] * 7, ids)], num_instances=7)
    (finding,) = check(data)
    assert finding.message == "Several pieces in 7 of 7 instances: 1, 2, 3, 4, 5 and more."


def test_two_touching_instances_are_no_pieces_of_one(data):
    rewrite(data, [record([1, 1, 2, 2], [1, 2, 2, 1])], num_instances=2)
    # the last pixel of 1 touches 2 alone: it is a second piece, and 2 is whole
    (finding,) = check(data)
    assert finding.message == "Several pieces in 1 of 2 instances: 1."
