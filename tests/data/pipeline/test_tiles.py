"""An image in tiles gives the crops of the same image in one record, and reads only some tiles."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tfseg
from tfseg import Dataset, InputError, RunConfig, convert_samples
from tfseg.augment import Sampling
from tfseg.config import DataConfig, ModelConfig, TrainConfig
from tfseg.data.dataset import tiles
from tfseg.data.dataset.dataset import reader_of
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.pipeline import crops, objects
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.data.pipeline.replay import replay
from tfseg.data.pipeline.sources import InMemory
from tfseg.data.pipeline.stages import sample_functions
from tfseg.ids import IGNORE
from tfseg.kernels.sampling import BORDERS

SIDE = 16
SIZES = ((70, 90), (20, 24), (33, 64), (80, 37))  # the second is one tile


def make_sample(number: int, *, channels: int = 1, dtype: str = "uint8") -> dict:
    """Returns an image whose ids are numbered in the order of their first pixels."""
    draw = np.random.default_rng(number)
    height, width = SIZES[number % len(SIZES)]
    label = np.zeros((height, width), np.int32)
    for _ in range(12):
        top, left = draw.integers(0, height - 9), draw.integers(0, width - 9)
        label[top : top + draw.integers(2, 25), left : left + draw.integers(2, 25)] = 1 + top
    ids, first = np.unique(label[label > 0], return_index=True)
    order = ids[np.argsort(first)]
    label[label > 0] = 5 + 3 * np.argsort(order)[np.searchsorted(ids, label[label > 0])]
    label[:3, 5:9] = IGNORE
    image = draw.integers(0, 250, (height, width, channels)) + label[..., None] % 7
    classes = draw.integers(1, 4, len(np.unique(label[label > 0])))
    return {"image": image.astype(dtype), "label": label, "class_of": classes, "id": f"s{number}"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Returns a function that makes two data sets of four images: in tiles, and in one record."""

    @functools.cache
    def make(
        channels: int = 1, dtype: str = "uint8", store: str = "png"
    ) -> tuple[Dataset, Dataset]:
        folder = tmp_path_factory.mktemp("pair")
        samples = [make_sample(number, channels=channels, dtype=dtype) for number in range(4)]
        convert = functools.partial(
            convert_samples, samples, class_names=("a", "b", "c"), store=store, shard_size=7
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tiles, "SIDE", SIDE)
            tiled = convert(folder / "tiled")
        return tiled, convert(folder / "plain")

    return make


def batch(dataset: Dataset, *, augment=(), classes=(), **data) -> tuple[np.ndarray, np.ndarray]:
    config = RunConfig(
        augment=augment,
        data=DataConfig(crop_size=32, **data),
        train=TrainConfig(batch_size=8),
        model=ModelConfig(class_names=classes),
    )
    return next(tfseg.training_batches(dataset, config).as_numpy_iterator())


FLIP = {"name": "HorizontalFlip"}
CONFIGS = {
    "classes": {
        "augment": (FLIP, {"name": "Sampling", "border": "wrap"}),
        "classes": ("a", "b", "c"),
        "instance_share": 0.7,
        "min_visibility": 0.5,
    },
    "memory": {"channels": 5, "dtype": "float32", "cache": "memory", "augment": (FLIP,)},
    "disk": {"channels": 3, "dtype": "uint16", "store": "raw", "cache": "disk"},
    "percentiles": {"channels": 5, "dtype": "uint16", "min_visibility": 0.3},
}
SLOW = ("memory", "disk", "percentiles")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CONFIGS]
)
def test_the_crops_of_an_image_in_tiles_are_those_of_the_image(pair, name):
    options = {"foreground_share": 0.0} | CONFIGS[name]
    kind = {key: options.pop(key) for key in ("channels", "dtype", "store") if key in options}
    tiled, plain = pair(**kind)
    assert tiled.info.has_tiles
    assert not plain.info.has_tiles
    for ours, theirs in zip(batch(tiled, **options), batch(plain, **options), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_common_percentiles_of_some_channels_are_refused(pair):
    tiled, plain = pair(5, "uint16", "raw")
    kept = ("channel_1", "channel_3")
    config = RunConfig(
        data=DataConfig(crop_size=32, channels=kept), model=ModelConfig(normalization="image")
    )
    with pytest.raises(InputError, match="percentiles of the channels channel_1, channel_3 tog"):
        tfseg.training_batches(tiled, config)
    assert tfseg.training_batches(plain, config)


def test_an_aimed_crop_can_hold_every_foreground_pixel_and_no_other(pair):
    tiled, _ = pair()
    reader = reader_of(tiled, "train")

    @tf.function
    def all_pixels(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        sample = reader.decode(reader.read(number))
        objects_of_image = objects.in_tiles(sample, lambda tile: reader.tile_label(sample, tile))
        pixels = tf.map_fn(objects_of_image.pixel, tf.range(objects_of_image.num_pixels))
        classes, center = objects_of_image.instances()
        return pixels, tf.map_fn(center, tf.range(tf.size(classes))), classes

    for number in (0, 2, 3):
        expected = make_sample(number)
        pixels, centers, classes = all_pixels(tf.constant(number, tf.int64))
        assert sorted(map(tuple, pixels.numpy().tolist())) == list(
            map(tuple, np.argwhere(expected["label"] > 0).tolist())
        )
        assert classes.numpy().tolist() == expected["class_of"].tolist()
        for id, center in zip(np.unique(expected["label"])[2:], centers.numpy(), strict=True):
            where = np.argwhere(expected["label"] == id)
            assert center.tolist() == (where.sum(axis=0) // len(where)).tolist()


@pytest.fixture(scope="module")
def patch(pair):
    """Returns a function that reads a part of an image in tiles, and the image."""
    reader = reader_of(pair()[0], "train")

    @tf.function
    def read(number: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor):
        sample = reader.decode(reader.read(number))
        return reader.patch(sample, rows, columns), reader.joined(sample)

    return read


@settings(max_examples=30)
@given(
    number=st.sampled_from([0, 2, 3]),
    size=st.sampled_from([5, 40]),
    border=st.sampled_from(BORDERS),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_any_crop_with_any_border_is_that_of_the_image(patch, number, size, border, share):
    shape = SIZES[number]
    corner = [int(part * max(side - size, 0)) for part, side in zip(share, shape, strict=True)]
    sampling = Sampling(border=border, border_value=0.25, fill=0)
    window = crops.window(  # the margin is beyond a tile, also of the 33 pixels
        tf.constant(corner), tf.constant(shape), size, margin=19, border=border
    )
    part, plain = patch(tf.constant(number, tf.int64), window.rows, window.columns)
    if border != "wrap":  # no tile more than needed
        assert max(part.label.shape) <= size + 2 * 19 + 2 * SIDE
    ours, theirs = (
        crops.cut(source, window.beyond, sampling=sampling)
        for source in (part, InMemory(plain["image"], plain["label"]).patch(window))
    )
    np.testing.assert_array_equal(ours["image"], theirs["image"])
    np.testing.assert_array_equal(ours["label"], theirs["label"])


def test_a_crop_decodes_each_tile_that_it_touches_once_and_one_more_to_aim(pair):
    tiled, _ = pair()
    height, width = SIZES[0]
    decoded: list[tuple[int, int]] = []  # number of a tile, and its pixels

    def counting(load):
        def tile(number: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = load(number)
            size = tf.size(pixels["label"])
            note = tf.numpy_function(lambda *read: decoded.append(read), [number, size], [])
            with tf.control_dependencies([note]):
                return {name: tf.identity(values) for name, values in pixels.items()}

        return tile

    reader = reader_of(tiled, "train", keep=counting)
    config = RunConfig(
        augment=(), data=DataConfig(crop_size=32, foreground_share=0.5, instance_share=0.25)
    )
    functions = sample_functions(tiled, config, reader)

    @tf.function
    def corner(epoch: tf.Tensor) -> tf.Tensor:
        stored = reader.read(tf.constant(0, tf.int64)) | {"epoch": epoch}
        return functions["crop"](functions["decode"](stored))["corner"]

    aimed, across = 0, -(-width // SIDE)
    for epoch in range(40):
        decoded.clear()
        rows, columns = (
            range(first // SIDE, (first + 31) // SIDE + 1)
            for first in corner(tf.constant(epoch)).numpy().tolist()
        )
        touched = {1 + row * across + column for row in rows for column in columns}
        assert {number for number, _ in decoded} == touched
        assert len(decoded) <= len(touched) + 1
        assert sum(pixels for _, pixels in decoded) <= (len(touched) + 1) * SIDE**2
        aimed += len(decoded) - len(touched)
    assert 5 < aimed < 25  # about half of the three quarters


def test_samples_of_too_many_pixels_are_refused_before_they_are_read(pair, monkeypatch):
    tiled, plain = pair()
    monkeypatch.setattr(tiles, "MOST_JOINED", 70 * 90 - 1)
    rule = (
        r"'s0' must have at most 6299 pixels to be read at once; it has 6300\. Read it by windows"
    )
    with pytest.raises(InputError, match=rule):
        tiled.samples("train")
    with pytest.raises(InputError, match=rule):
        next(tiled.images("train")).arrays()
    assert plain.samples("train")


@settings(max_examples=200)
@given(st.data())
def test_any_window_of_any_tiled_array_is_that_of_the_array(data):
    height, width, side = (data.draw(st.integers(1, limit)) for limit in (40, 30, 12))
    array = np.arange(height * width * 2).reshape(height, width, 2)
    grid = tiles.Grid(height, width, side)
    tiled = tiles.TiledArray(
        array.shape, array.dtype, lambda tile: array[grid.slices(tile)], side=side
    )
    window = tuple(
        slice(
            data.draw(st.none() | st.integers(-size, size)),
            data.draw(st.none() | st.integers(-size, size + 5)),
            data.draw(st.none() | st.integers(1, 9)),
        )
        for size in (height, width)
    )
    np.testing.assert_array_equal(tiled[window], array[window])
    np.testing.assert_array_equal(np.asarray(tiled), array)


def test_samples_and_windows_of_an_image_in_tiles_are_those_of_the_image(pair):
    tiled, plain = pair()
    samples = zip(
        tiled.samples("train").as_numpy_iterator(),
        plain.samples("train").as_numpy_iterator(),
        tiled.images("train"),
        strict=True,
    )
    for joined, expected, stored in samples:
        for name in ("id", "image", "label", "class_of"):
            np.testing.assert_array_equal(joined[name], expected[name])
        assert stored.id == expected["id"].decode()
        assert stored.shape == expected["image"].shape
        np.testing.assert_array_equal(stored.class_of, expected["class_of"])
        np.testing.assert_array_equal(stored.ids(), np.unique(expected["label"])[2:])
        window = slice(3, 19), slice(10, 24)
        np.testing.assert_array_equal(stored.image[window], expected["image"][window])
        np.testing.assert_array_equal(stored.label[window], expected["label"][window])
    (third,) = tiled.images("train", [2])
    assert third.id == "s2"


def test_validation_is_that_of_the_image(pair):
    tiled, plain = pair()
    config = RunConfig(data=DataConfig(crop_size=32), train=TrainConfig(batch_size=4))
    ours, theirs = (
        next(tfseg.validation_batches(data, config, split="train").as_numpy_iterator())
        for data in (tiled, plain)
    )
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_mixture_has_the_crops_of_the_images(pair):
    tiled, plain = pair()
    mixed = batch(Mixture.join([plain, tiled]), foreground_share=0.0)
    expected = batch(Mixture.join([plain, plain]), foreground_share=0.0)
    np.testing.assert_array_equal(mixed[0], expected[0])


def test_a_replay_is_that_of_the_image(pair):
    tiled, plain = pair()
    config = RunConfig(augment=(), data=DataConfig(crop_size=32, foreground_share=0.0))
    ours, theirs = (replay(data, config, "s3", epoch=2) for data in (tiled, plain))
    assert ours.corner == theirs.corner
    np.testing.assert_array_equal(ours.image, theirs.image)


def test_tiles_fill_shards_to_the_limit_and_go_on_in_the_next(pair):
    tiled, _ = pair()
    # 30 tiles and 1 record of the image, 1 record, 3 x 4 + 1, 5 x 3 + 1: of nine shards of seven
    # that they would fill, the first two images end in the fifth, and are one part.
    shards = tiled.split("train").shards
    assert [shard.num_records for shard in shards] == [7, 7, 7, 7, 4, 7, 6, 7, 7, 2]
    assert [shard.num_images for shard in shards] == [1, 0, 0, 0, 1, 1, 0, 1, 0, 0]
    assert [shard.tiled for shard in shards if shard.tiled] == [((0, 30),), ((0, 12),), ((0, 15),)]
    assert shards[0].name == "train-00000-of-00003.tfrecord"
    assert shards[9].name == "train-00002-of-00003-2.tfrecord"
    assert Index.read(tiled, "train").images.tolist() == [0, 31, 32, 45]


@pytest.fixture
def copy(pair, tmp_path) -> Dataset:
    return Dataset.open(shutil.copytree(pair()[0].path, tmp_path / "data"))


def damage(dataset: Dataset, record: int) -> None:
    """Flips a bit of the payload of a record."""
    index = Index.read(dataset, "train")
    path = Path(index.paths[index.shards[record]])
    content = bytearray(path.read_bytes())
    content[int(index.offsets[record]) + 100] ^= 1
    path.write_bytes(content)


def test_a_damaged_tile_is_an_error_that_names_it_or_its_pixels_are_ignored(copy):
    config = RunConfig(data=DataConfig(crop_size=90, foreground_share=0.0), augment=())
    reader = reader_of(copy, "train")
    functions = sample_functions(copy, config, reader)
    before = functions["crop"](
        functions["decode"](reader.read(tf.constant(0))) | {"epoch": tf.constant(0)}
    )
    damage(copy, 1 + 6 * 1 + 2)  # second row of tiles, third column
    message = (
        r"-00003-1\.tfrecord, record 2 \(sample 's0'\), a tile, is damaged\. Convert .*again\.$"
    )
    with pytest.raises(InputError, match=message), unwrap_input_errors():
        list(copy.samples("train"))
    reader = reader_of(copy, "train", on_corrupt="skip")
    functions = sample_functions(copy, config, reader)
    with pytest.warns(UserWarning, match=r"a tile, is damaged and left out; 1 of 61 records"):
        after = functions["crop"](
            functions["decode"](reader.read(tf.constant(0))) | {"epoch": tf.constant(0)}
        )
    expected = before["label"].numpy()
    top = (90 - 70) // 2 + 16
    expected[top : top + 16, 32:48] = IGNORE
    np.testing.assert_array_equal(after["label"], expected)


def test_a_damaged_record_of_an_image_in_tiles_is_replaced_by_the_next_image(copy):
    damage(copy, 32)
    reader = reader_of(copy, "train", on_corrupt="skip")
    with pytest.warns(UserWarning, match=r"\(sample 's2'\) is damaged and left out"):
        assert reader.decode(reader.read(tf.constant(2)))["id"] == b"s3"
