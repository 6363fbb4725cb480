"""Types and channels of pixels."""

from __future__ import annotations

import numpy as np

from tfseg.checks import InputError


def standard_type(path: object, image: np.ndarray) -> np.ndarray:
    """Returns `image` as uint8, uint16 or float32, without loss.

    Raises:
        InputError: no pixels, pixels that are not finite as float32, integers outside [0, 65535],
            or no numbers; names the image by `path`.
    """
    if not image.size:
        raise InputError(f"{path} must have pixels; got {list(image.shape)}.")
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype in (np.uint8, np.uint16):
        return image
    if image.dtype.kind == "f":
        return _finite(path, image)
    if image.dtype.kind not in "ui":
        raise InputError(f"{path} must have real numbers as pixels; got {image.dtype}.")
    low, high = image.min(), image.max()
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise InputError(
            f"{path} must have pixels from 0 to 65535, or floats; got {image.dtype} from {low} to "
            f"{high}. Rescale it and save it with 16 bits."
        )
    return image.astype(np.uint16)


def _finite(path: object, image: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        pixels = image.astype(np.float32)
    wrong = pixels.size - np.count_nonzero(np.isfinite(pixels))
    if wrong:
        raise InputError(
            f"{path} must have finite pixels; {wrong} of the {pixels.size} read are NaN, infinite "
            "or too large for float32. Replace them, for example with numpy.nan_to_num."
        )
    return pixels


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts between grey and RGB: grey is repeated, colour averaged.

    Args:
        image: `[H, W, C]` of any type, C = `channels`, or 1 or 3 where this is 3 or 1.
        channels: from 1 on.

    Returns:
        `[H, W, channels]` of the same type.

    Raises:
        InputError: the image has another number of channels.
    """
    check_shape(image.shape)
    if image.shape[-1] == channels:
        return image
    if {image.shape[-1], channels} != {1, 3}:
        raise InputError(
            f"An image must have {channels} channels; got {image.shape[-1]}. Give the channels "
            "with which the network was trained, in their order."
        )
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    mean = image.mean(axis=-1, keepdims=True, dtype=np.float64)
    return (np.rint(mean) if image.dtype.kind in "ui" else mean).astype(image.dtype)


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuses an image whose shape is not `[H, W, C]`.

    Raises:
        InputError: another shape.
    """
    if len(shape) != 3 or not shape[-1]:
        raise InputError(
            f"An image must be [H, W, C] with at least one channel; got {list(shape)}. A grey "
            "image needs a channel axis of 1."
        )
