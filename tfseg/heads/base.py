"""The interface of heads: output maps, targets computed from ids, losses, and decoding to ids."""

from __future__ import annotations

import abc
from typing import ClassVar, NamedTuple

import keras
import tensorflow as tf

from tfseg import calls, checks

Maps = dict[str, tf.Tensor]


class Decoded(NamedTuple):
    """Instances of a batch.

    `labels` `[B, H, W]` int32: ids 1 to n_b in image b. `scores` `[B, N]` float32 in [0, 1] and
    `classes` `[B, N]` int32, from 1 on: id k is at index k - 1, with 0 beyond n_b; N is the largest
    n_b. `classes` is None if the head has no classes.
    """

    labels: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor | None = None


class Head(metaclass=calls.Public):
    """Everything about one way to represent instances, in graph operations.

    A head is a frozen dataclass; its fields are the options that `model.head_options` sets.
    """

    outputs: ClassVar[dict[str, int]]
    """Channels of every output map, by name."""

    vectors: ClassVar[frozenset[str]] = frozenset()
    """Outputs with two channels that are a vector (y, x), which turns with the image."""

    tunable: ClassVar[dict[str, tuple[float, ...]]] = {}
    """Fields that only `decode` reads, with the values that `tune` tries."""

    @abc.abstractmethod
    def targets(self, labels: tf.Tensor) -> Maps:
        """Makes the targets of every output from `labels` `[B, H, W]` int32 (-1 is ignored)."""

    @abc.abstractmethod
    def losses(self) -> dict[str, keras.losses.Loss]:
        """Returns a loss for every output, each with one value per sample."""

    @property
    @abc.abstractmethod
    def loss_weights(self) -> dict[str, float]:
        """Weights of the losses in the sum that is minimised."""

    def split_outputs(self, maps: tf.Tensor) -> Maps:
        """Splits `maps` `[..., channels]`, all outputs concatenated, into outputs by name."""
        count = sum(self.outputs.values())
        if maps.shape[-1] not in (count, None):
            raise checks.InputError(
                f"maps of {type(self).__name__} must be [..., {count}], all outputs concatenated; "
                f"got {maps.shape}. Concatenate {', '.join(self.outputs)}."
            )
        parts = tf.split(maps, list(self.outputs.values()), axis=-1)
        return dict(zip(self.outputs, parts, strict=True))

    @abc.abstractmethod
    def decode(self, outputs: Maps) -> Decoded:
        """Finds instances from `outputs`, `[B, H, W, channels]` float32 each."""
