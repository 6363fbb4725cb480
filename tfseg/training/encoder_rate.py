"""The encoder's own learning rate: none while it is frozen, then a share of that of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfseg.config import OptimizerConfig
from tfseg.networks.encoder import encoder_variables


class EncoderRate:
    """Takes back what a step did to the encoder, or a share of it; made under their strategy.

    w = before in the first `frozen` steps, and then after + (share - 1) (after - before), where the
    optimizer, with its weight decay, brought w from before to after. That is a learning rate of
    share times the others' with any optimizer whose steps are in proportion to it; to scale the
    gradients would not be, since most optimizers divide them by their size.

    The optimizer gets the gradients of a frozen encoder too, so its moments are there when the
    encoder is free. Did they begin at 0 then, with the correction of their bias long over, Adam's
    first update would be (1 - 0.9) / sqrt(1 - 0.999), three times the size of the others.

    Layers of batch normalisation use the statistics of the batch, and their averages follow the
    data, as with `encoder_freeze` of segmentation-models: the features do not change in kind when
    the encoder is free. The moving average of the weights and the network's other weights know of
    nothing.
    """

    def __init__(self, variables: Sequence[keras.Variable], *, frozen: int, share: float) -> None:
        self._variables, self._frozen, self._share = list(variables), frozen, share
        self._strategy = tf.distribute.get_strategy()

    def around(self, update: Callable[[], None], step: tf.Tensor) -> None:
        """Makes `update`, that of `step`, a scalar from 0 on; in cross-replica context."""
        frozen = tf.identity(step) < self._frozen
        before = self._strategy.run(lambda: [tf.identity(each.value) for each in self._variables])
        update()

        def hold(variable: tf.Variable, old: tf.Tensor) -> None:
            slowed = variable + (self._share - 1.0) * (variable - old)
            variable.assign(tf.where(frozen, old, slowed))

        for variable, old in zip(self._variables, before, strict=True):
            self._strategy.extended.update(variable.value, hold, args=(old,))


def encoder_rate(config: OptimizerConfig, model: keras.Model) -> EncoderRate | None:
    """Returns what `config` says of the encoder of `model`; None where it is like the rest.

    Raises:
        InputError: the model has no encoder.
    """
    frozen, share = config.freeze_encoder, config.encoder_learning_rate
    if not frozen and share == 1.0:
        return None
    return EncoderRate(encoder_variables(model), frozen=frozen, share=share)
