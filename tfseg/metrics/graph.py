"""Keras metrics of instances and foreground: the same counts as in NumPy, inside the graph.

Each metric keeps sums of integers (and PQ a float64 sum of IoU). The result covers all images, does
not depend on batches and replicas, and equals the result of `evaluate_pairs` on the same images.
Inputs are id maps, so the outputs of a network are decoded first:

    metric.update_state(labels, head.decode(outputs).labels)

The operations that count ids have no XLA kernel: leave `jit_compile` off where they run. No other
module of `metrics` imports TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.checks import InputError
from tfseg.ids import IGNORE
from tfseg.kernels.runs import find_runs

_BITS = 31  # of an id


class _Table(NamedTuple):
    """The overlaps of a batch: sums, and a row for each pair of instances that share a pixel.

    Attributes:
        num_truth: `[]` int64.
        num_predicted: `[]` int64, without void predictions.
        truth_index: `[K]` int32.
        predicted_index: `[K]` int32.
        iou: `[K]` float64.
        pixels: `[3]` int64, foreground in both, of the truth, of the prediction.
    """

    num_truth: tf.Tensor
    num_predicted: tf.Tensor
    truth_index: tf.Tensor
    predicted_index: tf.Tensor
    iou: tf.Tensor
    pixels: tf.Tensor


class _Counting(keras.metrics.Metric):
    """The base class of metrics that add up counts `[N]` int64 over images."""

    def __init__(self, size: int, name: str | None, dtype: str | None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.counts = self.add_variable((size,), "zeros", dtype="int64", name="counts")

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Counts a batch.

        Args:
            y_true: `[B, H, W]` or `[B, H, W, 1]` integer ids, 0 = background, -1 = ignored.
            y_pred: the same for the prediction, without -1.
            sample_weight: `[B]`; an image of weight 0, such as padding, is left out; any other
                counts once.

        Raises:
            InputError: the tensors are not id maps.
        """
        self._add(_table(y_true, y_pred, sample_weight))

    def _add(self, table: _Table) -> None:
        self.counts.assign_add(self._count(table))

    def _count(self, table: _Table) -> tf.Tensor:
        """Returns the counts of a batch."""
        raise NotImplementedError


@keras.saving.register_keras_serializable(package="tfseg")
class IoU(_Counting):
    """Intersection over union of the foregrounds of all images: |P and T| / |P or T|."""

    def __init__(self, name: str | None = "iou", dtype: str | None = None) -> None:
        super().__init__(3, name, dtype)

    def _count(self, table: _Table) -> tf.Tensor:
        return table.pixels

    def result(self) -> tf.Tensor:
        """Returns the metric, `[]` float64; 1 if both are empty."""
        both, truth, predicted = tf.unstack(tf.convert_to_tensor(self.counts))
        return _fraction(both, truth + predicted - both)


@keras.saving.register_keras_serializable(package="tfseg")
class Dice(IoU):
    """Dice coefficient of the foregrounds of all images: 2 |P and T| / (|P| + |T|)."""

    def __init__(self, name: str | None = "dice", dtype: str | None = None) -> None:
        super().__init__(name, dtype)

    def result(self) -> tf.Tensor:
        """Returns the metric, `[]` float64; 1 if both are empty."""
        both, truth, predicted = tf.unstack(tf.convert_to_tensor(self.counts))
        return _fraction(2 * both, truth + predicted)


@keras.saving.register_keras_serializable(package="tfseg")
class InstanceAP(_Counting):
    """TP / (TP + FP + FN) of the instances of all images, matched where IoU >= a threshold.

    Args:
        thresholds: of IoU, in [0.5, 1]; the result is the mean over them.

    Raises:
        InputError: a threshold is out of range. Below 0.5 a matching is not unique; use
            `evaluate_pairs`.
    """

    def __init__(
        self,
        thresholds: Sequence[float] = (0.5,),
        name: str | None = "instance_ap",
        dtype: str | None = None,
    ) -> None:
        checks.sequence("thresholds", thresholds, "[0.5, 0.75]")
        self.thresholds = tuple(thresholds)
        if not self.thresholds or not all(0.5 <= iou <= 1 for iou in self.thresholds):
            raise InputError(
                f"thresholds must be numbers in [0.5, 1]; got {list(self.thresholds)}. "
                "Lower ones need evaluate_pairs."
            )
        super().__init__(2 + len(self.thresholds), name, dtype)

    def _count(self, table: _Table) -> tf.Tensor:
        matches = [_num_matches(table, table.iou >= iou) for iou in self.thresholds]
        return tf.stack([table.num_truth, table.num_predicted, *matches])

    def result(self) -> tf.Tensor:
        """Returns the metric, `[]` float64; 1 without any instance."""
        counts = tf.convert_to_tensor(self.counts)
        instances, matches = counts[0] + counts[1], counts[2:]
        return tf.reduce_mean(_fraction(matches, instances - matches))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that make the same metric."""
        return {**super().get_config(), "thresholds": list(self.thresholds)}


@keras.saving.register_keras_serializable(package="tfseg")
class PanopticQuality(_Counting):
    """Sum of IoU / (TP + FP / 2 + FN / 2) of the instances of all images, matched at IoU > 0.5."""

    def __init__(self, name: str | None = "pq", dtype: str | None = None) -> None:
        super().__init__(2, name, dtype)
        self.iou_sum = self.add_variable((), "zeros", dtype="float64", name="iou_sum")

    def _count(self, table: _Table) -> tf.Tensor:
        return tf.stack([table.num_truth, table.num_predicted])

    def _add(self, table: _Table) -> None:
        super()._add(table)
        self.iou_sum.assign_add(tf.reduce_sum(tf.boolean_mask(table.iou, table.iou > 0.5)))

    def result(self) -> tf.Tensor:
        """Returns the metric, `[]` float64; 1 without any instance."""
        instances = tf.reduce_sum(tf.convert_to_tensor(self.counts))
        return _fraction(2 * tf.convert_to_tensor(self.iou_sum), instances)


def count(y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns scalars to be summed over batches and replicas, the input of `compute_metrics`.

    Args:
        y_true: `[B, H, W]` or `[B, H, W, 1]` integer ids, 0 = background, -1 = ignored.
        y_pred: `[B, H, W]` integer ids.
        sample_weight: `[B]`; an image of weight 0 is left out.
    """
    table = _table(y_true, y_pred, sample_weight)
    both, truth, predicted = tf.unstack(table.pixels)
    return {
        "num_truth": table.num_truth,
        "num_predicted": table.num_predicted,
        "tp50": _num_matches(table, table.iou >= 0.5),
        "iou_sum": tf.reduce_sum(tf.boolean_mask(table.iou, table.iou > 0.5)),
        "pixels_both": both,
        "pixels_truth": truth,
        "pixels_predicted": predicted,
    }


def compute_metrics(counts: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns ap50, pq, dice and iou from sums of `count`, each `[]` float64."""
    instances, pixels = (
        counts[f"{kind}_truth"] + counts[f"{kind}_predicted"] for kind in ("num", "pixels")
    )
    return {
        "ap50": _fraction(counts["tp50"], instances - counts["tp50"]),
        "pq": _fraction(2 * counts["iou_sum"], instances),
        "dice": _fraction(2 * counts["pixels_both"], pixels),
        "iou": _fraction(counts["pixels_both"], pixels - counts["pixels_both"]),
    }


def _table(y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: tf.Tensor | None) -> _Table:
    labels, predictions = _id_maps("y_true", y_true), _id_maps("y_pred", y_pred)
    if not labels.shape.is_compatible_with(predictions.shape):
        raise InputError(
            f"y_true and y_pred must have one size; got {labels.shape} and {predictions.shape}. "
            "Predict images of the size of their labels."
        )
    if sample_weight is not None:
        counted = tf.reshape(tf.cast(sample_weight, tf.float32), [-1, 1, 1]) != 0
        labels = tf.where(counted, labels, tf.constant(IGNORE, tf.int64))
    return _overlaps(labels, predictions)


def _id_maps(name: str, ids: tf.Tensor) -> tf.Tensor:
    ids = tf.convert_to_tensor(ids)
    if ids.shape.rank == 4 and ids.shape[-1] == 1:
        ids = ids[..., 0]
    if not ids.dtype.is_integer or ids.shape.rank != 3:
        raise InputError(
            f"{name} must be id maps [B, H, W] of an integer type; got {ids.dtype.name} "
            f"{ids.shape}. Decode the outputs of the network first."
        )
    return tf.cast(ids, tf.int64)


def _overlaps(truth: tf.Tensor, prediction: tf.Tensor) -> _Table:
    """Returns the table of maps `[B, H, W]` int64, as `matching.overlaps`; no void predictions."""
    image, true, predicted, pixels = _pairs(truth, prediction)
    counted, nothing = true != IGNORE, tf.zeros_like(pixels)
    true_names, true_index = tf.unique(image * 2 ** (_BITS + 1) + true + 1)
    names, index = tf.unique(image * 2**_BITS + predicted)
    size = tf.size(names)
    true_areas = tf.math.unsorted_segment_sum(pixels, true_index, tf.size(true_names))
    areas = tf.math.unsorted_segment_sum(tf.where(counted, pixels, nothing), index, size)
    ignored = tf.math.unsorted_segment_sum(tf.where(counted, nothing, pixels), index, size)

    both = (true > 0) & (predicted > 0)
    union = tf.gather(true_areas, true_index) + tf.gather(areas, index) - pixels
    iou = tf.cast(tf.where(both, pixels, nothing), tf.float64) / tf.cast(union, tf.float64)
    matched = tf.math.unsorted_segment_max(iou, index, size) > 0.5
    wanted = (names % 2**_BITS > 0) & (areas > 0) & (matched | (ignored <= areas))
    kept = both & tf.gather(wanted, index)
    foreground = [both, true > 0, counted & (predicted > 0)]
    return _Table(
        tf.math.count_nonzero(true_names % 2 ** (_BITS + 1) > 1),
        tf.math.count_nonzero(wanted),
        tf.boolean_mask(true_index, kept),
        tf.boolean_mask(index, kept),
        tf.boolean_mask(iou, kept),
        tf.stack([tf.reduce_sum(tf.where(mask, pixels, nothing)) for mask in foreground]),
    )


def _pairs(truth: tf.Tensor, prediction: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Returns image, true id, predicted id and pixels of each pair of ids, `[pairs]` int64."""
    # tf.unique hashes its values one by one, and there are far fewer runs than pixels.
    runs = find_runs((truth + 1) * 2**_BITS + prediction)
    names, number = tf.unique(runs.value)
    # Two ids fill an integer of 64 bits, so a name cannot include the image: every name has a sum
    # in every image, and most sums are 0. Naming pairs of image and number took 1.1 ms of 6.2 ms.
    size = tf.size(names)
    sums = tf.math.unsorted_segment_sum(
        runs.length, runs.image * size + number, tf.shape(truth)[0] * size
    )
    position = tf.where(sums > 0)[:, 0]
    image = position // tf.cast(size, tf.int64)
    names = tf.gather(names, position - image * tf.cast(size, tf.int64))
    true, predicted = names // 2**_BITS - 1, names % 2**_BITS
    return image, true, predicted, tf.cast(tf.gather(sums, position), tf.int64)


def _num_matches(table: _Table, chosen: tf.Tensor) -> tf.Tensor:
    """Returns the size of the largest matching in pairs of IoU >= 0.5.

    Two such pairs share an instance only if its two halves are instances of the other map, and a
    half has no other partner. So the pairs, as edges of a graph, form trees of one or two edges,
    with one match per tree. The number of trees is the number of nodes minus the number of edges.
    """
    nodes = [
        tf.size(tf.unique(tf.boolean_mask(index, chosen)).y, out_type=tf.int64)
        for index in (table.truth_index, table.predicted_index)
    ]
    return nodes[0] + nodes[1] - tf.math.count_nonzero(chosen)


def _fraction(part: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Returns part / total in float64; 1 where the total is 0."""
    part, total = tf.cast(part, tf.float64), tf.cast(total, tf.float64)
    return tf.where(total == 0, tf.ones_like(part), tf.math.divide_no_nan(part, total))
