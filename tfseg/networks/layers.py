"""Layers that Keras does not have: for images of any size, and dropout drawn from the images."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfseg import random

STRIDE = 32  # of the encoders: images are padded to multiples of it


def pad_to_stride(images: tf.Tensor, stride: int = STRIDE) -> tf.Tensor:
    """Pads images `[B, H, W, C]` with zeros below and on the right, to multiples of `stride`."""
    height, width = tf.unstack(tf.shape(images)[1:3])
    return tf.pad(images, [[0, 0], [0, -height % stride], [0, -width % stride], [0, 0]])


@keras.saving.register_keras_serializable("tfseg")
class PadToStride(keras.layers.Layer):
    """Pads images with zeros below and on the right, to multiples of `stride`.

    `[B, H, W, C]` -> `[B, H', W', C]`.
    """

    def __init__(self, stride: int, **options: Any) -> None:
        super().__init__(**options)
        self.stride = stride

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """Pads."""
        return pad_to_stride(images, self.stride)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with its height and width rounded up."""
        height, width = (size and -(-size // self.stride) * self.stride for size in shape[1:3])
        return (shape[0], height, width, shape[3])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return super().get_config() | {"stride": self.stride}


@keras.saving.register_keras_serializable("tfseg")
class CutTo(keras.layers.Layer):
    """Cuts maps to the height and width of images: [maps, images] -> maps."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Cuts."""
        maps, images = inputs
        height, width = tf.unstack(tf.shape(images)[1:3])
        return maps[:, :height, :width]

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Returns the shape of the maps with the images' height and width."""
        maps, images = shapes
        return (maps[0], *images[1:3], maps[3])


@keras.saving.register_keras_serializable("tfseg")
class ResizeAs(keras.layers.Layer):
    """Enlarges features bilinearly to the height and width of others: [features, others]."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Enlarges."""
        features, others = inputs
        resized = tf.image.resize(features, tf.shape(others)[1:3])
        return tf.cast(resized, features.dtype)

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Returns the shape of the features with the others' height and width."""
        features, others = shapes
        return (features[0], *others[1:3], features[3])


@keras.saving.register_keras_serializable("tfseg")
class Cells(keras.layers.Layer):
    """Means over `level` x `level` cells of an image of any size: `[B, level, level, C]`.

    Cell i spans floor(i n / level) to ceil((i + 1) n / level) of n rows or columns: adjacent cells
    share one if n is not a multiple of `level`, and no cell is empty.

    Source: He et al., Spatial Pyramid Pooling (2014), section 2.3.
    """

    def __init__(self, level: int, **options: Any) -> None:
        super().__init__(**options)
        self.level = level

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Pools."""
        rows, columns = (self._weights(tf.shape(features)[axis]) for axis in (1, 2))
        rows, columns = (tf.cast(weights, features.dtype) for weights in (rows, columns))
        return tf.einsum("ih,bhwc,jw->bijc", rows, features, columns)

    def _weights(self, size: tf.Tensor) -> tf.Tensor:
        cell = tf.range(self.level)[:, None]
        pixel = tf.range(size)[None]
        first = cell * size // self.level
        end = -(-(cell + 1) * size // self.level)
        inside = tf.cast((pixel >= first) & (pixel < end), tf.float32)
        return inside / tf.reduce_sum(inside, axis=1, keepdims=True)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape with `level` rows and columns."""
        return (shape[0], self.level, self.level, shape[3])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return super().get_config() | {"level": self.level}


@keras.saving.register_keras_serializable("tfseg")
class AddScaled(keras.layers.Layer):
    """Adds the second input, times `scale`, to the first."""

    def __init__(self, scale: float, **options: Any) -> None:
        super().__init__(**options)
        self.scale = scale

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Adds."""
        return inputs[0] + inputs[1] * self.scale

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Returns the shape of the first input."""
        return shapes[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return super().get_config() | {"scale": self.scale}


@keras.saving.register_keras_serializable("tfseg")
class KeyedDropout(keras.layers.Layer):
    """Drops whole channels of features in training, different ones in every sample.

    Inputs are [features, images]. The mask depends on the sample's image alone, so it is the same
    on any number of replicas, in any batch and after a resume; Keras's layers draw from a state of
    each replica. Masks differ between epochs, because augmentation changes the pixels.

    Source: Tompson et al., Efficient Object Localization (2015), section 3.2: spatial dropout.
    """

    def __init__(self, rate: float, **options: Any) -> None:
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Drops channels, and divides the others by the kept share, so that the mean stays."""
        features, images = inputs
        if not training:
            return features
        # A sum of integers is the same in any order.
        keys = tf.reduce_sum(tf.bitcast(tf.cast(images, tf.float32), tf.int32), axis=(1, 2, 3))
        seed, channels = random.for_name(random.root(0), self.name), features.shape[-1]
        shares = tf.map_fn(
            lambda key: random.uniform(random.fold_in(seed, key), 0.0, 1.0, (channels,)),
            keys,
            fn_output_signature=tf.TensorSpec([channels], tf.float32),
        )
        kept = tf.cast(shares >= self.rate, features.dtype) / (1.0 - self.rate)
        return features * kept[:, None, None]

    def compute_output_shape(self, shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """Returns the shape of the features."""
        return shapes[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the layer."""
        return super().get_config() | {"rate": self.rate}
