"""Tiles give the result of the untiled image, wherever they cut through objects."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tifffile

from tfseg.checks import InputError
from tfseg.data.files import tiff_windows
from tfseg.data.files.images import read_image
from tfseg.heads import CenterOffset
from tfseg.inference import tiles
from tfseg.inference.instances import Instances

SIZE = 128
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


def perfect(label: np.ndarray) -> np.ndarray:
    """Returns the maps `[H, W, 4]` of a perfect network."""
    targets = CenterOffset().targets(tf.constant(label[None]))
    shares = tf.clip_by_value(
        tf.concat([targets["foreground"], targets["center"]], -1), 1e-6, 1 - 1e-6
    )
    logits = tf.math.log(shares / (1 - shares))
    return tf.concat([logits, targets["offset"][..., :2]], -1)[0].numpy()


def decode(maps: np.ndarray) -> Instances:
    named = {"foreground": maps[..., :1], "center": maps[..., 1:2], "offset": maps[..., 2:]}
    decoded = CenterOffset().decode({name: tf.constant(m[None]) for name, m in named.items()})
    scores = decoded.scores[0].numpy()
    return Instances(decoded.labels[0].numpy(), scores, np.ones(len(scores), np.int32))


def maps_of_tile(maps: np.ndarray, rows: slice, columns: slice) -> np.ndarray:
    """Returns the maps of a tile, with wrong values within the receptive field of its cuts."""
    tile, reach = maps[rows, columns].copy(), tiles.reach(SIZE)
    for axis, cut in ((0, rows), (1, columns)):
        turned = np.moveaxis(tile, axis, 0)  # a view
        if cut.start > 0:
            turned[:reach] = 5.0
        if cut.stop < maps.shape[axis]:
            turned[-reach:] = 5.0
    return tile


def predict(maps: np.ndarray) -> Instances:
    def network(rows: slice, columns: slice) -> np.ndarray:
        return maps_of_tile(maps, rows, columns)

    return tiles.predict_tiles(network, decode, maps.shape, size=SIZE)


def assert_same_instances(one: Instances, other: Instances) -> None:
    """Checks that the instances are the same; only their ids may differ."""
    pairs = np.unique(np.stack([one.label.ravel(), other.label.ravel()]), axis=1)
    assert pairs.shape[1] == len(one.scores) + 1 == len(other.scores) + 1
    assert (pairs[:, 0] == 0).all()
    np.testing.assert_allclose(
        one.scores[pairs[0, 1:] - 1], other.scores[pairs[1, 1:] - 1], rtol=1e-5
    )


def assert_same_but(pixels: int, one: Instances, other: Instances) -> None:
    """Checks that the instances are the same but for at most so many pixels in total."""
    keys = one.label.astype(np.int64) * (other.label.max() + 1) + other.label
    pairs, counts = np.unique(keys, return_counts=True)
    order = np.argsort(-counts)
    ids, partners = np.divmod(pairs[order], other.label.max() + 1)
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
    tiled = tiles.predict_tiles(lambda *span: maps[span], all_of_it, (600, 600, 1), size=SIZE)
    np.testing.assert_array_equal(tiled.label, maps[..., 0] > 0)
    assert tiled.scores.tolist() == [1.0]
    assert tiled.classes.tolist() == [2]


@pytest.mark.parametrize(("length", "size"), [(128, 128), (129, 128), (1000, 256), (5, 128)])
def test_the_weights_of_all_tiles_add_up_to_one(length, size):
    total = np.zeros(length)
    for start, end in tiles.tile_spans(length, size):
        assert start % 32 == 0  # the grid of the network's stride
        total[start:end] += tiles.blend_weights(start, end, length, size)
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_the_weight_is_zero_within_the_receptive_field_of_a_cut():
    (start, end), *_ = tiles.tile_spans(1000, 256)[1:]
    weights = tiles.blend_weights(start, end, 1000, 256)
    reach = tiles.reach(256)
    assert (weights[:reach] == 0).all()
    assert (weights[-reach:] == 0).all()
    assert weights[reach] > 0
    assert weights[-reach - 1] > 0


@pytest.mark.parametrize("tta", [False, True])
def test_a_network_predicts_the_same_in_tiles(near_sighted, sample, tta):
    path = sorted((sample / "test" / "images").iterdir())[0]
    image = read_image(path)
    image = np.tile(image, (3, 3, 1))[:384, :640]
    # The percentiles of a tile would differ from those of the image
    image[:, 320:] //= 8
    untiled = near_sighted(tta=tta).predict(image)
    tiled = near_sighted(tta=tta, tile=256).predict(image)
    assert len(tiled.scores) == len(untiled.scores) > 1000
    assert_same_but(10, tiled, untiled)  # pixels half-way between two centres, up to rounding


def test_an_image_that_fits_a_tile_is_not_tiled(near_sighted, image, monkeypatch):
    monkeypatch.delattr(tiles, "predict_tiles")
    segmenter = near_sighted(tile=128)
    np.testing.assert_array_equal(
        segmenter.predict(image).label, near_sighted().predict(image).label
    )
    with pytest.raises(AttributeError, match="predict_tiles"):
        segmenter.predict(np.tile(image, (2, 1, 1)))


@pytest.mark.parametrize("tile", [100, 129])
def test_another_size_of_tiles_is_refused_with_the_next_one(near_sighted, tile):
    with pytest.raises(InputError, match=rf"a multiple of 128.* got {tile}. Use (128|256)"):
        near_sighted(tile=tile)


def test_a_large_picture_is_read_a_tile_at_a_time_with_the_same_result(
    near_sighted, sample, tmp_path, monkeypatch
):
    image = np.tile(read_image(sorted((sample / "test" / "images").iterdir())[0]), (2, 2, 1))
    options = {"tile": (64, 64), "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "large.tif", image[..., 0], **options)
    monkeypatch.setattr(tiff_windows, "LARGE", 0)
    windows, plain = [], tiff_windows.TiffWindows.__getitem__

    def counted(self: tiff_windows.TiffWindows, window: tuple[slice, slice]) -> np.ndarray:
        windows.append(plain(self, window))
        return windows[-1]

    monkeypatch.setattr(tiff_windows.TiffWindows, "__getitem__", counted)
    segmenter = near_sighted(tile=128)
    tiled = segmenter.predict(tiff_windows.open_image(tmp_path / "large.tif"))
    expected = segmenter.predict(image)
    np.testing.assert_array_equal(tiled.label, expected.label)
    np.testing.assert_array_equal(tiled.scores, expected.scores)
    assert len(tiled.scores) > 100
    first, *tiles_read = [window.shape[:2] for window in windows]
    assert first[0] * first[1] <= 256 * 256 < image.size
    assert max(map(max, tiles_read)) == 128
