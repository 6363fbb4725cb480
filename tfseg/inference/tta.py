"""Test-time augmentation: maps averaged over the eight flips and turns of an image."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import tensorflow as tf

from tfseg.heads.base import Maps

_EITHER = (False, True)
_ALL = tuple(itertools.product(_EITHER, _EITHER, _EITHER))  # transposed, upside down, mirrored


def averaged(
    network: Callable[[tf.Tensor], Maps], images: tf.Tensor, *, vectors: Collection[str]
) -> Maps:
    """Returns the mean of the maps of all eight symmetries, after transforming them back.

    Logits are averaged, not probabilities: decoding expects logits.

    Args:
        network: `[B, H, W, C]` -> maps `[B, H, W, channels]`.
        images: `[B, H, W, C]`.
        vectors: names of the maps with a vector (y, x) in two channels, which turns with the image.
    """
    total: Maps = {}
    for symmetry in _ALL:
        for name, values in network(_transform(images, symmetry)).items():
            back = _transform_back(values, symmetry, is_vector=name in vectors)
            total[name] = total[name] + back if name in total else back
    return {name: values / len(_ALL) for name, values in total.items()}


def _transform(images: tf.Tensor, symmetry: tuple[bool, bool, bool]) -> tf.Tensor:
    transposed, upside_down, mirrored = symmetry
    if transposed:
        images = tf.transpose(images, [0, 2, 1, 3])
    return _flip(images, upside_down=upside_down, mirrored=mirrored)


def _transform_back(
    maps: tf.Tensor, symmetry: tuple[bool, bool, bool], *, is_vector: bool
) -> tf.Tensor:
    transposed, upside_down, mirrored = symmetry
    maps = _flip(maps, upside_down=upside_down, mirrored=mirrored)
    if is_vector:
        maps *= tf.constant([-1.0 if upside_down else 1.0, -1.0 if mirrored else 1.0])
    if not transposed:
        return maps
    maps = tf.transpose(maps, [0, 2, 1, 3])
    return tf.reverse(maps, [3]) if is_vector else maps


def _flip(images: tf.Tensor, *, upside_down: bool, mirrored: bool) -> tf.Tensor:
    axes = [axis for axis, flip in ((1, upside_down), (2, mirrored)) if flip]
    return tf.reverse(images, axes) if axes else images
