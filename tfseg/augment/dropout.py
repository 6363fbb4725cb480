"""Transforms that remove parts of the picture. Names and meaning follow albumentations."""

from __future__ import annotations

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Params, Pixel, frozen_transform
from tfseg.kernels import intensity


@frozen_transform
class CoarseDropout(Pixel):
    """Fills boxes, which lie anywhere inside the image and may overlap.

    Unlike in albumentations, shares are rounded to whole pixels before the draw, so that every
    number of pixels in between has the same probability, and `fill` is one number.

    Args:
        num_holes_range: number of boxes, in [1, 1000].
        hole_height_range: in pixels if both are whole numbers, otherwise as shares of the image
            height, in [0, 1]; a box is at most as high as the image.
        hole_width_range: the same for the width.
        fill: value of the boxes in the image, in [0, 1].
        fill_mask: id of the boxes in the label, such as 0 or `IGNORE`; None keeps the ids.
        p: probability in [0, 1].
    """

    num_holes_range: tuple[int, int] = (1, 2)
    hole_height_range: tuple[float, float] = (0.1, 0.2)
    hole_width_range: tuple[float, float] = (0.1, 0.2)
    fill: float = 0.0
    fill_mask: int | None = None
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self._interval("num_holes_range", low=1, high=1000)
        if not _are_integers(self.num_holes_range):
            raise checks.InputError(
                f"CoarseDropout.num_holes_range must be two whole numbers; "
                f"got {self.num_holes_range!r}."
            )
        for name in ("hole_height_range", "hole_width_range"):
            self._interval(name, low=0, high=2**31 - 1)
            if not _are_integers(getattr(self, name)):
                self._interval(name, low=0.0, high=1.0)
        self._number("fill", low=0.0, high=1.0)
        if self.fill_mask is not None:
            self._integer("fill_mask", low=-(2**31))

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `count`, int32, and sizes and positions of the largest number of boxes.

        The size of the image is not known yet, so "height", "width", "top" and "left", `[n]`
        float32 in [0, 1), become pixels later.
        """
        least, most = self.num_holes_range
        shares = {
            name: random.uniform(random.for_name(seed, name), 0.0, 1.0, (most,))
            for name in ("height", "width", "top", "left")
        }
        return shares | {"count": random.integer(random.for_name(seed, "count"), least, most + 1)}

    def change(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        """Fills the boxes in `image` `[H, W, C]`."""
        return tf.where(self._holes(image, params)[..., None], self.fill, image)

    def change_label(self, label: tf.Tensor, params: Params) -> tf.Tensor:
        """Fills the boxes in `label` `[H, W]` int32, or leaves it."""
        if self.fill_mask is None:
            return label
        return tf.where(self._holes(label, params), self.fill_mask, label)

    def _holes(self, image: tf.Tensor, params: Params) -> tf.Tensor:
        height, width = image.shape[:2]
        heights = _drawn(_pixels(self.hole_height_range, height), params["height"])
        widths = _drawn(_pixels(self.hole_width_range, width), params["width"])
        is_used = tf.range(self.num_holes_range[1]) < params["count"]
        return intensity.holes(
            (height, width),
            tops=_drawn((0, height - heights), params["top"]),
            heights=tf.where(is_used, heights, 0),
            lefts=_drawn((0, width - widths), params["left"]),
            widths=widths,
        )


def _are_integers(numbers: tuple[float, float]) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _pixels(limits: tuple[float, float], length: int) -> tuple[int, int]:
    """Returns `limits`, pixels or shares of `length`, as pixels."""
    unit = 1 if _are_integers(limits) else length
    low, high = (min(round(limit * unit), length) for limit in limits)
    return low, high


def _drawn(limits: tuple[int, int | tf.Tensor], share: tf.Tensor) -> tf.Tensor:
    """Returns the number at `share`, in [0, 1), of the whole numbers low, ..., high, int32."""
    low, high = limits
    # Only a product: XLA would fuse a sum with it, and round differently at the edge of a pixel.
    return low + tf.cast(share * tf.cast(high - low + 1, tf.float32), tf.int32)
