"""Registers a loss: tfseg train DATA RUN --plugins examples/own_loss.py --model.loss "bce + Hinge".

The hinge loss of the logits: 0 from a margin of 1 on, and linear below it.
"""

import tensorflow as tf

import tfseg
from tfseg.losses.base import mean


@tfseg.register
class Hinge(tfseg.losses.PixelLoss):
    def masked_loss(self, truth, logits, counted):
        return mean(tf.nn.relu(1.0 - (2.0 * truth - 1.0) * logits), counted)
