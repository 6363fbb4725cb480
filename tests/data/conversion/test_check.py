"""Every fault that `check` looks for, put into a correct data set on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import Finding, check, convert
from tfseg.data.dataset.info import INFO_FILE
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.dataset.records import encode

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
    """Writes other records into the shard of train; dataset.json fits them, as of version 1.1."""
    path = shard_of(data)
    least_side = min(parse(records[0]).label.shape)  # all have one size
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)

    def fit(content):
        train = content["splits"]["train"]
        counts = {"num_images": len(records), "num_instances": num_instances}
        train.update(counts, min_side=least_side)
        content["statistics"] = None
        shard = train["shards"][0]
        shard.update(counts, num_records=len(records), sha256=file_sha256(path))

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
    image = np.arange(label.size * channels, dtype=dtype).reshape(*label.shape, channels)
    return encode(id, image, label, classes)


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


def test_a_folder_without_a_data_set_is_bad_input_not_a_finding(tmp_path):
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
    number = {"middle": 1, "end": 2}.get(where, 0)
    assert unreadable.message == f"Cannot be read to the end: record {number} is damaged."
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
    assert (messages[1] == "Cannot be read to the end: record 1 is damaged.") == (length > size)


@pytest.mark.parametrize("what", ["num_images", "num_instances"])
def test_counts_that_differ_from_the_shards_are_errors(data, what):
    stated = {"num_images": 3, "num_instances": 6}[what]
    edit_info(data, lambda info: info["splits"]["train"].update({what: 9}))
    message = f"{what} of the split train is 9, but its shards have {stated}."
    assert check(data) == [Finding("error", INFO_FILE, message, AGAIN)]

    values = {what: 9} | ({"num_records": 9} if what == "num_images" else {})
    edit_info(data, lambda info: info["splits"]["train"]["shards"][0].update(values))
    message = f"{what} is {stated}, but {INFO_FILE} says 9."
    assert check(data) == [Finding("error", shard_of(data).name, message, AGAIN)]


def test_an_id_twice_in_a_split_is_an_error(data):
    first, *others = stored(data)
    rewrite(data, [first, *others, first], num_instances=8)
    message = "2 samples have this id."
    same = "The same image again: train/a."
    assert check(data) == [
        Finding("error", "train/a", message, "Rename, and convert again."),
        Finding("warning", "train/a", same, "Keep one of them."),
    ]


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
    edit_info(data, lambda info: info.update(channels=3, dtype="uint16", statistics=None))
    assert check(data) == []


def test_an_image_without_instances_is_a_warning(data):
    rewrite(data, [record([0, 0, 0], id="é")], num_instances=0)
    remedy = "Check that the image shows no objects."
    message = "The split train has no instances: every metric but the loss is undefined."
    assert check(data) == [
        Finding("warning", "train/é", "The image has no instances.", remedy),
        Finding("warning", "train", message, "Split the images differently."),
    ]


def test_a_class_without_an_instance_in_train_is_a_warning(data):
    names = ["cell", "nucleus"]
    edit_info(data, lambda info: info.update(class_names=names, statistics=None))
    message = "The split train has no instance of nucleus."
    remedy = "Split the images differently, or leave these classes out."
    assert check(data) == [Finding("warning", "train", message, remedy)]


def test_ignored_pixels_are_no_instance_and_need_not_be_connected(data):
    rewrite(data, [record([-1, 0, -1], [0, 5, 5])], num_instances=1)
    assert check(data) == []
    rewrite(data, [record([-1, 0, -1])], num_instances=0)
    finding, _ = check(data)
    assert finding.message == "The image has no instances."


def test_instances_of_several_components_are_a_warning(data):
    # 5 has two components, 7 three; 6 touches itself over a corner and 9 is connected
    rows = [[5, 0, 5, 7], [6, 0, 0, 0], [0, 6, 0, 7], [7, 9, 9, 0]]
    rewrite(data, [record(*rows)], num_instances=4)
    remedy = "Give each component another id if they are separate objects."
    message = "Several connected components in 2 of 4 instances: 5, 7."
    assert check(data) == [Finding("warning", "train/x", message, remedy)]


def test_of_many_instances_that_are_not_connected_five_are_named(data):
    ids = [*range(1, 8)]
    rewrite(data, [record(ids, [0] * 7, ids)], num_instances=7)
    (finding,) = check(data)
    message = "Several connected components in 7 of 7 instances: 1, 2, 3, 4, 5 and more."
    assert finding.message == message


def test_two_touching_instances_are_not_one_component(data):
    rewrite(data, [record([1, 1, 2, 2], [1, 2, 2, 1])], num_instances=2)
    # the last pixel of 1 touches only 2: it is a second component, and 2 is connected
    (finding,) = check(data)
    assert finding.message == "Several connected components in 1 of 2 instances: 1."


def flipped_bits(path: Path, *, count: int, seed: int) -> Iterator[int]:
    """Yields the bit of a file that is flipped; restores the file at the end."""
    sound = path.read_bytes()
    for bit in np.random.default_rng(seed).choice(8 * len(sound), count, replace=False).tolist():
        damaged = bytearray(sound)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        yield bit
    path.write_bytes(sound)


def test_every_flipped_bit_is_found_by_the_quick_look_at_the_files(data):
    path = shard_of(data)
    for bit in flipped_bits(path, count=200, seed=7):
        (finding,) = check(data, quick=True)
        assert (finding.level, finding.place) == ("error", path.name), bit
    assert check(data, quick=True) == []


def test_every_flipped_bit_is_found_without_the_checksum_of_the_file(data):
    path = shard_of(data)
    for bit in flipped_bits(path, count=30, seed=8):
        sha256 = file_sha256(path)
        edit_info(
            data, lambda info, sha=sha256: info["splits"]["train"]["shards"][0].update(sha256=sha)
        )
        assert "Cannot be read to the end: record " in check(data)[0].message, bit


def test_the_quick_look_finds_missing_files_and_reads_no_record(data):
    shard_of(data).unlink()
    rest = [Finding("error", shard_of(data).name, "The file is missing.", AGAIN)]
    assert check(data, quick=True) == rest
    edit_info(data, lambda info: info["splits"]["val"].update(num_images=9))
    assert check(data, quick=True) == rest


@pytest.mark.parametrize("side", [19, 21])
def test_a_least_side_that_is_not_that_of_the_records_is_an_error(data, side):
    edit_info(data, lambda info: info["splits"]["val"].update(min_side=side))
    message = f"min_side of the split val is {side}, but its shards have 20."
    assert check(data) == [Finding("error", INFO_FILE, message, AGAIN)]


def test_one_group_in_two_splits_is_an_error(write, tmp_path):
    files = write(tmp_path / "files", ["train/a1", "train/b1", "val/c1", "val/d1"])
    data = convert(files, tmp_path / "data", groups=r"^\w").path
    assert check(data) == []
    rewrite(data, [changed(stored(data)[0], group=b"c")], num_instances=2)
    message = "The splits train and val have images of this group."
    assert check(data) == [Finding("error", "group c", message, "Keep it in one split.")]


STATISTICS = {
    "sizes": {"20x24": 3},
    "class_images": [3],
    "class_instances": [9],
    "channels": [],
    "touching_share": 0.5,
    "border_share": 0.125,
    "min_contrast": [3, 4],
}


@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_that_are_not_those_of_the_records_are_errors(data, name):
    edit_info(data, lambda info: info["statistics"].update({name: STATISTICS[name]}))
    message = f"statistics.{name} is not that of the records."
    assert check(data) == [Finding("error", INFO_FILE, message, AGAIN)]


def test_an_older_version_stated_no_contrast(data):
    edit_info(data, lambda info: info["statistics"].pop("min_contrast"))
    assert check(data) == []


def test_statistics_of_no_instances_at_all_are_an_error(data):
    kept = json.loads((data / INFO_FILE).read_text(encoding="utf-8"))["statistics"]
    rewrite(data, [record([0, 0, 0])], num_instances=0)
    edit_info(data, lambda info: info["splits"].pop("val") and info.update(statistics=kept))
    message = f"There are no instances at all, but statistics in {INFO_FILE}."
    assert check(data)[1] == Finding("error", INFO_FILE, message, AGAIN)


def test_instances_of_a_single_pixel_are_a_warning(data):
    rewrite(data, [record([5, 5, 0, 0], [0, 0, 8, 0], [2, 0, 0, -1])], num_instances=3)
    message, remedy = (
        "A single pixel in 2 of 3 instances: 2, 8.",
        "Remove them if they are annotation mistakes",
    )
    (finding,) = check(data)
    assert (finding.level, finding.place, finding.message) == ("warning", "train/x", message)
    assert finding.remedy.startswith(remedy)


INVERTED = {  # the label, and the share that an instance covers, if it is suspect
    "frame": ([[3, 3, 3], [3, 0, 3], [3, 3, 3]], "Instance 3 covers 89% of the image"),
    "all": ([[2, 2], [2, 2]], "Instance 2 covers 100% of the image"),
    "not most": ([[4, 4, 4, 4], [4, 0, 0, 0], [4, 0, 0, 0], [4, 0, 0, 0]], None),
    "three borders": ([[4, 4, 4], [4, 4, 4], [0, 0, 0]], None),
    "ignored": ([[-1, -1, -1], [-1, 6, 6], [-1, -1, -1]], None),
}


@pytest.mark.parametrize("case", INVERTED)
def test_an_instance_over_most_of_the_image_and_at_all_borders_may_be_its_background(data, case):
    rows, message = INVERTED[case]
    rewrite(data, [record(*rows)], num_instances=1)
    findings = [finding for finding in check(data) if "inverted" in finding.message]
    assert bool(findings) == (message is not None)
    if findings:
        assert findings[0].message.startswith(message)
        assert (findings[0].level, findings[0].remedy) == (
            "warning",
            "Make sure that the background is 0.",
        )


def picture(image: np.ndarray, id: str = "x") -> bytes:
    label = np.zeros(image.shape[:2], np.int32)
    label.flat[:2] = 1
    return encode(id, image, label)


def bright(share: float, value: int, dtype: str) -> np.ndarray:
    """Returns an image with this share of its 1000 pixel values at `value`."""
    image = np.full((20, 50, 1), 9, dtype)
    image.flat[: round(1000 * share)] = value
    return image


ODD = {
    "black": (np.zeros((4, 5, 1), np.uint8), "All pixels of the image are [0]."),
    "grey": (np.full((4, 5, 1), 7, np.uint8), "All pixels of the image are [7]."),
    "nearly black": (bright(0.99, 0, "uint8"), "99.0% of the pixel values of the image are 0."),
    "nearly white": (
        bright(0.995, 255, "uint8"),
        "99.5% of the pixel values of the image are 255.",
    ),
    "dark": (bright(0.989, 0, "uint8"), None),
    "one bright pixel": (
        bright(0.001, 200, "uint8"),
        "Nearly all pixels of the image are 9, so its lowest and highest values, 9 and 200, become "
        "0 and 1.",
    ),
    "three bright pixels": (bright(0.003, 200, "uint8"), None),
    "wide": (bright(0.5, 3, "uint8").reshape(4, 250, 1), "The image is very long: 4 x 250 pixels."),
    "high": (
        np.arange(11, dtype=np.uint8)[:, None, None],
        "The image is very long: 11 x 1 pixels.",
    ),
    "not long": (bright(0.5, 3, "uint8").reshape(10, 100, 1), None),
}


@pytest.mark.parametrize("case", ODD)
def test_images_of_extreme_brightness_or_aspect_are_a_warning(data, case):
    image, message = ODD[case]
    rewrite(data, [picture(image)], num_instances=1)
    findings = [finding for finding in check(data) if "instances" not in finding.message]
    assert [(finding.level, finding.place, finding.message) for finding in findings] == (
        [("warning", "train/x", message)] if message else []
    )


def test_white_has_16_bits_in_a_data_set_of_16_bits(data):
    rewrite(data, [picture(bright(0.995, 65535, "uint16"))], num_instances=1)
    edit_info(data, lambda info: info.update(dtype="uint16"))
    assert [finding.message for finding in check(data)] == [
        "99.5% of the pixel values of the image are 65535."
    ]


def test_an_image_twice_in_a_split_is_a_warning_and_in_two_splits_an_error(tmp_path, write):
    image = np.arange(480, dtype=np.uint16).reshape(20, 24)
    names = ["train/a", "train/b", "train/c", "val/d", "val/e"]
    write(tmp_path / "files", names)
    write(tmp_path / "files", ["train/a", "train/c"], image=image)
    data = convert(tmp_path / "files", tmp_path / "one").path
    assert check(data) == [
        Finding("warning", "train/a", "The same image again: train/c.", "Keep one of them.")
    ]
    write(tmp_path / "files", ["val/d"], image=image)
    data = convert(tmp_path / "files", tmp_path / "two").path
    message = "The same image again: train/c, val/d."
    assert check(data) == [Finding("error", "train/a", message, "Keep it in one split.")]


def test_images_that_differ_in_a_pixel_or_in_shape_alone_are_not_the_same(tmp_path):
    values = np.arange(24, dtype=np.uint8)
    changed_one = values.copy()
    changed_one[5] += 1
    images = [values.reshape(4, 6), values.reshape(6, 4), changed_one.reshape(4, 6)]
    samples = [(image, np.eye(*image.shape, dtype=np.int32)) for image in images]
    assert check(tfseg.convert_samples(samples, tmp_path / "data").path) == []
