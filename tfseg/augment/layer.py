"""Augmentation as a Keras layer, for models that include it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseg import calls, checks, random
from tfseg.augment.base import Example, Transform
from tfseg.augment.chain import Chain
from tfseg.augment.inputs import check_batch
from tfseg.augment.spec import from_spec, to_spec


@keras.saving.register_keras_serializable("tfseg")
class Augmentation(keras.layers.Layer, metaclass=calls.Public):
    """Augments a batch {"image", "label"} in training, and only scales images otherwise.

    The draw of an image depends on `seed`, the number of the call, the replica and the position in
    the batch. Prefer a `tf.data` pipeline (`tfseg.augmented`) where possible: its draws depend on
    the sample alone, and it runs while the device computes. Compile a model with this layer with
    `jit_compile=False`: XLA draws different numbers.

    Args:
        transforms: in the order in which they act.
        seed: a whole number from 0 on.

    Raises:
        InputError: called with anything but a batch {"image", "label"}.
    """

    def __init__(self, transforms: Sequence[Transform], *, seed: int, **options: Any) -> None:
        checks.integer("seed of Augmentation", seed, low=0)
        super().__init__(**options)
        self.seed = seed
        self._chain, self._unchanged = Chain(transforms), Chain([])
        # Counts the calls, so that every call draws new numbers; saved with the model, not trained.
        self.calls = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",
            name="calls",
        )

    def __call__(self, inputs: Mapping[str, tf.Tensor], *rest: Any, **options: Any) -> Example:
        """Augments or scales a batch, see `call`."""
        # Before Keras, which would add the inputs to the error.
        check_batch(inputs)
        return super().__call__(inputs, *rest, **options)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> Example:
        """Returns image `[B, h, w, C]` float32 in [0, 1] and label `[B, h, w]` int32."""
        if not training:
            return self._unchanged.apply(inputs, {})
        call = random.fold_in(random.root(self.seed), tf.convert_to_tensor(self.calls))
        replica = random.fold_in(call, _replica())
        self.calls.assign_add(1)
        return self._chain(inputs, replica)

    def get_config(self) -> dict[str, Any]:
        """Returns plain values from which `from_config` builds the layer."""
        values = {"transforms": to_spec(self._chain.transforms), "seed": self.seed}
        return super().get_config() | values

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augmentation:
        """Builds the layer from the plain values of `get_config`."""
        return cls(**config | {"transforms": from_spec(config["transforms"])})


def _replica() -> tf.Tensor | int:
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group if context else 0
