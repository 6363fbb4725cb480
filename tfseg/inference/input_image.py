"""An image as a network takes it, and what is unusual about its values."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.channels import is_convertible, names_of
from tfseg.checks import InputError
from tfseg.data.dataset.contrast import Spread
from tfseg.data.files.pixels import check_shape, standard_type, to_channels
from tfseg.data.pipeline.normalization import Normalization
from tfseg.kernels.normalize import in_depth
from tfseg.large_arrays import Windows

FINITE = "The images must have finite pixels"
_FULL_CONTRAST = 0.9  # of the least of the training images; what lacks less changes little
_LEAST_RANGE = 0.01  # of [0, 1]: values that fixed limits bring closer together look like one


def as_images(images: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns a batch of images `[B, H, W, channels]`, or one image `[H, W, channels]`.

    Raises:
        InputError: another shape, no pixels, or no real numbers.
    """
    remedy = "Segmenter.predict takes a grey or RGB image, tfseg.predict_files takes files."
    rule = f"images must be [B, H, W, {channels}] or [H, W, {channels}] of real numbers"
    try:
        images = tf.convert_to_tensor(images)
    except (TypeError, ValueError):
        raise checks.InputError(f"{rule}; got {checks.shown(images)}. {remedy}") from None
    numbers = images.dtype.is_floating or images.dtype.is_integer
    shape = images.shape
    if not numbers or shape.rank not in (3, 4) or shape[-1] not in (channels, None) or 0 in shape:
        raise checks.InputError(f"{rule}; got {checks.shown(images)}. {remedy}")
    return images


@contextlib.contextmanager
def refuse_nonfinite() -> Iterator[None]:
    """Raises an `InputError` in place of TensorFlow's error for NaN and infinite pixels."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        if FINITE not in error.message:
            raise
        raise checks.InputError(
            f"{FINITE}; got NaN or infinite ones. Replace them, for example with numpy.nan_to_num."
        ) from None


class InputImage:
    """An image of uint8, uint16 or float32 with the channels of a network, read by windows.

    Attributes:
        shape: height, width and channels.
        names: of the channels.
        dtype: of the pixels, once a window has been read.
        low: the lowest value of each channel in the windows read so far, `[C]`.
        high: the highest value of each channel in the windows read so far, `[C]`.
    """

    def __init__(
        self, image: np.ndarray | Windows, channels: int, channel_names: Sequence[str] = ()
    ) -> None:
        """Takes an image `[H, W, C]` of any real dtype, or one that `open_image` returned.

        Args:
            image: with the channels of the network; grey and RGB are converted to each other.
            channels: of the network.
            channel_names: their names; empty for grey and RGB.

        Raises:
            InputError: an array of another shape or dtype, without pixels, or with NaN or infinite
                ones. Those of a file are found when they are read.
        """
        if isinstance(image, str | os.PathLike):
            raise checks.InputError(
                f"image must be an array [H, W, C]; got {checks.shown(image)}. Read the file, or "
                "give it to tfseg.predict_files."
            )
        if not isinstance(image, Windows):
            image = standard_type("The image", np.asarray(image))
        check_shape(image.shape)
        self.names = names_of(channels, channel_names)
        is_converted = is_convertible(self.names) and image.shape[-1] in (1, 3)
        if image.shape[-1] != channels and not is_converted:
            raise InputError(
                f"The image must be [H, W, C] with the channels {', '.join(self.names)} of the "
                f"network; got {list(image.shape)}. Give those channels, in this order."
            )
        self._image = image
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)
        self.shape = (*image.shape[:2], channels)
        self.dtype = np.dtype(np.uint8)

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Reads the pixels `[h, w, channels]` of these rows and columns."""
        pixels = to_channels(self._image[window], self.shape[-1])
        self.dtype = pixels.dtype
        self.low = np.minimum(self.low, pixels.min(axis=(0, 1)))
        self.high = np.maximum(self.high, pixels.max(axis=(0, 1)))
        return pixels

    def doubt(self, normalization: Normalization, spreads: Sequence[Spread]) -> str:
        """Returns what is unusual about the values, as the end of a sentence; "" if nothing.

        Args:
            normalization: of the network.
            spreads: of the image, or of each channel; empty with fixed limits, when all windows
                have been read.
        """
        if not normalization.by_channel:
            return self._doubt_of(normalization, next(iter(spreads), None))
        for index, name in enumerate(self.names):
            spread = spreads[index] if spreads else None
            if text := self._doubt_of(normalization.of_channel(index), spread, index):
                return f"in the channel {name} {text}"
        return ""

    def _doubt_of(
        self, normalization: Normalization, spread: Spread | None, channel: int | None = None
    ) -> str:
        """Returns the doubt about one channel, or about all together by the same limits."""
        read = slice(None) if channel is None else channel
        low, high = self.low[read].min().item(), self.high[read].max().item()
        if spread:
            low, high = spread.low, spread.high
        if low == high:
            return f"has the value {low:g} in all pixels, so it shows nothing"
        if spread is None:
            return _doubt_of_range(low, high, self.dtype, normalization)
        low, median, high = in_depth(np.array(spread[:3]), self.dtype, normalization.bits).tolist()
        below, above = normalization.least(self.dtype)
        share = (high - low) / (max(high, median + above) - min(low, median - below))
        if share < _FULL_CONTRAST:
            return (
                f"has {share:.0%} of the contrast that training images with instances have at "
                "least, and is not stretched to more; if it shows objects, lower "
                "model.min_contrast in the config.yaml of the run"
            )
        if spread.is_flat:
            return (
                f"has the value {spread.median:g} in nearly all pixels, so its lowest and highest "
                f"values, {spread.low:g} and {spread.high:g}, become 0 and 1"
            )
        return ""


def _doubt_of_range(low: float, high: float, dtype: np.dtype, normalization: Normalization) -> str:
    """Returns the doubt about an image with values from `low` to `high` under fixed limits."""
    black, white = normalization.fixed
    values = in_depth(np.array([low, high]), dtype, normalization.bits)
    darkest, brightest = np.clip((values - black) / (white - black), 0, 1).tolist()
    if brightest - darkest >= _LEAST_RANGE:
        return ""
    unit = f", values of {normalization.bits} bits" if normalization.bits else ""
    return (
        f"has values from {values[0]:g} to {values[1]:g}, which become {darkest:.3g} to "
        f"{brightest:.3g} by the limits {black:g} and {white:g} of the network; give it in the "
        f"unit of the training images{unit}"
    )
