"""Checks what pixel-level transforms from outside of tfseg return, before they change an image.

Shapes and dtypes are known when the chain is compiled. Values are not, and a check of every image
would cost as much as a small transform; so a transform is tried on three images when the chain is
compiled for a size. A transform that fails for others is found by the training, which names the
samples of a step that is not finite.
"""

from __future__ import annotations

import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Pixel
from tfseg.checks import InputError


def try_out(transform: Pixel, shape: tuple[int, int, int]) -> None:
    """Changes a black, a white and a graded image of `shape` (H, W, C), with three draws.

    Transforms of tfseg are left out: tests do it.

    Raises:
        InputError: the result has another shape or dtype, or values that are not finite.
    """
    if type(transform).__module__.startswith("tfseg."):
        return
    with tf.init_scope():
        ramp = tf.reshape(tf.linspace(0.0, 1.0, tf.reduce_prod(shape)), shape)
        images = {"black": tf.zeros(shape), "white": tf.ones(shape), "graded": ramp}
        for number, (name, image) in enumerate(images.items()):
            params = {"on": tf.constant(True), **transform.sample(random.root(number))}
            changed = checked(transform, image, transform.change(image, params))
            if not tf.reduce_all(tf.math.is_finite(changed)):
                raise InputError(
                    f"{type(transform).__name__}.change must return finite values; it returned "
                    f"others for a {name} image. Look for divisions, logarithms and powers of 0."
                )


def checked(transform: Pixel, image: tf.Tensor, changed: tf.Tensor) -> tf.Tensor:
    """Returns what a transform made of `image` `[H, W, C]` float32, with its static shape.

    Raises:
        InputError: another shape or dtype.
    """
    changed = tf.convert_to_tensor(changed)
    if changed.dtype != image.dtype or not image.shape.is_compatible_with(changed.shape):
        raise InputError(
            f"{type(transform).__name__}.change must return an image like the one it gets, "
            f"{_described(image)}; got {_described(changed)}."
        )
    return tf.ensure_shape(changed, image.shape)


def _described(image: tf.Tensor) -> str:
    return f"{list(image.shape)} {image.dtype.name}"
