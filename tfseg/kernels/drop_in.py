"""The image functions of tensorflow-addons 0.23, with the same names, arguments and conventions.

Images come in batches, x comes before y where it does in tensorflow-addons, and values agree to
1e-4 of their range. Works with and without XLA; height, width and channels are static.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfseg import calls, checks
from tfseg.kernels import field as fields
from tfseg.kernels import filters, sampling
from tfseg.kernels.field import Field
from tfseg.kernels.sampling import Border

_PADDINGS = {"REFLECT": "reflect_101", "SYMMETRIC": "reflect", "CONSTANT": "constant"}


def _keep(coordinate: tf.Tensor, length: int) -> tf.Tensor:
    del length
    return coordinate


def _clip(coordinate: tf.Tensor, length: int) -> tf.Tensor:
    return tf.clip_by_value(coordinate, 0.0, length - 1.0)


def _mirror(coordinate: tf.Tensor, length: int) -> tf.Tensor:
    rest = coordinate - 2.0 * length * tf.cast(
        tf.cast(coordinate / (2.0 * length), tf.int32), tf.float32
    )
    below = tf.where(rest < 0.0, -rest - 1.0, rest)
    return _clip(tf.where(below >= length, 2.0 * length - below - 1.0, below), length)


def _wrap(coordinate: tf.Tensor, length: int) -> tf.Tensor:
    # Not a modulo: as in tensorflow-addons, nothing is interpolated between the last pixel and the
    # first, and values jump more than one length outside the image.
    turns = tf.floor(tf.abs(coordinate) / max(length - 1.0, 1.0))
    inside = (coordinate >= 0.0) & (coordinate <= length - 1.0)
    moved = tf.where(
        coordinate < 0.0, coordinate + length * (turns + 1.0), coordinate - length * turns
    )
    return tf.where(inside, coordinate, _clip(moved, length))


# Functions that map a coordinate, given the length of the axis, to the coordinate that is read.
# `sampling` maps pixels instead; its border is used only for "constant".
_BORDER_MAPS = {"constant": _keep, "nearest": _clip, "reflect": _mirror, "wrap": _wrap}


@calls.check
def dense_image_warp(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """Reads every pixel bilinearly at its coordinates minus the flow; differentiable in both.

    Coordinates outside the image are clipped to the border.

    Args:
        image: `[B, H, W, C]` floats.
        flow: `[B, H, W, 2]` floats, (y, x) in pixels.

    Returns:
        `[B, H, W, C]` of the dtype of the image.

    Raises:
        InputError: other shapes.
    """
    shapes = [tf.convert_to_tensor(values).shape for values in (image, flow)]
    if not (shapes[0].rank == 4 and shapes[1].is_compatible_with([*shapes[0][:3], 2])):
        raise checks.InputError(
            "image and flow must be [B, H, W, C] and [B, H, W, 2] of one size; got "
            f"{shapes[0]} and {shapes[1]}. Add an axis to one image, image[None]."
        )
    border = Border("nearest")

    def warp(pair: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        source, move = pair
        y, x, _ = fields.grid(tuple(source.shape[:2]))
        field = Field(y - move[..., 0], x - move[..., 1])
        return sampling.values(source, field, interpolation="bilinear", border=border)

    image = tf.convert_to_tensor(image)
    arguments = (tf.cast(image, tf.float32), tf.cast(flow, tf.float32))
    warped = tf.map_fn(warp, arguments, fn_output_signature=tf.TensorSpec(image.shape[1:]))
    return tf.cast(warped, image.dtype)


@calls.check
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
        fill_value: value of "constant".

    Returns:
        The same shape and dtype.
    """
    height, width = _size(images)

    def edit(field: Field, angle: tf.Tensor) -> Field:
        # Not `matrices`: halfway between two pixels the last bit decides which one is nearest, so
        # these are the operations of tensorflow-addons in the same order.
        sine, cosine = tf.sin(angle), tf.cos(angle)
        x = ((width - 1.0) - (cosine * (width - 1.0) - sine * (height - 1.0))) / 2.0
        y = ((height - 1.0) - (sine * (width - 1.0) + cosine * (height - 1.0))) / 2.0
        return Field(
            y=sine * field.x + cosine * field.y + y, x=cosine * field.x - sine * field.y + x
        )

    return _resample(images, angles, 0, edit, interpolation, fill_mode, fill_value)


@calls.check
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
        interpolation: as in `rotate`.
        fill_mode: as in `rotate`.
        fill_value: as in `rotate`.

    Returns:
        The same shape and dtype.
    """

    def edit(field: Field, move: tf.Tensor) -> Field:
        return Field(y=field.y - move[1], x=field.x - move[0])

    return _resample(images, translations, 1, edit, interpolation, fill_mode, fill_value)


@calls.check
def gaussian_filter2d(
    image: tf.Tensor,
    filter_shape: int | Sequence[int] = (3, 3),
    sigma: float | Sequence[float] = 1.0,
    padding: str = "REFLECT",
    constant_values: float = 0.0,
) -> tf.Tensor:
    """Blurs with a truncated Gaussian of sum 1.

    Args:
        image: `[B, H, W, C]`, `[H, W, C]` or `[H, W]`, any numbers.
        filter_shape: height and width of the filter in pixels, or one number for both; odd.
            tensorflow-addons also accepts even numbers, which make asymmetric filters.
        sigma: standard deviations in pixels, (y, x) or one number for both; 0 changes nothing.
        padding: what lies beyond the border: "REFLECT", "SYMMETRIC" (the border pixel twice) or
            "CONSTANT".
        constant_values: value of "CONSTANT".

    Returns:
        The same shape and dtype.

    Raises:
        InputError: no images, an unknown padding, an even or negative filter shape, a negative
            sigma.
    """
    if isinstance(filter_shape, str) or isinstance(sigma, str):
        raise checks.InputError(
            f"filter_shape and sigma must be numbers; got {filter_shape!r} and {sigma!r}. Give "
            "pixels."
        )
    shapes = (filter_shape, filter_shape) if isinstance(filter_shape, int) else filter_shape
    sigmas = (sigma, sigma) if isinstance(sigma, int | float) else sigma
    if padding not in _PADDINGS:
        raise checks.InputError(
            f"padding must be one of {', '.join(_PADDINGS)}; got {padding!r}. "
            "The default is REFLECT."
        )
    if any(shape < 1 or shape % 2 == 0 for shape in shapes) or min(sigmas) < 0:
        raise checks.InputError(
            "filter_shape must be odd and positive, and sigma not negative; "
            f"got {filter_shape!r} and {sigma!r}. The defaults are (3, 3) and 1.0."
        )
    border = Border(_PADDINGS[padding], float(constant_values))
    rows, columns = (
        filters.gaussian_weights(tf.constant(float(width)), shape // 2, largest=shape // 2)
        for shape, width in zip(shapes, sigmas, strict=True)
    )

    def blur(arguments: tuple[tf.Tensor, ...]) -> tf.Tensor:
        (source,) = arguments
        blurred = filters.separable(tf.cast(source, tf.float32), rows, columns, border=border)
        return tf.cast(blurred, source.dtype)

    return _map_images(blur, image)


def _resample(
    images: tf.Tensor,
    numbers: tf.Tensor | float | Sequence[float],
    rank: int,
    edit: Callable[[Field, tf.Tensor], Field],
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> tf.Tensor:
    """Resamples every image at the field that `edit` returns for its `numbers` of rank `rank`."""
    numbers, what = tf.convert_to_tensor(numbers), ("angles", "translations")[rank]
    shape = [2] if rank else []
    if numbers.dtype == tf.string or not any(
        numbers.shape.is_compatible_with(known) for known in (shape, [None, *shape])
    ):
        raise checks.InputError(
            f"{what} must be {'[2] or [B, 2]' if rank else 'a number or [B]'}; got "
            f"{checks.shown(numbers)}. Give {'(dx, dy) in pixels' if rank else 'radians'}."
        )
    interpolation, fill_mode = interpolation.lower(), fill_mode.lower()
    if interpolation not in ("nearest", "bilinear"):
        raise checks.InputError(
            f"interpolation must be nearest or bilinear; got {interpolation!r}."
        )
    if fill_mode not in _BORDER_MAPS:
        raise checks.InputError(
            f"fill_mode must be one of {', '.join(_BORDER_MAPS)}; got {fill_mode!r}."
        )
    dtype = tf.convert_to_tensor(images).dtype
    if fill_mode == "constant" and dtype.is_integer and not dtype.min <= fill_value <= dtype.max:
        raise checks.InputError(
            f"fill_value must be from {dtype.min} to {dtype.max}, as images are {dtype.name}; got "
            f"{fill_value!r}."
        )

    def move(arguments: tuple[tf.Tensor, ...]) -> tf.Tensor:
        source, number = arguments
        size = tuple(source.shape[:2])
        moved = edit(fields.grid(size), number)
        y, x = (_BORDER_MAPS[fill_mode](p, n) for p, n in zip(moved[:2], size, strict=True))
        if interpolation == "nearest":
            return sampling.ids(source, Field(_round(y), _round(x)), fill=fill_value)
        border = Border("constant" if fill_mode == "constant" else "nearest", fill_value)
        values = sampling.values(source, Field(y, x), interpolation="bilinear", border=border)
        return tf.cast(values, source.dtype)

    numbers = tf.cast(numbers, tf.float32)
    return _map_images(move, images, numbers, is_shared=numbers.shape.rank == rank)


def _round(coordinate: tf.Tensor) -> tf.Tensor:
    """Rounds halves away from 0, as tensorflow-addons does; `sampling` rounds them up."""
    return tf.sign(coordinate) * tf.floor(tf.abs(coordinate) + 0.5)


def _checked(images: tf.Tensor) -> tf.Tensor:
    images = tf.convert_to_tensor(images)
    if images.shape.rank not in (2, 3, 4) or images.dtype == tf.string:
        raise checks.InputError(
            "images must be numbers [B, H, W, C], [H, W, C] or [H, W]; got "
            f"{checks.shown(images)}. Read the files first."
        )
    return images


def _size(images: tf.Tensor) -> tuple[int, int]:
    shape = _checked(images).shape
    return tuple(shape if shape.rank == 2 else shape[-3:-1])


def _map_images(
    function: Callable[[tuple[tf.Tensor, ...]], tf.Tensor],
    images: tf.Tensor,
    *numbers: tf.Tensor,
    is_shared: bool = False,
) -> tf.Tensor:
    """Applies `function` to every image `[H, W, C]` of a batch and its `numbers`."""
    images = _checked(images)
    batch = images[None, ..., None] if images.shape.rank == 2 else images
    batch = batch[None] if batch.shape.rank == 3 else batch
    if is_shared:
        numbers = tuple(tf.repeat(shared[None], tf.shape(batch)[0], axis=0) for shared in numbers)
    signature = tf.TensorSpec(batch.shape[1:], batch.dtype)
    result = tf.map_fn(function, (batch, *numbers), fn_output_signature=signature)
    return tf.reshape(result, tf.shape(images))
