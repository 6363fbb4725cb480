"""Adds classes to any head: every pixel gets a class, and the pixels of an instance vote."""

from __future__ import annotations

import dataclasses

import keras
import tensorflow as tf

from tfseg import checks, losses
from tfseg.heads.base import Decoded, Head, Maps
from tfseg.heads.inputs import check_labels, check_outputs
from tfseg.kernels import class_ids

CLASS = "class"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Classified(Head):
    """Instances found by `head`, with several classes.

    The class of an instance is the most frequent class of its pixels, the first one in a tie. Its
    score is the score from `head` times the mean probability of this class over its pixels.

    Source: Cheng et al., Panoptic-DeepLab (2020), arXiv 1911.10194, section 3.3, "majority vote"
    and "instance-level score".

    Attributes:
        head: finds the instances, ignoring their class.
        num_classes: from 2 on; `targets` reads the class from the ids (see `class_ids`).
        class_weights: weights of the pixels of each class in the loss; empty means 1 for all.
    """

    head: Head
    num_classes: int
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Checks the weights."""
        if self.class_weights and len(self.class_weights) != self.num_classes:
            raise checks.InputError(
                f"model.class_weights must have {self.num_classes} numbers, one per class; got "
                f"{len(self.class_weights)}."
            )
        self.losses()

    @property
    def outputs(self) -> dict[str, int]:  # type: ignore[override]
        """Outputs of the head, and the logits of the classes."""
        return self.head.outputs | {CLASS: self.num_classes}

    @property
    def vectors(self) -> frozenset[str]:  # type: ignore[override]
        """Vectors of the head."""
        return self.head.vectors

    @property
    def tunable(self) -> dict[str, tuple[float, ...]]:  # type: ignore[override]
        """Options of the head."""
        return self.head.tunable

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns targets of the head, and class `[B, H, W, 1]` from 0, -1 outside instances."""
        check_labels(labels)
        classes = class_ids.classes(labels, num_classes=self.num_classes) - 1
        inside = tf.where(labels > 0, tf.cast(classes, tf.float32), -1.0)
        return self.head.targets(labels) | {CLASS: inside[..., None]}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Returns losses of the head, and cross-entropy over the pixels of instances."""
        return self.head.losses() | {CLASS: losses.ClassCE(self.class_weights, name=CLASS)}

    @property
    def loss_weights(self) -> dict[str, float]:
        """Weights of the head, and 1 for the classes."""
        return self.head.loss_weights | {CLASS: 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Finds the instances, and lets their pixels vote for the class."""
        check_outputs(self, outputs)
        decoded = self.head.decode({name: outputs[name] for name in self.head.outputs})
        classes, probability = _vote(decoded.labels, outputs[CLASS], tf.shape(decoded.scores)[1])
        return Decoded(decoded.labels, decoded.scores * probability, classes)


def _vote(labels: tf.Tensor, logits: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns class and its mean probability, `[B, count]`, of ids from 1; 0 without pixels."""
    images, num_classes = tf.shape(labels)[0], logits.shape[-1]
    num_ids = count + 1  # with the background
    group = labels + tf.range(images)[:, None, None] * num_ids
    winner = tf.argmax(logits, axis=-1)  # the first one in a tie

    def sums(values: tf.Tensor) -> tf.Tensor:
        total = tf.math.unsorted_segment_sum(values, group, images * num_ids)
        return tf.reshape(total, [images, num_ids, num_classes])[:, 1:]

    votes = sums(tf.one_hot(winner, num_classes, dtype=tf.int32))
    area = tf.reduce_sum(votes, axis=-1)
    chosen = tf.argmax(votes, axis=-1, output_type=tf.int32)
    total = tf.gather(sums(tf.nn.softmax(logits)), chosen, axis=-1, batch_dims=2)
    probability = tf.math.divide_no_nan(total, tf.cast(area, tf.float32))
    return tf.where(area > 0, chosen + 1, 0), probability
