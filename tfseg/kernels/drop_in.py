"""What tensorflow-addons 0.23 offered for images, under its names, arguments and conventions.

A batch stands in front, x before y where tensorflow-addons has it so, and values agree with its own
to 1e-4 of their range. Works with and without XLA; height, width and channels are static.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfseg.kernels import field as fields
from tfseg.kernels import filters, sampling
from tfseg.kernels.field import Field
from tfseg.kernels.sampling import Border

_PADDINGS = {"REFLECT": "reflect_101", "SYMMETRIC": "reflect", "CONSTANT": "constant"}


def _as_is(place: tf.Tensor, length: int) -> tf.Tensor:
    del length
    return place


def _clipped(place: tf.Tensor, length: int) -> tf.Tensor:
    return tf.clip_by_value(place, 0.0, length - 1.0)


def _mirrored(place: tf.Tensor, length: int) -> tf.Tensor:
    rest = place - 2.0 * length * tf.cast(tf.cast(place / (2.0 * length), tf.int32), tf.float32)
    below = tf.where(rest < 0.0, -rest - 1.0, rest)
    return _clipped(tf.where(below >= length, 2.0 * length - below - 1.0, below), length)


def _wrapped(place: tf.Tensor, length: int) -> tf.Tensor:
    # Not modulo the length: between the last pixel and the first there is nothing, and at more than
    # a length outside it jumps. That is what the op behind tensorflow-addons does.
    turns = tf.floor(tf.abs(place) / max(length - 1.0, 1.0))
    inside = (place >= 0.0) & (place <= length - 1.0)
    moved = tf.where(place < 0.0, place + length * (turns + 1.0), place - length * turns)
    return tf.where(inside, place, _clipped(moved, length))


# Of a place and the length of its axis: the place that is read instead. Other than in `sampling`,
# places and not pixels are mapped, so only "constant" meets the border of the sampling itself.
_PLACES = {"constant": _as_is, "nearest": _clipped, "reflect": _mirrored, "wrap": _wrapped}


def dense_image_warp(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """Reads every pixel bilinearly from its own place minus the flow; differentiable in both.

    Places outside are moved to the border.

    Args:
        image: `[B, H, W, C]` floats.
        flow: `[B, H, W, 2]` floats, (y, x) in pixels.

    Returns:
        `[B, H, W, C]` of the dtype of the image.
    """
    border = Border("nearest")

    def warp(each: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        own, move = each
        y, x, _ = fields.grid(tuple(own.shape[:2]))
        field = Field(y - move[..., 0], x - move[..., 1])
        return sampling.values(own, field, interpolation="bilinear", border=border)

    image = tf.convert_to_tensor(image)
    arguments = (tf.cast(image, tf.float32), tf.cast(flow, tf.float32))
    warped = tf.map_fn(warp, arguments, fn_output_signature=tf.TensorSpec(image.shape[1:]))
    return tf.cast(warped, image.dtype)


def rotate(
    images: tf.Tensor,
    angles: tf.Tensor | float,
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> tf.Tensor:
    """Turns images counter-clockwise about their centre ((H - 1) / 2, (W - 1) / 2).

    Args:
        images: `[B, H, W, C]`, `[H, W, C]` or `[H, W]`, any numbers.
        angles: radians, one or `[B]`.
        interpolation: "nearest" or "bilinear".
        fill_mode: what lies beyond the border: "constant", "nearest", "reflect" (the border pixel
            twice) or "wrap".
        fill_value: of "constant".

    Returns:
        The same shape and dtype.
    """
    height, width = _size(images)

    def edit(field: Field, angle: tf.Tensor) -> Field:
        # Not through `matrices`: where a place lies half way between two pixels, the last bit says
        # which is the nearest, and these are the operations of tensorflow-addons in their order.
        sine, cosine = tf.sin(angle), tf.cos(angle)
        x = ((width - 1.0) - (cosine * (width - 1.0) - sine * (height - 1.0))) / 2.0
        y = ((height - 1.0) - (sine * (width - 1.0) + cosine * (height - 1.0))) / 2.0
        return Field(
            y=sine * field.x + cosine * field.y + y, x=cosine * field.x - sine * field.y + x
        )

    return _moved(images, angles, 0, edit, interpolation, fill_mode, fill_value)


def translate(
    images: tf.Tensor,
    translations: tf.Tensor | Sequence[float],
    interpolation: str = "nearest",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> tf.Tensor:
    """Moves images to the right and down.

    Args:
        images: `[B, H, W, C]`, `[H, W, C]` or `[H, W]`, any numbers.
        translations: (dx, dy) in pixels, `[2]` or `[B, 2]`.
        interpolation: as of `rotate`.
        fill_mode: as of `rotate`.
        fill_value: as of `rotate`.

    Returns:
        The same shape and dtype.
    """

    def edit(field: Field, move: tf.Tensor) -> Field:
        return Field(y=field.y - move[1], x=field.x - move[0])

    return _moved(images, translations, 1, edit, interpolation, fill_mode, fill_value)


def gaussian_filter2d(
    image: tf.Tensor,
    filter_shape: int | Sequence[int] = (3, 3),
    sigma: float | Sequence[float] = 1.0,
    padding: str = "REFLECT",
    constant_values: float = 0.0,
) -> tf.Tensor:
    """Blurs with a normal curve, cut off and brought to the sum 1.

    Args:
        image: `[B, H, W, C]`, `[H, W, C]` or `[H, W]`, any numbers.
        filter_shape: height and width of the filter in pixels, or one number for both; odd, where
            tensorflow-addons also takes even ones, whose filters are not symmetric.
        sigma: standard deviations in pixels, (y, x) or one number for both; 0 changes nothing.
        padding: what lies beyond the border: "REFLECT", "SYMMETRIC" (the border pixel twice) or
            "CONSTANT".
        constant_values: of "CONSTANT".

    Returns:
        The same shape and dtype.

    Raises:
        ValueError: an unknown padding, an even or negative filter shape, a negative sigma.
    """
    shapes = (filter_shape, filter_shape) if isinstance(filter_shape, int) else filter_shape
    sigmas = (sigma, sigma) if isinstance(sigma, int | float) else sigma
    if padding not in _PADDINGS:
        raise ValueError(f"padding must be one of {', '.join(_PADDINGS)}; got {padding!r}.")
    if any(shape < 1 or shape % 2 == 0 for shape in shapes) or min(sigmas) < 0:
        raise ValueError(
            "filter_shape must be odd and positive, and sigma not negative; "
            f"got {filter_shape!r} and {sigma!r}."
        )
    border = Border(_PADDINGS[padding], float(constant_values))
    rows, columns = (
        filters.gaussian_weights(tf.constant(float(width)), shape // 2, largest=shape // 2)
        for shape, width in zip(shapes, sigmas, strict=True)
    )

    def blur(each: tuple[tf.Tensor, ...]) -> tf.Tensor:
        own = tf.cast(each[0], tf.float32)
        return tf.cast(filters.separable(own, rows, columns, border=border), each[0].dtype)

    return _each(blur, image)


def _moved(
    images: tf.Tensor,
    numbers: tf.Tensor | float | Sequence[float],
    rank: int,
    edit: Callable[[Field, tf.Tensor], Field],
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> tf.Tensor:
    """Reads every image at its field: `numbers`, of `rank` for one image, say where."""
    interpolation, fill_mode = interpolation.lower(), fill_mode.lower()
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation must be nearest or bilinear; got {interpolation!r}.")
    if fill_mode not in _PLACES:
        raise ValueError(f"fill_mode must be one of {', '.join(_PLACES)}; got {fill_mode!r}.")

    def move(each: tuple[tf.Tensor, ...]) -> tf.Tensor:
        own, number = each
        size = tuple(own.shape[:2])
        moved = edit(fields.grid(size), number)
        y, x = (_PLACES[fill_mode](p, n) for p, n in zip(moved[:2], size, strict=True))
        if interpolation == "nearest":
            return sampling.ids(own, Field(_rounded(y), _rounded(x)), fill=fill_value)
        border = Border("constant" if fill_mode == "constant" else "nearest", fill_value)
        values = sampling.values(own, Field(y, x), interpolation="bilinear", border=border)
        return tf.cast(values, own.dtype)

    numbers = tf.cast(numbers, tf.float32)
    return _each(move, images, numbers, is_shared=numbers.shape.rank == rank)


def _rounded(place: tf.Tensor) -> tf.Tensor:
    """Rounds halves away from 0, as tensorflow-addons does; `sampling` takes them up."""
    return tf.sign(place) * tf.floor(tf.abs(place) + 0.5)


def _size(images: tf.Tensor) -> tuple[int, int]:
    shape = tf.convert_to_tensor(images).shape
    return tuple(shape if shape.rank == 2 else shape[-3:-1])


def _each(
    function: Callable[[tuple[tf.Tensor, ...]], tf.Tensor],
    images: tf.Tensor,
    *numbers: tf.Tensor,
    is_shared: bool = False,
) -> tf.Tensor:
    """Maps `function` over the images, each `[H, W, C]`, and the `numbers` of each."""
    images = tf.convert_to_tensor(images)
    batch = images[None, ..., None] if images.shape.rank == 2 else images
    batch = batch[None] if batch.shape.rank == 3 else batch
    if is_shared:
        numbers = tuple(tf.repeat(each[None], tf.shape(batch)[0], axis=0) for each in numbers)
    signature = tf.TensorSpec(batch.shape[1:], batch.dtype)
    result = tf.map_fn(function, (batch, *numbers), fn_output_signature=signature)
    return tf.reshape(result, tf.shape(images))
