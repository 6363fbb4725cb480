"""Muon, orthogonalised momentum: the optimizer with the best results in a short training.

Keras's `Muon` leaves everything except matrices to AdamW, including all convolutions. This class
reshapes a kernel to a matrix, with one column per output channel.
"""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from tfseg import compat


@keras.saving.register_keras_serializable("tfseg")
@compat.overrides(compat.USES_ADAMW, compat.ORTHOGONALIZE, compat.ADJUST_RATE)
class Muon(keras.optimizers.Muon):
    """Muon for the kernels of convolutions, AdamW for the rest.

    The rest are biases, normalisation layers, depthwise kernels, and the last layer, which is in
    `exclude_layers` as the source recommends. The update of a kernel is as large as with AdamW, so
    both use the same learning rate.

    Sources: Jordan et al., Muon (2024), kellerjordan.github.io/posts/muon; the size of the update:
    Liu et al., Muon is scalable for LLM training (2025), arXiv 2502.16982, eq. 4.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) < 2 or 1 in _matrix(variable.shape):
            return True
        return any(name in variable.path for name in self.exclude_layers)

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        """Returns the kernel `x` with all singular values of its matrix near 1."""
        matrix = tf.reshape(x, _matrix(x.shape))
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the update `x` scaled to the root mean square of AdamW's updates."""
        matrix = tf.reshape(x, _matrix(x.shape))
        return tf.reshape(super().lr_adjust(matrix), x.shape)


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns rows (inputs) and columns (output channels) of the matrix of a kernel."""
    return math.prod(shape[:-1]), shape[-1]
