"""Tiles give the result of the untiled image, wherever they cut through objects."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import tfseg
from tfseg.checks import InputError
from tfseg.data.files import limits, opening, tiff_windows
from tfseg.data.files.images import read_image
from tfseg.heads import CenterOffset
from tfseg.inference import tiles
from tfseg.inference.instances import Instances
from tfseg.networks.context import context
from tfseg.networks.layers import CutTo, PadToStride

SIZE, CONTEXT = 128, 30
LONGEST = SIZE // 4  # objects up to this length are the same
SHAPE = (330, 290)


def discs(shape: tuple[int, int], seed: int, shift: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Returns up to 130 discs that touch and cover each other, none longer than LONGEST."""
    generator = np.random.default_rng(seed)
    rows, columns = np.indices(shape)
    label = np.zeros(shape, np.int32)
    for number in range(1, 131):
        y, x = generator.uniform(0, shape) + shift
        radius = generator.uniform(3, (LONGEST - 1) / 2)
        label[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = number
    return label


@tf.function(input_signature=[tf.TensorSpec([None, None], tf.int32)], autograph=False)
def perfect_maps(label: tf.Tensor) -> tf.Tensor:
    targets = CenterOffset().targets(label[None])
    shares = tf.clip_by_value(
        tf.concat([targets["foreground"], targets["center"]], -1), 1e-6, 1 - 1e-6
    )
    logits = tf.math.log(shares / (1 - shares))
    return tf.concat([logits, targets["offset"][..., :2]], -1)[0]


def perfect(label: np.ndarray) -> np.ndarray:
    """Returns the maps `[H, W, 4]` of a perfect network."""
    return perfect_maps(tf.constant(label)).numpy()


@tf.function(input_signature=[tf.TensorSpec([None, None, 4])], autograph=False)
def decoded(maps: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    instances = CenterOffset().decode(CenterOffset().split_outputs(maps[None]))
    return instances.labels[0], instances.scores[0]


def decode(maps: np.ndarray) -> Instances:
    label, scores = (values.numpy() for values in decoded(tf.constant(maps)))
    return Instances(label, scores, np.ones(len(scores), np.int32))


def maps_of_tile(maps: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Returns the maps of a tile, with wrong values within the context of its cuts."""
    tile = maps[rows, columns].copy()
    for axis, cut in ((0, rows), (1, columns)):
        turned = np.moveaxis(tile, axis, 0)  # a view
        if cut.start > 0:
            turned[:CONTEXT] = 5.0
        if cut.stop < maps.shape[axis]:
            turned[-CONTEXT:] = 5.0
    return tile


def predict(maps: np.ndarray) -> Instances:
    def network(rows: slice, columns: slice) -> np.ndarray:
        return maps_of_tile(maps, rows, columns)

    return tiles.predict_tiles(network, maps.shape, tiles.Plan(SIZE, CONTEXT), decode=decode)


def assert_same_instances(one: Instances, other: Instances) -> None:
    """Checks that the instances are the same; only their ids may differ."""
    pairs = np.unique(np.stack([one.labels.ravel(), other.labels.ravel()]), axis=1)
    assert pairs.shape[1] == len(one.scores) + 1 == len(other.scores) + 1
    assert (pairs[:, 0] == 0).all()
    np.testing.assert_allclose(
        one.scores[pairs[0, 1:] - 1], other.scores[pairs[1, 1:] - 1], rtol=1e-5
    )


def assert_same_but(pixels: int, one: Instances, other: Instances) -> None:
    """Checks that the instances are the same but for at most so many pixels in total."""
    keys = one.labels.astype(np.int64) * (other.labels.max() + 1) + other.labels
    pairs, counts = np.unique(keys, return_counts=True)
    order = np.argsort(-counts)
    ids, partners = np.divmod(pairs[order], other.labels.max() + 1)
    main = np.zeros(len(pairs), bool)
    main[np.unique(ids, return_index=True)[1]] = True
    assert counts[order][~main].sum() <= pixels
    assert len(np.unique(partners[main])) == main.sum()


@pytest.mark.parametrize("shift", [(0, 0), (7, 1), (16, 24), (-29, 50), (-64, -77)])
def test_cuts_through_objects_at_any_offset_neither_split_nor_double_them(shift):
    maps = perfect(discs(SHAPE, seed=3, shift=shift))
    untiled = decode(maps)
    assert len(untiled.scores) > 60
    assert_same_instances(predict(maps), untiled)


@pytest.mark.parametrize("shape", [(20, 300), (300, 20), (128, 129), (129, 128), (225, 224)])
def test_any_size_is_covered(shape):
    maps = perfect(discs(shape, seed=1))
    assert_same_instances(predict(maps), decode(maps))


def test_an_object_longer_than_a_window_is_still_one():
    label = np.zeros((400, 420), np.int32)
    label[180:200, 10:410] = 1
    maps = perfect(label)
    maps[..., 1] = np.where(np.indices(label.shape)[1] % 40 == 0, maps[..., 0], -9)  # many centres
    maps[..., 2:] = 0.0
    # Every segment of the bar between two centres is an object; the tiles agree on all of them
    assert_same_instances(predict(maps), decode(maps))


def test_a_window_with_only_a_part_of_an_object_joins_it_to_the_rest():
    def all_of_it(maps: np.ndarray) -> Instances:
        label = (maps[..., 0] > 0).astype(np.int32)
        return Instances(label, np.ones(1, np.float32), np.full(1, 2, np.int32))

    maps = np.full((600, 600, 1), -1, np.float32)
    maps[20:580, 100:500] = 1
    tiled = tiles.predict_tiles(
        lambda *span: maps[span], (600, 600, 1), tiles.Plan(SIZE, CONTEXT), decode=all_of_it
    )
    np.testing.assert_array_equal(tiled.labels, maps[..., 0] > 0)
    assert tiled.scores.tolist() == [1.0]
    assert tiled.classes.tolist() == [2]


def test_a_vote_for_a_far_centre_is_the_same_at_every_size_of_the_image():
    # Without offsets pixels vote where they are, up to 15 pixels from the centre of their disc, and
    # look it up in cells of two pixels, whose grid starts where the window starts.
    large = discs((330, 290), seed=4)
    sizes = np.random.default_rng(0).integers(129, 290, 200)
    differing = []
    for length in sizes:
        label = large[: length + 1, :64].copy() if length % 2 else large[:64, : length + 1].copy()
        cut = np.union1d(label[-1:], label[:, -1:])  # all others are whole
        label[np.isin(label, cut)] = 0
        maps = perfect(label)
        maps[..., 2:] = 0.0
        one, other = predict(maps).labels, decode(maps).labels
        pairs = np.unique(one.astype(np.int64) * 1000 + other)
        if not len(pairs) == one.max() + 1 == other.max() + 1 > 4:
            differing.append(length)
    assert differing == []


@settings(max_examples=300)
@given(
    length=st.integers(1, 3000),
    size=st.sampled_from([128, 256, 384, 1024]),
    context=st.integers(0, 200),
)
def test_cores_cover_an_axis_once_and_are_far_from_every_cut(length, size, context):
    size = max(size, tiles.least_size(context))
    plans = {
        32: (tiles.tile_spans(length, tiles.Plan(size, context)), context, size),
        128: (tiles.window_spans(length, size), size // 4, size * 3 // 2 + 128),
    }
    for multiple, (spans, distance, longest) in plans.items():
        ends = [0, *(span.core_end for span in spans)]
        assert [span.core_start for span in spans] == ends[:-1]
        assert ends[-1] == length
        for span in spans:
            assert span.start % multiple == 0
            assert 0 < span.end - span.start <= longest
            assert span.core_start < span.core_end
            assert span.start == 0 or span.core_start - span.start >= distance
            assert span.end == length or span.end - span.core_end >= distance


@pytest.fixture(scope="module")
def whole_numbers() -> tuple[keras.Model, int]:
    """A network with strides whose maps are whole numbers, so that rounding hides no difference."""
    images = keras.Input((None, None, 1))
    features = PadToStride(32)(images)
    for strides in (2, 2, 1):
        features = keras.layers.Conv2D(2, 3, strides, padding="same", activation="relu")(features)
    features = keras.layers.MaxPooling2D()(features)
    features = keras.layers.UpSampling2D(8)(features)
    maps = keras.layers.Conv2D(2, 3, padding="same")(features)
    model = keras.Model(images, CutTo()([maps, images]))
    generator = np.random.default_rng(1)
    model.set_weights([generator.integers(-2, 4, w.shape) for w in model.get_weights()])
    return model, context(model)


def test_maps_of_tiles_are_bit_for_bit_those_of_the_image_at_200_sizes(whole_numbers):
    model, reach = whole_numbers
    graph = tf.function(model, input_signature=[tf.TensorSpec([1, None, None, 1])])
    generator = np.random.default_rng(2)
    differing = []
    for length in generator.integers(129, 420, 200):
        shape = (length, 33) if length % 2 else (33, length)
        image = generator.integers(0, 4, (1, *shape, 1)).astype(np.float32)
        windows = []

        def network(rows: slice, columns: slice, image: np.ndarray = image) -> np.ndarray:
            return graph(image[:, rows, columns]).numpy()[0]

        def record(maps: np.ndarray, windows: list[np.ndarray] = windows) -> Instances:
            windows.append(maps)
            return Instances(np.zeros(maps.shape[:2], np.int32), np.zeros(0), np.zeros(0, int))

        tiles.predict_tiles(network, (*shape, 2), tiles.Plan(SIZE, reach), decode=record)
        untiled = graph(image).numpy()[0]
        spans = tiles.window_spans(length, SIZE)
        axis = shape.index(length)
        for span, maps in zip(spans, windows, strict=True):
            expected = np.take(untiled, range(span.start, span.end), axis=axis)
            if not np.array_equal(maps, expected):
                differing.append((length, span))
    assert differing == []


@pytest.mark.parametrize(("tta", "shape"), [(False, (385, 633)), (True, (301, 290))])
def test_a_network_predicts_the_same_in_tiles(near_sighted, sample, tta, shape):
    path = sorted((sample / "test" / "images").iterdir())[0]
    image = read_image(path)
    image = np.tile(image, (3, 3, 1))[: shape[0], : shape[1]]
    # The percentiles of a tile would differ from those of the image
    image[:, 320:] //= 8
    whole_image, in_tiles = near_sighted(tta=tta), near_sighted(tta=tta, tile=256)
    np.testing.assert_allclose(in_tiles.maps(image), whole_image.maps(image), atol=1e-4)
    untiled, tiled = whole_image.predict(image), in_tiles.predict(image)
    assert len(tiled.scores) == len(untiled.scores) > 300
    assert_same_but(10, tiled, untiled)  # pixels half-way between two centres, up to rounding


def test_an_image_that_fits_a_tile_is_not_tiled(near_sighted, image, monkeypatch):
    monkeypatch.delattr(tiles, "predict_tiles")
    segmenter = near_sighted(tile=128)
    np.testing.assert_array_equal(
        segmenter.predict(image).labels, near_sighted().predict(image).labels
    )
    with pytest.raises(AttributeError, match="predict_tiles"):
        segmenter.predict(np.tile(image, (2, 1, 1)))


@pytest.mark.parametrize("tile", [100, 129])
def test_another_size_of_tiles_is_refused_with_the_next_one(near_sighted, tile):
    with pytest.raises(InputError, match=rf"a multiple of 128.* got {tile}. Use (128|256)"):
        near_sighted(tile=tile)


def test_a_tile_without_room_for_the_context_is_refused_with_the_least_one(segmenter):
    assert segmenter.context == 287  # of Unet with resnet18
    message = r"tile must be at least 640, or 0 .* looks 287 pixels far; got 512. Use 640."
    with pytest.raises(InputError, match=message):
        tfseg.Segmenter(segmenter.model, segmenter.model_config, tile=512)
    assert tfseg.Segmenter(segmenter.model, segmenter.model_config, tile=640).tile == 640


def test_the_side_of_tiles_follows_the_network_if_it_is_not_given(near_sighted, monkeypatch):
    sides = []

    def predict_tiles(*given: object, decode: object, folder: object) -> Instances:
        sides.append(given[2])
        return Instances(np.zeros((1, 1), np.int32), np.zeros(0), np.zeros(0, int))

    monkeypatch.setattr(tiles, "predict_tiles", predict_tiles)
    for field in (18, 300, None):
        automatic = near_sighted(tile=None)
        automatic.__dict__["context"] = field
        automatic.predict_with_doubt(np.zeros((1025, 8, 1), np.uint8))
        automatic.predict_with_doubt(np.zeros((2000, 8, 1), np.uint8))
    # 300 pixels, 320 in multiples of 32: tiles of 1,280; the first image fits in one
    assert sides == [(1024, 18), (1024, 18), (1280, 300), (1024, 128), (1024, 128)]
    assert automatic.num_approximate == 2


def test_a_large_picture_is_read_a_tile_at_a_time_with_the_same_result(
    near_sighted, sample, tmp_path, monkeypatch
):
    image = np.tile(read_image(sorted((sample / "test" / "images").iterdir())[0]), (2, 2, 1))
    options = {"tile": (64, 64), "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "large.tif", image[..., 0], **options)
    monkeypatch.setattr(limits, "LARGE", 0)
    windows, plain = [], tiff_windows.TiffWindows.__getitem__

    def counted(self: tiff_windows.TiffWindows, window: tuple[slice, slice]) -> np.ndarray:
        windows.append(plain(self, window))
        return windows[-1]

    monkeypatch.setattr(tiff_windows.TiffWindows, "__getitem__", counted)
    segmenter = near_sighted(tile=128)
    tiled = segmenter.predict(opening.open_image(tmp_path / "large.tif"))
    expected = segmenter.predict(image)
    np.testing.assert_array_equal(tiled.labels, expected.labels)
    np.testing.assert_array_equal(tiled.scores, expected.scores)
    assert len(tiled.scores) > 100
    first, *tiles_read = [window.shape[:2] for window in windows]
    assert first[0] * first[1] <= 256 * 256 < image.size
    assert max(map(max, tiles_read)) == 128
