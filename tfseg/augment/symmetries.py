"""Flips, quarter turns and transposition: every pixel keeps its value.

Names and meaning follow albumentations 2.0.8, except that a quarter turn and a transposition keep
the size, because shapes are static. They act about the centre, so the middle of a picture that is
not square stays in view; where H - W is odd they act about the point half a pixel right of the
centre, so that pixels fall on pixels.
"""

from __future__ import annotations

import tensorflow as tf

from tfseg import random
from tfseg.augment.base import AffineMove, Params, frozen_transform
from tfseg.kernels import matrices
from tfseg.kernels.field import Size


@frozen_transform
class HorizontalFlip(AffineMove):
    """Mirrors left and right."""

    p: float = 0.5

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Mirrors."""
        del params
        return matrices.flip_x(size)


@frozen_transform
class VerticalFlip(AffineMove):
    """Mirrors top and bottom."""

    p: float = 0.5

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Mirrors."""
        del params
        return matrices.flip_y(size)


@frozen_transform
class Transpose(AffineMove):
    """Exchanges rows and columns about the centre; the size stays."""

    p: float = 0.5

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Exchanges."""
        del params
        return matrices.transpose(size)


@frozen_transform
class RandomRotate90(AffineMove):
    """Turns by 0, 90, 180 or 270 degrees about the centre; the size stays.

    Args:
        p: probability in [0, 1]; where it acts, it is the identity once in four times.
    """

    p: float = 1.0

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `turns`, int32 from 0 to 3, counter-clockwise."""
        return {"turns": random.integer(seed, 0, 4)}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Turns by `turns` quarters."""
        return matrices.quarter_turns(params["turns"], size)


@frozen_transform
class D4(AffineMove):
    """Applies one of the eight symmetries of the square, equally likely; the size stays.

    Args:
        p: probability in [0, 1]; where it acts, it is the identity once in eight times.
    """

    p: float = 1.0

    def sample(self, seed: tf.Tensor) -> Params:
        """Draws `turns`, int32 from 0 to 3, counter-clockwise, and then `mirrored`, bool."""
        return {
            "turns": random.integer(random.for_name(seed, "turns"), 0, 4),
            "mirrored": random.integer(random.for_name(seed, "mirrored"), 0, 2) > 0,
        }

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Turns by `turns` quarters, then mirrors left and right."""
        mirror = tf.where(params["mirrored"], matrices.flip_x(size), matrices.identity())
        return matrices.product(matrices.quarter_turns(params["turns"], size), mirror)
