"""Crops, pads and resizes: NumPy's slices bit by bit, OpenCV's numbers, and what is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import AffineMove
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.sizes import (
    CenterCrop,
    PadIfNeeded,
    RandomCrop,
    RandomResizedCrop,
    RandomSizedCrop,
    Resize,
)
from tfseg.checks import InputError
from tfseg.ids import IGNORE
from tfseg.kernels import field as fields
from tfseg.kernels import sampling
from tfseg.kernels.field import Size

COUNT = 1500


def picture(size: Size) -> np.ndarray:
    """Returns ids that are all different, `[H, W]`."""
    return np.arange(1, size[0] * size[1] + 1, dtype=np.int32).reshape(size)


def matrix(transform: AffineMove, size: Size, **params: float) -> np.ndarray:
    values = {name: tf.constant(value) for name, value in params.items()}
    return transform.matrix(values, size=size).numpy()


def moved(transform: AffineMove, size: Size, **params: float) -> np.ndarray:
    """Returns the ids of `picture(size)` after one move."""
    pull_back = tf.constant(matrix(transform, size, **params))
    field = fields.affine(fields.grid(transform.output_size(size)), pull_back)
    return sampling.ids(tf.constant(picture(size)), field, fill=-1).numpy()


def draws(transform: AffineMove) -> dict[str, np.ndarray]:
    """Returns 1500 draws of every parameter."""
    data = tf.data.Dataset.range(COUNT).map(
        lambda index: transform.sample(random.fold_in(random.root(5), index))
    )
    rows = list(data.as_numpy_iterator())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def parts(transform: RandomResizedCrop, size: Size) -> np.ndarray:
    """Returns (top, left, height, width) of 1500 parts, `[1500, 4]`, read from their matrices."""
    data = tf.data.Dataset.from_tensor_slices(draws(transform))
    data = data.map(lambda params: transform.matrix(params, size=size)).batch(COUNT)
    rows = next(data.as_numpy_iterator())
    new = transform.output_size(size)
    lengths = rows[:, 0, 0] * new[0], rows[:, 1, 1] * new[1]
    # Pixel 0 is read at the place + (length / new - 1) / 2.
    top, left = (rows[:, i, 2] - (rows[:, i, i] - 1) / 2 for i in range(2))
    return np.stack([top, left, *lengths], -1)


@pytest.mark.parametrize(
    ("source", "size", "rows", "columns"),
    [
        ((6, 8), (2, 4), slice(2, 4), slice(2, 6)),
        ((5, 5), (2, 2), slice(1, 3), slice(1, 3)),  # an odd rest: one more below and to the right
        ((3, 4), (3, 4), slice(0, 3), slice(0, 4)),
        ((1, 3), (1, 1), slice(0, 1), slice(1, 2)),
    ],
)
def test_a_centre_crop_is_the_middle(source, size, rows, columns):
    result = moved(CenterCrop(height=size[0], width=size[1]), source)
    np.testing.assert_array_equal(result, picture(source)[rows, columns])


def test_a_pad_surrounds_the_middle_as_albumentations_does():
    # albumentations 2.0.8, PadIfNeeded(4, 7) of 3 x 4 pixels: one row after, one and two columns
    expected = np.pad(picture((3, 4)), ((0, 1), (1, 2)), constant_values=-1)
    result = moved(PadIfNeeded(min_height=4, min_width=7), (3, 4))
    np.testing.assert_array_equal(result, expected)
    crop = CenterCrop(4, 7, pad_if_needed=True)  # as in albumentations
    np.testing.assert_array_equal(moved(crop, (3, 4)), expected)


def test_a_pad_to_a_multiple_adds_what_is_missing_on_all_sides():
    # albumentations 2.0.8, of 5 x 6 pixels: one row before and two after
    pad = PadIfNeeded(None, 7, pad_height_divisor=4)
    expected = np.pad(picture((5, 6)), ((1, 2), (0, 1)), constant_values=-1)
    np.testing.assert_array_equal(moved(pad, (5, 6)), expected)
    assert PadIfNeeded(None, None, 32, 16).output_size((32, 33)) == (32, 48)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((None, 8), "needs either min_height or pad_height_divisor; got neither"),
        ((8, 8, 4), "needs either min_height or pad_height_divisor; got min_height and pad_height"),
        ((8, None, None, 0), r"pad_width_divisor must be a whole number in \[1, .*; got 0"),
    ],
)
def test_a_pad_to_a_minimum_and_a_multiple_is_refused(values, message):
    with pytest.raises(InputError, match=rf"^PadIfNeeded.{message}"):
        PadIfNeeded(*values)


def test_a_random_crop_that_pads_contains_the_picture_and_the_border():
    chain = Chain([RandomCrop(4, 5, pad_if_needed=True)])
    label = np.arange(1, 13, dtype=np.int32).reshape(2, 6)
    starts = set()
    for seed in range(20):
        example = {"image": np.zeros((2, 6, 1), np.float32), "label": label}
        ids = chain(example, random.root(seed))["label"].numpy()
        start = ids[1, 0] - 1
        expected = np.pad(label[:, start : start + 5], ((1, 1), (0, 0)), constant_values=-1)
        np.testing.assert_array_equal(ids, expected)
        starts.add(start)
    assert starts == {0, 1}


def test_a_pad_leaves_the_sides_that_are_long_enough():
    label = picture((5, 2))
    result = moved(PadIfNeeded(min_height=3, min_width=4), (5, 2))
    np.testing.assert_array_equal(result, np.pad(label, ((0, 0), (1, 1)), constant_values=-1))
    np.testing.assert_array_equal(moved(PadIfNeeded(min_height=5, min_width=1), (5, 2)), label)


@pytest.mark.parametrize(
    ("border", "mode"),
    [("reflect_101", "reflect"), ("reflect", "symmetric"), ("nearest", "edge"), ("wrap", "wrap")],
)
def test_a_pad_continues_the_border_of_the_chain_and_ids_are_the_fill(border, mode):
    image = np.random.default_rng(0).integers(0, 255, (4, 5, 3), np.uint8)
    chain = Chain([PadIfNeeded(min_height=7, min_width=8)], sampling=Sampling(border=border))
    result = chain({"image": image, "label": picture((4, 5))}, random.root(0))
    expected = np.pad(image, ((1, 2), (1, 2), (0, 0)), mode).astype(np.float32)
    np.testing.assert_array_equal(result["image"], expected * np.float32(1 / 255))
    np.testing.assert_array_equal(
        result["label"], np.pad(picture((4, 5)), ((1, 2), (1, 2)), constant_values=IGNORE)
    )


@pytest.mark.parametrize(
    ("source", "size"), [((6, 9), (4, 3)), ((5, 5), (5, 5)), ((1, 3), (1, 1)), ((7, 2), (2, 2))]
)
def test_a_random_crop_is_a_slice_at_every_place_there_is(source, size):
    transform = RandomCrop(height=size[0], width=size[1])
    rows, columns = (old - new + 1 for old, new in zip(source, size, strict=True))
    for top in range(rows):
        for left in range(columns):
            for inner in (0.001, 0.999):  # both ends of what stands for one place
                y, x = (top + inner) / rows, (left + inner) / columns
                result = moved(transform, source, y=y, x=x)
                expected = picture(source)[top : top + size[0], left : left + size[1]]
                np.testing.assert_array_equal(result, expected)


def test_every_place_of_a_random_crop_is_equally_likely():
    drawn = draws(RandomCrop(height=4, width=3))
    top, left = np.floor(drawn["y"] * 3).astype(int), np.floor(drawn["x"] * 4).astype(int)
    counts = np.bincount(4 * top + left, minlength=12)
    # of 6 x 6 pixels 3 x 4 places: 125 each, with a deviation of sqrt(1500 x 1/12 x 11/12) = 10.7
    assert counts.shape == (12,)
    assert np.abs(counts - 125).max() < 5 * 10.7


def test_a_compiled_random_crop_is_a_slice_of_image_and_ids():
    image = np.random.default_rng(0).random((7, 10, 2), np.float32)
    chain = Chain([RandomCrop(height=4, width=5)])
    label, corners = picture((7, 10)), set()
    for index in range(20):
        seed = random.fold_in(random.root(2), index)
        result = chain({"image": image, "label": label}, seed)
        top, left = divmod(int(result["label"][0, 0]) - 1, 10)
        part = slice(top, top + 4), slice(left, left + 5)
        np.testing.assert_array_equal(result["label"], label[part])
        np.testing.assert_array_equal(result["image"], image[part])
        corners.add((top, left))
    assert len(corners) > 8  # of 4 x 6 places, 14 are expected


def test_a_random_crop_of_a_smaller_picture_is_refused_with_the_remedy():
    chain = Chain([RandomCrop(height=4, width=5)])
    example = {"image": np.zeros((4, 4, 1), np.float32), "label": np.zeros((4, 4), np.int32)}
    rule = (
        r"^RandomCrop needs pictures of at least 4 x 5 pixels; got 4 x 4\. "
        r"Set pad_if_needed=True\.$"
    )
    with pytest.raises(InputError, match=rule):
        chain(example, random.root(0))
    with pytest.raises(InputError, match=rule):
        chain.output_size((4, 4))
    with pytest.raises(InputError, match=rule.replace("Random", "Center")):
        CenterCrop(4, 5).output_size((4, 4))
    padded = Chain([RandomCrop(4, 5, pad_if_needed=True)])
    assert padded(example, random.root(0))["label"].shape == (4, 5)


@pytest.mark.parametrize(
    ("new", "recorded"),
    [
        (8, [0.0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30.0]),
        (2, [5.0, 25.0]),
        (3, [1.6666667, 15.0, 28.333332]),
    ],
)
def test_a_resize_gives_the_numbers_of_opencv(new, recorded):
    """cv2.resize of 0, 10, 20, 30 with INTER_LINEAR, OpenCV 4.12: its border is "nearest"."""
    image = np.array([[0.0, 10.0, 20.0, 30.0]], np.float32)
    for source, size in ((image, (1, new)), (image.T, (new, 1))):
        field = fields.affine(
            fields.grid(size), Resize(height=size[0], width=size[1]).matrix({}, size=source.shape)
        )
        result = sampling.values(
            tf.constant(source[..., None]),
            field,
            interpolation="bilinear",
            border=sampling.Border("nearest"),
        )
        np.testing.assert_allclose(result.numpy().ravel(), recorded, atol=1e-5)


def test_ids_are_resized_to_the_pixel_below_the_middle_of_the_new_one():
    # The middle of pixel i lies at (i + 1/2) 4 / 3 = 0.67, 2, 3.33 of the old ones' edges
    assert moved(Resize(height=1, width=3), (1, 4)).tolist() == [[1, 3, 4]]
    # twice as large: each id twice
    doubled = moved(Resize(height=4, width=6), (2, 3))
    np.testing.assert_array_equal(doubled, np.kron(picture((2, 3)), np.ones((2, 2))))
    # an odd part: the middle of each three
    label = picture((3, 9))
    np.testing.assert_array_equal(moved(Resize(height=1, width=3), (3, 9)), label[1::3, 1::3])


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (41, 49)])
def test_a_resize_to_the_same_size_changes_no_bit(size):
    transform = Resize(height=size[0], width=size[1])
    np.testing.assert_array_equal(matrix(transform, size), np.eye(3))


def test_a_resized_crop_of_the_whole_picture_changes_no_bit():
    for size in [(41, 41), (12, 12), (1, 1)]:
        transform = RandomResizedCrop(size=size, scale=(1.0, 1.0), ratio=(1.0, 1.0))
        params = {name: value.numpy() for name, value in transform.sample(random.root(0)).items()}
        np.testing.assert_array_equal(matrix(transform, size, **params), np.eye(3))


def test_a_resized_crop_of_its_own_size_is_a_slice():
    # Half of 8 x 8 is 5.66 x 5.66, rounded to 6 x 6; of 3 places the last, and of 3 the first
    transform = RandomResizedCrop(size=(6, 6))
    result = moved(transform, (8, 8), area=0.5, ratio=1.0, y=0.7, x=0.3)
    np.testing.assert_array_equal(result, picture((8, 8))[2:8, 0:6])


def test_a_resized_crop_is_enlarged_edge_upon_edge():
    # 1/8 of 8 x 8 with width / height = 2: 2 x 4 pixels, at the last of 7 rows, the first column
    transform = RandomResizedCrop(size=(4, 8))
    result = moved(transform, (8, 8), area=0.125, ratio=2.0, y=0.9, x=0.0)
    np.testing.assert_array_equal(result, np.kron(picture((8, 8))[6:8, 0:4], np.ones((2, 2))))


def test_parts_have_the_areas_and_shapes_drawn_and_lie_inside():
    size = (400, 600)
    transform = RandomResizedCrop(size=(32, 48), scale=(0.1, 0.3), ratio=(0.5, 2.0))
    top, left, height, width = parts(transform, size).T
    for start, length, side in ((top, height, 400), (left, width, 600)):
        np.testing.assert_allclose(start, np.round(start), atol=1e-3)
        np.testing.assert_allclose(length, np.round(length), atol=1e-3)
        assert start.min() > -1e-3
        assert (start + length).max() < side + 1e-3
        # each place as likely as another: uniform on [0, 1) but for the pixels
        share = (start + 0.5) / (side - length + 1)
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / COUNT)
    # The largest part, 0.3 of the area at 2 : 1, is 190 x 379 or 379 x 190: all of them fit.
    for share in (
        (height * width / (400 * 600) - 0.1) / 0.2,
        (np.log(width / height) / math.log(2) + 1) / 2,
    ):
        assert -0.02 < share.min() < 0.02  # rounding to pixels: 0.5 of about 110
        assert 0.98 < share.max() < 1.02
        assert abs(share.mean() - 0.5) < 5 * math.sqrt(1 / 12 / COUNT)
        # The share of draws in each quarter is 1/4, with a deviation of sqrt(3/16/1500) = 0.011
        counts = np.histogram(share, [-1, 0.25, 0.5, 0.75, 2])[0] / COUNT
        assert np.abs(counts - 0.25).max() < 5 * 0.0112


def test_a_part_that_does_not_fit_is_made_smaller_in_its_own_shape():
    transform = RandomResizedCrop(size=(8, 8), scale=(0.9, 1.0), ratio=(0.5, 2.0))
    _, _, height, width = parts(transform, (200, 100)).T
    assert height.max() < 200.01
    assert width.max() < 100.01
    # width / height = 1/2 fits as it is; what is wider is 100 wide, down to 50 high
    assert np.log2(width / height).min() == pytest.approx(-1, abs=0.02)
    assert np.log2(width / height).max() == pytest.approx(1, abs=0.02)
    assert np.all((width > 94) & (height > 49))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (8192, 3)])
@pytest.mark.parametrize(
    ("area", "ratio"), [(1e-4, 0.01), (1e-4, 100.0), (1.0, 0.01), (1.0, 100.0)]
)
def test_the_outermost_parts_have_at_least_a_pixel_and_lie_inside(size, area, ratio):
    transform = RandomResizedCrop(size=(2, 2))
    pull_back = matrix(transform, size, area=area, ratio=ratio, y=1 - 2**-23, x=1 - 2**-23)
    for axis in range(2):
        length = pull_back[axis, axis] * 2
        assert 1 <= length <= size[axis]
        end = pull_back[axis, 2] - (pull_back[axis, axis] - 1) / 2 + length
        assert end == pytest.approx(size[axis], abs=1e-3)


@pytest.mark.parametrize(
    ("height", "ratio", "rows", "columns"),
    [
        (4, 1.5, slice(3, 7), slice(1, 7)),  # 4 x 6 of 7 x 9, the last of 4 and 2nd of 4 positions
        (7, 0.29, slice(0, 7), slice(2, 4)),  # int(7 x 0.29) = 2 columns, the third of 8 positions
        (90, 0.02, slice(0, 7), slice(3, 4)),  # no more rows than there are
        (2, 0.01, slice(5, 7), slice(3, 4)),  # a column at least
    ],
)
def test_a_sized_crop_has_the_height_drawn_and_a_width_in_the_ratio(height, ratio, rows, columns):
    part = rows.stop - rows.start, columns.stop - columns.start
    transform = RandomSizedCrop(min_max_height=(1, 99), size=part, w2h_ratio=ratio)
    result = moved(transform, (7, 9), height=height, y=0.99, x=0.35)
    np.testing.assert_array_equal(result, picture((7, 9))[rows, columns])


def test_a_width_is_rounded_down_as_python_rounds_it():
    transform = RandomSizedCrop(min_max_height=(100, 100), size=(100, 28), w2h_ratio=0.29)
    assert int(100 * 0.29) == 28  # 28.999..., which is 29 in 32 bits
    pull_back = matrix(transform, (100, 50), height=100, y=0.0, x=0.0)
    assert pull_back[1, 1] == pytest.approx(1.0)


def test_every_height_of_a_sized_crop_is_equally_likely():
    drawn = draws(RandomSizedCrop(min_max_height=(3, 6), size=(4, 4)))
    counts = np.bincount(drawn["height"], minlength=7)[3:]
    # of 1500 draws 375 each, with a deviation of sqrt(1500 x 1/4 x 3/4) = 16.8
    assert counts.sum() == COUNT
    assert np.abs(counts - 375).max() < 5 * 16.8


def test_sizes_come_out_as_asked():
    assert RandomSizedCrop(min_max_height=(2, 5), size=(3, 4)).output_size((9, 9)) == (3, 4)
    assert CenterCrop(height=3, width=4).output_size((9, 9)) == (3, 4)
    assert RandomCrop(height=3, width=4).output_size((9, 9)) == (3, 4)
    assert RandomResizedCrop(size=(3, 4)).output_size((9, 9)) == (3, 4)
    assert Resize(height=3, width=4).output_size((9, 9)) == (3, 4)
    assert PadIfNeeded(min_height=3, min_width=40).output_size((9, 9)) == (9, 40)


@pytest.mark.parametrize(
    ("kind", "arguments", "rule"),
    [
        (CenterCrop, {"height": 0, "width": 1}, r"height must be a whole number .*; got 0"),
        (RandomCrop, {"height": 1, "width": 2.5}, r"width must be a whole number .*; got 2\.5"),
        (Resize, {"height": -1, "width": 1}, r"height must be a whole number .*; got -1"),
        (PadIfNeeded, {"min_height": 1, "min_width": True}, r"min_width must .*; got True"),
        (RandomResizedCrop, {"size": 8}, r"size must be \(height, width\); got 8"),
        (RandomResizedCrop, {"size": (8, 0)}, r"size must be a whole number .*; got 0"),
        (RandomResizedCrop, {"size": (8, 8), "scale": (0.0, 1.0)}, r"scale must be .*0\.0001 <= a"),
        (RandomResizedCrop, {"size": (8, 8), "ratio": (2.0, 0.5)}, r"ratio must be .*got \(2\.0"),
        (
            RandomSizedCrop,
            {"min_max_height": (0, 3), "size": (8, 8)},
            r"min_max_height must be .*1 <= a <= b",
        ),
        (
            RandomSizedCrop,
            {"min_max_height": (2.0, 3), "size": (8, 8)},
            r"min_max_height must be a whole number .*got 2\.0",
        ),
        (
            RandomSizedCrop,
            {"min_max_height": (2, 3), "size": 8},
            r"size must be \(height, width\); got 8",
        ),
        (
            RandomSizedCrop,
            {"min_max_height": (2, 3), "size": (8, 8), "w2h_ratio": 0.0},
            r"w2h_ratio must be a number in \[0\.01, 100\]; got 0\.0",
        ),
        (Resize, {"height": 1, "width": 1, "p": 2.0}, r"p must be a number in \[0, 1\]; got 2\.0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused(kind, arguments, rule):
    with pytest.raises(InputError, match=rf"^{kind.__name__}\.{rule}"):
        kind(**arguments)
