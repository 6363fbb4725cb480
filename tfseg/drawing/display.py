"""Images of any type and channels as pictures: which channels are shown, in which colours.

A picture is `[H, W, 3]` uint8, RGB.
"""

from __future__ import annotations

import colorsys
import dataclasses

import numpy as np

from tfseg.channels import COLORS, names_of, numbered
from tfseg.checks import InputError, nearest, shown

Limits = tuple[float, float]
_PERCENTILES = (1.0, 99.8)  # those of kernels.normalize, which needs TensorFlow
_ROWS = 1024  # converted at a time: floats take many times the memory of a large image


@dataclasses.dataclass(frozen=True)
class Display:
    """Makes pictures of images with certain channels.

    Red, green and blue are shown as they are, black at the 1st and white at the 99.8th percentile
    of all three, which keeps the colours; one channel is grey. Any other channels have separate
    percentiles, because they are measurements side by side: three that are chosen become red,
    green and blue, and others have a colour each, of which the brightest is shown.

    Attributes:
        names: of the channels of the images. Where an image has another number of channels, they
            are not used: one is grey, and three are red, green and blue, as are the first three of
            four, of which the last may be alpha.
        chosen: names of the channels that are shown, in this order; empty: red, green and blue
            where there are channels of these names, else all.
    """

    names: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()

    def check(self, option: str) -> None:
        """Refuses chosen channels that the images do not have.

        Raises:
            InputError: names the option, the channel, and those that there are.
        """
        known = self.names or COLORS
        for name in self.chosen:
            if name not in known:
                raise InputError(
                    f"{option} must name channels of the images, {', '.join(known)}; got {name}."
                    f"{nearest(name, known)}"
                )

    def __call__(self, image: np.ndarray, limits: Limits | None = None) -> np.ndarray:
        """Returns a new picture.

        Args:
            image: `[H, W, C]` or `[H, W]`, any real dtype.
            limits: values shown as black and white; None: percentiles.

        Raises:
            InputError: another shape or dtype, or no pixels.
        """
        if np.asarray(image).dtype.kind not in "bufi":
            raise InputError(
                f"An image to draw must be an array of real numbers; got {shown(image)}. Read the "
                "file."
            )
        image = np.atleast_3d(image)
        if image.ndim != 3 or not image.size:
            raise InputError(f"An image to draw must be [H, W, C]; got {list(image.shape)}.")
        positions, is_rgb = self._shown(image.shape[2])
        image = image if positions == list(range(image.shape[2])) else image[..., positions]
        if image.shape[2] == 1:
            return np.repeat(_scaled(image, limits), 3, axis=2)
        if is_rgb:
            return _scaled(image, limits)
        if self.chosen and image.shape[2] == 3:
            parts = [_scaled(image[..., index : index + 1], limits) for index in range(3)]
            return np.concatenate(parts, axis=2)
        return _composite(image, limits)

    def _shown(self, count: int) -> tuple[list[int], bool]:
        """Returns the positions of the channels that are shown, and whether they are colours."""
        known = self.names
        if len(known) != count:
            known = numbered(count, COLORS) if count == 4 else names_of(count)
        chosen = self.chosen if set(self.chosen) <= set(known) else ()
        names = chosen or (COLORS if set(COLORS) <= set(known) else known)
        return [known.index(name) for name in names], names == COLORS


PLAIN = Display()


def _composite(image: np.ndarray, limits: Limits | None) -> np.ndarray:
    """Returns the largest of the channels in their colours, which are even on the circle of hues.

    The largest, because a sum of many channels is white.
    """
    channels = image.shape[2]
    picture = np.zeros((*image.shape[:2], 3), np.uint8)
    for index in range(channels):
        color = np.array(colorsys.hsv_to_rgb((index / channels + 1 / 3) % 1, 1, 1), np.float32)
        values = _scaled(image[..., index : index + 1], limits)
        for top in range(0, len(picture), _ROWS):
            rows = slice(top, top + _ROWS)
            colored = (values[rows] * color).round().astype(np.uint8)
            np.maximum(picture[rows], colored, out=picture[rows])
    return picture


def _scaled(image: np.ndarray, limits: Limits | None) -> np.ndarray:
    """Returns `image` `[H, W, C]` as uint8, 0 at the lower and 255 at the upper limit."""
    if image.dtype == bool:
        image = image.astype(np.uint8)
    low, high = limits or np.percentile(image, _PERCENTILES)
    if high <= low:  # less than 0.2 % of the pixels stand out
        low, high = float(image.min()), float(image.max())
    scale = 255 / (high - low) if high > low else 0.0
    scaled = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), _ROWS):
        rows = image[top : top + _ROWS].astype(np.float32)
        scaled[top : top + _ROWS] = ((rows - low) * scale).clip(0, 255).round()
    return scaled
