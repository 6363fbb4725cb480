"""Registers a head: tfseg train DATA RUN --plugins examples/own_head.py --model.head Inside.

The network predicts the foreground and the inside of instances. Connected components of the inside
are grown over the foreground.
"""

import dataclasses

import tensorflow as tf

import tfseg
from tfseg import heads, losses
from tfseg.heads.instances import drop_small_and_score, foreground_targets, ignore_marked
from tfseg.kernels import components, regions


@tfseg.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class Inside(heads.MaskHead):
    outputs = {"foreground": 1, "inside": 1}
    loss_weights = {"foreground": 1.0, "inside": 1.0}
    threshold: float = 0.5

    def targets(self, labels):
        inside = ignore_marked(tf.cast(regions.interior(labels), tf.float32), labels)
        return {"foreground": self.weighted(foreground_targets(labels), labels), "inside": inside}

    def losses(self):
        mask = losses.parse(self.loss or "bce + dice", name="foreground")
        return {"foreground": mask, "inside": losses.BCE(name="inside")}

    def decode(self, outputs):
        foreground, inside = (tf.sigmoid(outputs[name])[..., 0] for name in self.outputs)
        seeds = components.components(inside > self.threshold)
        labels = components.grow(seeds, foreground > self.threshold, steps=3)
        return drop_small_and_score(labels, foreground, seeds, inside, self.min_area)
