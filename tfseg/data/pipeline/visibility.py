"""Which instances of a crop are ignored because the border of the crop cuts most of them off."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfseg.ids import IGNORE
from tfseg.kernels.runs import Runs, find_runs


class Areas(NamedTuple):
    """The instances of an image: ids `[N]` int32 in ascending order, and pixels `[N]` of each."""

    ids: tf.Tensor
    pixels: tf.Tensor


def areas(label: tf.Tensor) -> Areas:
    """Counts the pixels of every instance of `label` `[H, W]` int32."""
    ids, _, pixels = _values(find_runs(label[None]))
    order = tf.argsort(ids)
    order = tf.boolean_mask(order, tf.gather(ids, order) > 0)
    return Areas(tf.gather(ids, order), tf.gather(pixels, order))


def ignore_mostly_cut(label: tf.Tensor, full_areas: Areas, *, least: float) -> tf.Tensor:
    """Ignores instances that the border of a crop cuts to less than a share of their pixels.

    Transforms may have made instances larger or smaller. The factor is that of all instances
    together that lie completely in the crop.

    Args:
        label: `[H, W]` int32, the crop.
        full_areas: areas in the image of the crop, with every id above 0 of the crop.
        least: share of its pixels from which an instance stays, in [0, 1].

    Returns:
        `label`, with `IGNORE` in place of such instances.
    """
    runs = find_runs(label[None])
    ids, instance, pixels = _values(runs)
    height, width = tf.unstack(tf.shape(label))
    at_border = (runs.row == 0) | (runs.row == height - 1)
    at_border |= (runs.first == 0) | (runs.last == width - 1)
    cut = tf.math.unsorted_segment_max(tf.cast(at_border, tf.int32), instance, tf.size(ids)) > 0
    # Padded by one area, which is looked up for background and ignored pixels.
    before = tf.gather(tf.pad(full_areas.pixels, [[0, 1]]), tf.searchsorted(full_areas.ids, ids))
    left, before = tf.cast(pixels, tf.float32), tf.cast(before, tf.float32)
    in_crop = tf.cast((ids > 0) & ~cut, tf.float32)
    grown = tf.math.divide_no_nan(tf.reduce_sum(left * in_crop), tf.reduce_sum(before * in_crop))
    grown = tf.where(grown > 0.0, grown, 1.0)
    mostly_cut = (ids > 0) & cut & (left < least * grown * before)
    ignored = runs.spread(tf.cast(tf.gather(mostly_cut, instance), tf.int32))[0] > 0
    return tf.where(ignored, IGNORE, label)


def _values(runs: Runs) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the values `[N]` of an image, their index `[R]` per run, and their pixels `[N]`."""
    values, index = tf.unique(runs.value)
    pixels = tf.math.unsorted_segment_sum(runs.length, index, tf.size(values))
    return values, index, pixels
