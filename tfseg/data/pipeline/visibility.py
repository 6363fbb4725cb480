"""What a crop has left of the instances that its border cuts."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfseg.ids import IGNORE
from tfseg.kernels.runs import Runs, find_runs


class Areas(NamedTuple):
    """The instances of an image: ids `[N]` int32 in ascending order, and the pixels of each."""

    ids: tf.Tensor
    pixels: tf.Tensor


def areas(label: tf.Tensor) -> Areas:
    """Counts the pixels of every instance of `label` `[H, W]` int32."""
    ids, _, pixels = _values(find_runs(label[None]))
    order = tf.argsort(ids)
    order = tf.boolean_mask(order, tf.gather(ids, order) > 0)
    return Areas(tf.gather(ids, order), tf.gather(pixels, order))


def without_scraps(label: tf.Tensor, whole: Areas, *, least: float) -> tf.Tensor:
    """Ignores the instances of a crop that its border has cut to less than a share of themselves.

    What transforms made larger or smaller is held against the instances that lie whole in the crop:
    by the factor that those have grown, all together, a cut one would have grown too.

    Args:
        label: `[H, W]` int32, the crop.
        whole: of the image that it is from, with every id above 0 of the crop.
        least: share of an instance's pixels from which it stays, in [0, 1].

    Returns:
        `label`, with `IGNORE` where such instances are.
    """
    runs = find_runs(label[None])
    ids, instance, pixels = _values(runs)
    height, width = tf.unstack(tf.shape(label))
    at_border = (runs.row == 0) | (runs.row == height - 1)
    at_border |= (runs.first == 0) | (runs.last == width - 1)
    cut = tf.math.unsorted_segment_max(tf.cast(at_border, tf.int32), instance, tf.size(ids)) > 0
    # One area more, so that there is something to look up for what is no instance.
    before = tf.gather(tf.pad(whole.pixels, [[0, 1]]), tf.searchsorted(whole.ids, ids))
    left, before = tf.cast(pixels, tf.float32), tf.cast(before, tf.float32)
    in_crop = tf.cast((ids > 0) & ~cut, tf.float32)
    grown = tf.math.divide_no_nan(tf.reduce_sum(left * in_crop), tf.reduce_sum(before * in_crop))
    grown = tf.where(grown > 0.0, grown, 1.0)
    scrap = (ids > 0) & cut & (left < least * grown * before)
    ignored = runs.spread(tf.cast(tf.gather(scrap, instance), tf.int32))[0] > 0
    return tf.where(ignored, IGNORE, label)


def _values(runs: Runs) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the values `[N]` of an image, that of each run by its place `[R]`, and the pixels."""
    values, place = tf.unique(runs.value)
    pixels = tf.math.unsorted_segment_sum(runs.length, place, tf.size(values))
    return values, place, pixels
