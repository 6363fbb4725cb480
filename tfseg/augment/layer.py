"""Augmentation as a Keras layer, for models that augment by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseg import random
from tfseg.augment.base import Transform
from tfseg.augment.chain import Chain, Example
from tfseg.augment.spec import from_spec, to_spec


@keras.saving.register_keras_serializable("tfseg")
class Augmentation(keras.layers.Layer):
    """Augments a batch {"image", "label"} in training, and only scales images otherwise.

    The draw of an image depends on `seed`, the number of the call, the replica and the place in the
    batch. In a `tf.data` pipeline (`tfseg.augmented`) it depends on the sample alone, runs while
    the device computes, and is the better place where there is a choice. A model with this layer is
    compiled with `jit_compile=False`: XLA draws other numbers.

    Args:
        transforms: in the order in which they act.
        seed: a whole number from 0 on.
    """

    def __init__(self, transforms: Sequence[Transform], *, seed: int, **options: Any) -> None:
        super().__init__(**options)
        self.seed = seed
        self._chain, self._still = Chain(transforms), Chain([])
        # Of this many calls every one draws anew; not trained, and saved with the model.
        self.calls = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="calls",
        )

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> Example:
        """Returns image `[B, h, w, C]` float32 in [0, 1] and label `[B, h, w]` int32."""
        if not training:
            return self._still.apply(inputs, {})
        call = random.fold_in(random.root(self.seed), tf.convert_to_tensor(self.calls))
        own = random.fold_in(call, _replica())
        self.calls.assign_add(1)
        places = tf.range(tf.shape(inputs["label"])[0])
        seeds = tf.map_fn(
            lambda place: random.fold_in(own, place),
            places,
            fn_output_signature=tf.TensorSpec([2], tf.int32),
        )
        return self._chain(inputs, seeds)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` builds the layer from."""
        own = {"transforms": to_spec(self._chain.transforms), "seed": self.seed}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augmentation:
        """Builds the layer of the plain values of `get_config`."""
        return cls(**config | {"transforms": from_spec(config["transforms"])})


def _replica() -> tf.Tensor | int:
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context else 0
