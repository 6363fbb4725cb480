"""Images in tiles: what is written of them, in which shards, and how they are checked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseg import InputError, check, convert, convert_samples
from tfseg.data.conversion.encoding import encode
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.dataset import tiles
from tfseg.data.dataset.info import INFO_FILE
from tfseg.data.dataset.instances import Instances
from tfseg.data.dataset.integrity import file_sha256
from tfseg.data.dataset.tiles import Grid, TiledArray

NAMES = ["a", "b", "c", "d"]


@pytest.fixture
def small_tiles(monkeypatch) -> None:
    """Makes tiles of 8 x 8 pixels, so that an image of 20 x 24 has nine."""
    monkeypatch.setattr(tiles, "SIDE", 8)


def sample(*, channels: int = 1, dtype: str = "uint8") -> Sample:
    draw = np.random.default_rng(4)
    label = np.zeros((20, 24), np.int32)
    label[2:8, 3:19], label[10:18, 12:20], label[0, :3] = 4, 9, -1
    image = draw.integers(0, 250, (20, 24, channels)).astype(dtype)
    return Sample(image, label, np.array([2, 1]))


def test_parts_have_as_many_records_and_an_interrupted_conversion_keeps_the_finished_ones(
    small_tiles, write, contents, tmp_path
):
    files, data = write(tmp_path / "files", NAMES), tmp_path / "data"
    dataset = convert(files, tmp_path / "expected", shard_size=6)
    expected = contents(dataset.path)
    # Four images of ten records: of the seven shards of six that they would fill, each image ends
    # in another, so each is a part.
    names = [f"train-{index:05d}-of-00004" for index in range(4)]
    shards = dataset.split("train").shards
    assert [shard.name for shard in shards] == [
        f"{name}{end}.tfrecord" for name in names for end in ("", "-1")
    ]
    assert [shard.num_records for shard in shards] == [6, 4] * 4

    def report(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(files, data, shard_size=6, on_progress=report)
    partial = tmp_path / "data.partial"
    kept = {path.name: path.stat().st_mtime_ns for path in partial.glob(f"{names[0]}*.tfrecord")}
    (partial / f"{names[1]}-1.tfrecord").unlink()
    convert(files, data, shard_size=6)
    assert contents(data) == expected
    assert len(kept) == 2
    assert kept == {name: (data / name).stat().st_mtime_ns for name in kept}


@pytest.mark.parametrize("store", ["png", "raw", "jpeg:90"])
def test_an_image_in_tiles_has_the_statistics_of_the_image_and_no_findings(
    monkeypatch, tmp_path, store
):
    one = sample(channels=3)
    pair = {"image": one.image, "label": one.label, "class_of": one.class_of}
    options = {"class_names": ("a", "b"), "store": store}
    one_record = convert_samples([pair], tmp_path / "whole", **options)
    monkeypatch.setattr(tiles, "SIDE", 8)
    tiled = convert_samples([pair], tmp_path / "tiled", **options)
    assert tiled.info.has_tiles
    assert [finding.message for finding in check(tiled.path)] == []
    if not store.startswith("jpeg"):  # whose tiles are compressed each by itself
        assert tiled.info.statistics == one_record.info.statistics


def test_grey_with_equal_channels_is_stored_as_grey(small_tiles, tmp_path):
    grey = np.repeat(sample().image, 3, axis=-1)
    tiled = convert_samples([(grey, sample().label)], tmp_path / "data")
    assert (tiled.info.channels, tiled.info.has_tiles) == (1, True)


def test_an_image_that_is_read_by_windows_gives_the_records_of_an_array(small_tiles, tmp_path):
    one = sample(channels=5, dtype="uint16")
    in_memory = encode("a", one, name="a").serialized()
    grid = Grid(20, 24, 7)  # other windows than the tiles that are written
    windows = TiledArray(
        one.image.shape, one.image.dtype, lambda tile: one.image[grid.slices(tile)], side=7
    )
    label = np.memmap(tmp_path / "label", np.int32, "w+", shape=(20, 24))
    label[:] = one.label
    by_windows = encode("a", one._replace(image=windows, label=label), name="a").serialized()
    assert by_windows.record == in_memory.record
    assert by_windows.counts == in_memory.counts
    assert list(by_windows.tiles) == list(in_memory.tiles)
    assert len(in_memory.tiles) == 9


def test_the_index_of_instances_is_that_counted_by_hand():
    label = np.zeros((5, 7), np.int32)
    label[1, 1:6], label[4, 6], label[3, 0] = 3, 8, -1
    instances = Instances.of(label, Grid(5, 7, 4))
    assert instances.ids.tolist() == [3, 8]
    assert instances.areas.tolist() == [5, 1]
    assert instances.centers.tolist() == [[1, 3], [4, 6]]
    assert instances.foreground.tolist() == [3, 2, 0, 1]
    assert instances.table(np.array([2, 1])).tolist() == [[3, 8], [2, 1], [5, 1], [1, 4], [3, 6]]
    empty = Instances.of(np.zeros((5, 7), np.int32), Grid(5, 7, 4))
    assert (empty.ids.tolist(), empty.table(None).shape) == ([], (5, 0))


def rewrite(folder: Path, number: int, change) -> None:
    """Writes the shard again with a changed record."""
    (shard,) = folder.glob("*.tfrecord")
    stored = list(tf.data.TFRecordDataset(str(shard)).as_numpy_iterator())
    example = tf.train.Example.FromString(stored[number])
    change(example.features.feature)
    stored[number] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for record in stored:
            writer.write(record)
    content = json.loads((folder / INFO_FILE).read_text(encoding="utf-8"))
    content["splits"]["train"]["shards"][0]["sha256"] = file_sha256(shard)
    (folder / INFO_FILE).write_text(json.dumps(content), encoding="utf-8")


def one_less(features) -> None:
    values = np.frombuffer(features["foreground"].bytes_list.value[0], "<i4").copy()
    values[0] -= 1
    features["foreground"].bytes_list.value[0] = values.tobytes()


def other_spread(features) -> None:
    features["spread"].bytes_list.value[0] = np.zeros((2, 3), "<f4").tobytes()


def other_size(features) -> None:
    features["height"].int64_list.value[0] = 4


def no_picture(features) -> None:
    features["label"].bytes_list.value[0] = b"no PNG"


@pytest.mark.parametrize(
    ("number", "change", "message"),
    [
        (0, one_less, "The index of instances is not that of the label."),
        (0, other_spread, "The percentiles of the image are not the stored ones."),
        (4, other_size, "Tile 3 of 'a' must have 8 x 8 pixels of the type of the first"),
        (9, no_picture, "A record cannot be decoded"),
    ],
)
def test_a_record_that_does_not_fit_its_image_is_an_error(
    small_tiles, tmp_path, number, change, message
):
    one = sample()
    folder = tmp_path / "data"
    convert_samples([{"id": "a", "image": one.image, "label": one.label}], folder)
    rewrite(folder, number, change)
    messages = [finding.message for finding in check(folder) if finding.level == "error"]
    assert messages
    assert messages[0].startswith(message)


def test_an_image_of_too_many_pixels_is_refused():
    image = TiledArray((2**16, 2**15, 1), np.uint8, lambda tile: np.zeros((512, 512, 1), np.uint8))
    label = TiledArray((2**16, 2**15), np.int32, lambda tile: np.zeros((512, 512), np.int32))
    with pytest.raises(InputError, match="slide must have at most 2147483647 pixels; got 65536 x"):
        encode("a", Sample(image, label), name="slide")
