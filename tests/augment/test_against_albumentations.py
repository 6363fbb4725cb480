"""Every transform against the one of the same name in albumentations 2.0.8, at fixed parameters.

A move is compared by where each pixel of the result is read, to 1e-3 pixels; a change of values
by its result for an image of 8 bits, to one step of 8 bits. Where a definition is another one on
purpose, the row has the reason and the largest difference, as measured, which is tested too.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tfseg import augment
from tfseg.augment import TRANSFORMS, Geometric, Pixel
from tfseg.kernels import field as fields
from tfseg.kernels import sampling, warps
from tfseg.kernels.field import Field, Size

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or it looks for newer versions online
A = pytest.importorskip("albumentations", reason="comes with the extra dev")
cv2 = pytest.importorskip("cv2", reason="comes with albumentations")

from albumentations.augmentations.blur import functional as blurs  # noqa: E402
from albumentations.augmentations.geometric import functional as geometry  # noqa: E402

SIZE, SQUARE = (40, 48), (12, 12)
OUTSIDE = -1000.0
DEGREE = np.pi / 180
HALF = "the picture reaches from edge to edge of its pixels, in albumentations from 0 to its length"
BESIDE = "the outermost pixels are interpolated with those beside the part, not with themselves"
CROP = {"y": 0.7, "x": 0.3}  # of 21 and 25 positions, number 14 and 7


class Move(NamedTuple):
    """A geometric transform, its parameters, and what albumentations does.

    Attributes:
        ours: the transform.
        params: what it would draw.
        theirs: the size of a picture -> the source of every pixel of the result, `[2, h, w]`.
        size: of the picture.
        shift: of our pixels and of our coordinates, to have theirs.
        is_clipped: whether theirs end at the outermost pixels.
        difference: the largest one, in pixels.
        reason: why there is one.
    """

    ours: Geometric
    params: Mapping[str, Any]
    theirs: Callable[[Size], np.ndarray]
    size: Size = SIZE
    shift: tuple[float, float] = (0.0, 0.0)
    is_clipped: bool = False
    difference: float = 0.0
    reason: str = ""


class Change(NamedTuple):
    """A pixel-level transform, its parameters, and what albumentations does.

    Attributes:
        ours: the transform.
        params: what it would draw.
        theirs: an image of 8 bits -> the result, in steps of 8 bits.
        difference: the largest one, in such steps, if it is above 1.
        reason: why there is one.
        channels: of the image.
    """

    ours: Pixel
    params: Mapping[str, Any]
    theirs: Callable[[np.ndarray], np.ndarray]
    difference: float = 0.0
    reason: str = ""
    channels: int = 3


def quiet(kind: str, **parameters: Any) -> Any:
    """Returns a transform of albumentations, which advises against ShiftScaleRotate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(A, kind)(**parameters)


def by_matrix(matrix: np.ndarray, size: Size) -> np.ndarray:
    """Returns the sources for a matrix from source to result, both (x, y, 1)."""
    y, x = np.indices(size)
    back = np.einsum("ij,jyx->iyx", np.linalg.inv(matrix), [x, y, np.ones(size)])
    return np.stack([back[1] / back[2], back[0] / back[2]])


def drawn_matrix(transform: Any) -> Callable[[Size], np.ndarray]:
    def read(size: Size) -> np.ndarray:
        params = transform.get_params_dependent_on_data({"shape": (*size, 3)}, {})
        return by_matrix(params["matrix"], size)

    return read


def applied(transform: Any, **params: Any) -> Callable[[Size], np.ndarray]:
    """Returns a function that lets albumentations move a picture of its coordinates."""

    def read(size: Size) -> np.ndarray:
        picture = np.stack(np.indices(size), axis=-1).astype(np.float32)
        extra = params or transform.get_params_dependent_on_data({"shape": picture.shape}, {})
        return np.moveaxis(transform.apply(picture, **extra), -1, 0).astype(np.float64)

    return read


def lens(maps: Callable[..., Any], strength: float) -> Callable[[Size], np.ndarray]:
    return lambda size: np.stack(maps(size, strength)[::-1]).astype(np.float64)


def cells(size: Size) -> np.ndarray:
    steps = geometry.normalize_grid_distortion_steps(size, 3, COLUMNS, ROWS)
    return np.stack(geometry.generate_grid(size, steps["steps_x"], steps["steps_y"], 3)[::-1])


def quadrilateral(size: Size) -> np.ndarray:
    points = np.float32(CORNERS)[:, ::-1] * np.float32(size)[::-1]
    matrix, _, _ = geometry.compute_perspective_params(points, size)
    return by_matrix(matrix, size)


def enlarged(size: Size) -> np.ndarray:
    """Returns the middle of what RandomScale makes by a factor of 1.25: 40 x 48 of 50 x 60."""
    return applied(A.RandomScale(), scale=1.25)(size)[:, 5:45, 6:54]


ROWS, COLUMNS = [1.2, 0.7, 1.1, 0.9], [0.8, 1.3, 1.0, 1.1]
CORNERS = [[0.1, 0.05], [0.03, 0.9], [0.8, 0.93], [0.95, 0.2]]  # (y, x), clockwise
TURN = {"rotate": (20, 20)}
D4 = {"e": (0, False), "r90": (1, False), "r180": (2, False), "r270": (3, False)}
D4 |= {"h": (0, True), "hvt": (1, True), "v": (2, True), "t": (3, True)}
PADDED = {"border_mode": 0, "fill": OUTSIDE}
MOVES = [
    Move(
        augment.Affine(),
        {"scale_y": 0.8, "scale_x": 1.2, "y": -0.1, "x": 0.125, "radians": 20 * DEGREE}
        | {"shear_y": -5 * DEGREE, "shear_x": 10 * DEGREE},
        drawn_matrix(
            A.Affine(
                scale={"y": (0.8, 0.8), "x": (1.2, 1.2)},
                translate_percent={"y": (-0.1, -0.1), "x": (0.125, 0.125)},
                shear={"y": (-5, -5), "x": (10, 10)},
                **TURN,
            )
        ),
    ),
    Move(
        augment.Affine(),
        {"scale_y": 1.0, "scale_x": 1.0, "y": 0.11, "x": 0.0, "radians": 0.0}
        | {"shear_y": 0.0, "shear_x": 0.0},
        drawn_matrix(A.Affine(translate_percent={"y": (0.11, 0.11), "x": (0, 0)})),
        difference=0.4,
        reason="a shift of 4.4 pixels is not cut to whole ones",
    ),
    Move(
        augment.ShiftScaleRotate(),
        {"y": -0.1, "x": 0.125, "scale": 1.2, "radians": 20 * DEGREE},
        drawn_matrix(
            quiet(
                "ShiftScaleRotate",
                shift_limit_y=(-0.1, -0.1),
                shift_limit_x=(0.125, 0.125),
                scale_limit=(0.2, 0.2),
                rotate_limit=(20, 20),
            )
        ),
    ),
    Move(augment.Rotate(), {"radians": -77 * DEGREE}, drawn_matrix(A.Rotate((-77, -77)))),
    Move(augment.RandomScale(), {"scale": 1.25}, enlarged, is_clipped=True),
    Move(augment.HorizontalFlip(), {}, applied(A.HorizontalFlip())),
    Move(augment.VerticalFlip(), {}, applied(A.VerticalFlip())),
    Move(augment.Transpose(), {}, applied(A.Transpose()), SQUARE),
    *(
        Move(augment.RandomRotate90(), {"turns": k}, applied(A.RandomRotate90(), factor=k), SQUARE)
        for k in range(4)
    ),
    *(
        Move(
            augment.D4(),
            {"turns": turns, "mirrored": mirrored},
            applied(A.D4(), group_element=element),
            SQUARE,
        )
        for element, (turns, mirrored) in D4.items()
    ),
    Move(
        augment.CenterCrop(height=21, width=30),
        {},
        applied(A.CenterCrop(21, 30)),
    ),
    Move(
        augment.PadIfNeeded(min_height=51, min_width=48),
        {},
        applied(A.PadIfNeeded(51, 48, **PADDED)),
    ),
    Move(
        augment.RandomCrop(height=20, width=24),
        CROP,
        applied(A.RandomCrop(20, 24), crop_coords=(7, 14, 31, 34)),
    ),
    Move(
        augment.RandomResizedCrop(size=(17, 30)),
        {"area": 0.25, "ratio": 1.2} | CROP,  # 20 x 24 pixels
        applied(A.RandomResizedCrop((17, 30)), crop_coords=(7, 14, 31, 34)),
        difference=0.1,
        reason=BESIDE,
    ),
    Move(
        augment.RandomSizedCrop(min_max_height=(20, 20), size=(17, 30), w2h_ratio=1.2),
        {"height": 20} | CROP,
        applied(A.RandomSizedCrop((20, 20), (17, 30), 1.2), crop_coords=(7, 14, 31, 34)),
        difference=0.1,
        reason=BESIDE,
    ),
    Move(
        augment.RandomSizedCrop(min_max_height=(60, 60), size=(17, 30), w2h_ratio=0.5),
        {"height": 60, "y": 0.9, "x": 0.99},
        # get_crop_coords((40, 48), (60, 30), 0.9, 0.99): all rows, the last 30 columns
        applied(A.RandomSizedCrop((60, 60), (17, 30), 0.5), crop_coords=(18, 0, 48, 40)),
        is_clipped=True,
    ),
    Move(augment.Resize(height=29, width=99), {}, applied(A.Resize(29, 99)), is_clipped=True),
    Move(
        augment.OpticalDistortion(),
        {"strength": 0.3},
        lens(geometry.get_camera_matrix_distortion_maps, 0.3),
        shift=(0.0, 0.5),
        reason=HALF,
    ),
    Move(
        augment.OpticalDistortion(mode="fisheye"),
        {"strength": -0.2},
        lens(geometry.get_fisheye_distortion_maps, -0.2),
        shift=(-0.5, 0.5),
        reason=HALF,
    ),
    Move(
        augment.GridDistortion(num_steps=3),
        {"rows": ROWS, "columns": COLUMNS},
        cells,
        shift=(-0.5, 0.5),
        difference=1.3,
        reason=f"{HALF}; and the last pixel before each line of its grid is that on the line",
    ),
    Move(
        augment.Perspective(),
        {"corners": CORNERS},
        quadrilateral,
        shift=(-0.5, 0.5),
        reason=f"{HALF}; with keep_size its result is enlarged once more, by what the corners cut",
    ),
]


def picture(channels: int = 3) -> np.ndarray:
    """Returns an image of 8 bits with slow waves, noise, and pure black and white."""
    y, x = np.indices(SIZE)[..., None]
    phase = np.arange(channels)
    waves = 128 + 90 * np.sin(y / 7 + phase) * np.cos(x / 8 - 2 * phase)
    image = waves + np.random.default_rng(0).normal(0, 12, (*SIZE, channels))
    image[:4, :4], image[-4:, -4:] = 0, 255
    return np.clip(image, 0, 255).astype(np.uint8)


class Shifts:
    """Draws the numbers of a shift, x before y, as the generator of albumentations does."""

    def __init__(self, *numbers: float) -> None:
        self._numbers = list(numbers)

    def uniform(self, low: float, high: float) -> float:
        del low, high
        return self._numbers.pop(0)


def motion(size: int, degrees: float, direction: float, shift: tuple[float, float]) -> Change:
    params = {"size": size, "degrees": degrees, "direction": direction, "shift": shift}

    def blur(image: np.ndarray) -> np.ndarray:
        kernel = blurs.create_motion_kernel(size, degrees, direction, True, Shifts(*shift[::-1]))
        return A.MotionBlur().apply(image, kernel=kernel / kernel.sum())

    return Change(augment.MotionBlur(blur_limit=(3, 21)), params, blur)


def equalization(ours: augment.CLAHE, clip_limit: float, **row: Any) -> Change:
    theirs = A.CLAHE(tile_grid_size=ours.tile_grid_size)
    params = {"clip_limit": clip_limit}
    return Change(ours, params, lambda image: theirs.apply(image, clip_limit=clip_limit), **row)


def gaussian(sigma: float, size: int) -> Change:
    kernel = blurs.create_gaussian_kernel_1d(sigma, size)
    params = {"sigma": sigma, "radius": len(kernel) // 2}
    ours = augment.GaussianBlur(blur_limit=(0, 21))
    return Change(ours, params, lambda image: A.GaussianBlur().apply(image, kernel=kernel))


def sharpened(image: np.ndarray) -> np.ndarray:
    params = A.Sharpen(alpha=(0.3, 0.3), lightness=(0.7, 0.7)).get_params()
    return A.Sharpen().apply(image, **params)


def contrasted(image: np.ndarray, **parameters: Any) -> np.ndarray:
    transform = A.RandomBrightnessContrast((0.2, 0.2), (-0.3, -0.3), **parameters)
    return transform.apply(image, **transform.get_params_dependent_on_data({}, {"image": image}))


def shifted_hsv(image: np.ndarray) -> np.ndarray:
    return A.HueSaturationValue().apply(image, hue_shift=11, sat_shift=-20, val_shift=15)


BRIGHTNESS = {"brightness": 0.2, "contrast": -0.3}
CHANGES = [
    *(
        Change(
            augment.Blur(blur_limit=(3, 9)),
            {"size": size},
            lambda image, size=size: A.Blur().apply(image, kernel=size),
        )
        for size in (3, 9)
    ),
    *(
        Change(
            augment.MedianBlur(),
            {"size": size},
            lambda image, size=size: A.MedianBlur().apply(image, kernel=size),
        )
        for size in (3, 5, 7)
    ),
    motion(7, 33.0, 0.0, (0.0, 0.0)),
    motion(5, 190.0, 0.7, (-0.6, 0.9)),
    motion(21, 271.0, -1.0, (0.4, -0.3)),
    gaussian(1.3, 0),
    gaussian(2.0, 5),
    Change(augment.Sharpen(), {"alpha": 0.3, "lightness": 0.7}, sharpened),
    equalization(augment.CLAHE(), 1.0, channels=1),
    equalization(augment.CLAHE(tile_grid_size=(3, 7)), 3.5, channels=1),
    equalization(
        augment.CLAHE(tile_grid_size=(2, 2)),
        2.5,
        difference=5.8,
        reason="L*, a* and b* are not rounded to 8 bits, which alone is up to 8 steps off",
    ),
    Change(
        augment.GaussNoise(),
        {"std": 0.0, "mean": 0.1, "key": 5},
        lambda image: A.GaussNoise().apply(image, noise_map=np.full(image.shape, 25.5)),
    ),
    Change(augment.RandomBrightnessContrast(), BRIGHTNESS, contrasted),
    Change(
        augment.RandomBrightnessContrast(brightness_by_max=False),
        BRIGHTNESS,
        lambda image: contrasted(image, brightness_by_max=False),
    ),
    Change(
        augment.RandomGamma(),
        {"exponent": 1.3},
        lambda image: A.RandomGamma().apply(image, gamma=1.3),
    ),
    Change(
        augment.HueSaturationValue(),
        {"hue": 11 / 180, "saturation": -20 / 255, "value": 15 / 255},
        shifted_hsv,
        difference=3.82,
        reason="hue, saturation and value are not rounded to 8 bits",
    ),
    Change(
        augment.RGBShift(),
        {"shift": [0.1, -0.05, 0.02]},
        lambda image: A.RGBShift().apply(image, noise_map=255 * np.array([0.1, -0.05, 0.02])),
    ),
    Change(augment.ToGray(), {}, lambda image: A.ToGray().apply(image)),
    Change(
        augment.CoarseDropout(num_holes_range=(1, 2), hole_height_range=(9, 9), fill=0.2),
        # of 32 and 38 or 39 positions; 4 to 10 columns wide
        {"count": 2, "height": [0.0, 0.0], "width": [0.9, 0.0], "top": [0.5, 0.999]}
        | {"left": [0.1, 0.0]},
        lambda image: A.CoarseDropout(fill=51).apply(
            image, holes=np.array([[3, 16, 13, 25], [0, 31, 5, 40]]), seed=0
        ),
    ),
    Change(
        augment.Normalize(),
        {},
        lambda image: 255 * A.Normalize().apply(image),
    ),
]


def tensors(params: Mapping[str, Any]) -> dict[str, tf.Tensor]:
    """Returns parameters as they are drawn: whole numbers as int32, others as float32."""
    return {name: tf.constant(value) for name, value in params.items()}


def name_of(row: Move | Change) -> str:
    return f"{type(row.ours).__name__}-{'-'.join(map(str, row.params.values()))[:30]}"


@pytest.mark.parametrize("row", MOVES, ids=name_of)
def test_every_pixel_is_read_where_albumentations_reads_it(row):
    new_size = row.ours.output_size(row.size)
    start = Field(*(coordinate + row.shift[0] for coordinate in fields.grid(new_size)[:2]))
    moved = row.ours.edit(start, tensors(row.params), size=row.size)
    ours = np.stack(moved[:2]).astype(np.float64) + row.shift[1]
    theirs = row.theirs(row.size)
    assert ours.shape == theirs.shape
    last = np.array(row.size)[:, None, None] - 1
    if row.is_clipped:
        ours = np.clip(ours, 0, last)
    is_inside = theirs[0] != OUTSIDE
    if not is_inside.all():
        is_read = ((ours > -0.5) & (ours < last + 0.5)).all(axis=0)
        np.testing.assert_array_equal(is_read, is_inside)
    apart = np.abs(ours - theirs)[:, is_inside].max()
    assert 0.9 * row.difference <= apart < 1.1 * row.difference + 1e-3


@pytest.mark.parametrize("row", CHANGES, ids=name_of)
def test_every_value_is_what_albumentations_makes_of_it(row):
    image = picture(row.channels)
    changed = row.ours.change(tf.constant(image / np.float32(255)), tensors(row.params))
    ours = 255 * np.clip(changed, *row.ours.value_range).astype(np.float64)
    apart = np.abs(ours - row.theirs(image)).max()
    assert 0.9 * row.difference <= apart < max(1.1 * row.difference, 1.0) + 1e-3


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("same", [False, True])
def test_elastic_fields_are_as_strong_as_those_of_albumentations(distribution, same):
    """Noise of another generator; and beyond the border, theirs repeats the outermost noise."""
    size, alpha, sigma, count = (128, 160), 90.0, 4.0, 4
    ours, theirs = [], []
    for key in range(count):
        start = fields.grid(size)
        arguments = {"alpha": alpha, "sigma": sigma, "size": size, "same": same}
        bent = warps.elastic(start, tf.constant(key), noise=distribution, **arguments)
        ours.append(np.stack(bent[:2]) - np.indices(size))
        generator = np.random.default_rng(key)
        theirs.append(
            geometry.generate_displacement_fields(
                size, alpha, sigma, same, (0, 0), generator, distribution
            )
        )
    # There are 4 fields of 128 x 160 / (4 pi 4^2) = 100 independent numbers each, or twice as many:
    # a deviation deviates by 3 %; and the largest normal number, at each key, by 4 %.
    inner = (..., slice(16, -16), slice(16, -16))
    ratio = np.std(np.array(ours)[inner]) / np.std(np.array(theirs)[inner])
    assert abs(ratio - 1) < 0.15


@pytest.mark.parametrize("border", sampling.BORDERS)
@pytest.mark.parametrize(
    ("interpolation", "number"), [("bilinear", 1), ("bicubic", 2), ("nearest", 0)]
)
def test_values_between_pixels_and_beyond_the_border_are_those_of_albumentations(
    border, interpolation, number
):
    y, x = np.indices(SIZE)
    rows, columns = 1.2171 * y - 7.3131 + 0.0937 * x, 1.1123 * x - 6.7717 - 0.0533 * y
    maps = columns.astype(np.float32), rows.astype(np.float32)
    image = cv2.GaussianBlur(picture(), (0, 0), 2)  # OpenCV knows 32 places between two pixels
    mode = {"constant": 0, "nearest": 1, "reflect": 2, "reflect_101": 4, "wrap": 3}[border]
    theirs = geometry.remap(image, *maps, number, mode, (100, 100, 100))
    field = Field(tf.constant(maps[1]), tf.constant(maps[0]))
    edge = sampling.Border(border, 100.0)
    ours = sampling.values(
        tf.constant(image, tf.float32), field, interpolation=interpolation, border=edge
    )
    apart = np.abs(np.clip(ours, 0, 255) - theirs)
    assert apart.max() < 1


def test_every_transform_that_both_have_is_compared():
    compared = {type(row.ours).__name__ for row in [*MOVES, *CHANGES]}
    choices = {"OneOf", "SomeOf"}  # how often parts act: test_albumentations.py
    assert compared | {"ElasticTransform"} | choices == set(TRANSFORMS)
    assert all(hasattr(A, name) for name in TRANSFORMS)
