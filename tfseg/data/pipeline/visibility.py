"""Which instances of a crop are ignored because the border of the crop cuts most of them off."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfseg.ids import IGNORE
from tfseg.kernels.runs import Runs, find_runs
from tfseg.kernels.static import unique


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
    before = _look_up(full_areas, ids)
    return _ignore(label, runs, instance, Areas(ids, pixels), before, least=least)


def spread_areas(label: tf.Tensor, full_areas: Areas) -> tf.Tensor:
    """Returns the full area of the instance at each pixel of `label`, `[H, W]` float32, else 0."""
    runs = find_runs(label[None])
    before = tf.cast(_look_up(full_areas, runs.value), tf.float32)
    return tf.gather(tf.where(runs.value > 0, before, 0.0), runs.of)[0]


def ignore_by_pixel(label: tf.Tensor, full_area: tf.Tensor, *, least: float) -> tf.Tensor:
    """Returns what `ignore_mostly_cut` does, from areas that were moved with the ids.

    Args:
        label: `[H, W]` int32, the crop.
        full_area: `[H, W]` float32, as `spread_areas` makes it.
        least: share of its pixels from which an instance stays, in [0, 1].
    """
    runs = find_runs(label[None])
    ids, instance, pixels = _values(runs)
    of_run = runs.largest(full_area[None])
    before = tf.math.unsorted_segment_max(of_run, instance, tf.size(ids))
    return _ignore(label, runs, instance, Areas(ids, pixels), before, least=least)


def _look_up(full_areas: Areas, ids: tf.Tensor) -> tf.Tensor:
    """Returns the areas of `ids` `[N]`; arbitrary ones of background and ignored pixels."""
    # Padded by one area, for ids above all others.
    return tf.gather(tf.pad(full_areas.pixels, [[0, 1]]), tf.searchsorted(full_areas.ids, ids))


def _ignore(
    label: tf.Tensor,
    runs: Runs,
    instance: tf.Tensor,
    left: Areas,
    before: tf.Tensor,
    *,
    least: float,
) -> tf.Tensor:
    """Ignores instances of which `left` is too little, from the areas `before` `[N]`."""
    height, width = tf.unstack(tf.shape(label))
    at_border = (runs.row == 0) | (runs.row == height - 1)
    at_border |= (runs.first == 0) | (runs.last == width - 1)
    present = (left.ids > 0) & (left.pixels > 0)  # fixed shapes have empty instances, too
    cut = tf.math.unsorted_segment_max(tf.cast(at_border, tf.int32), instance, tf.size(before)) > 0
    pixels, before = tf.cast(left.pixels, tf.float32), tf.cast(before, tf.float32)
    in_crop = present & ~cut
    grown = tf.math.divide_no_nan(
        tf.reduce_sum(tf.where(in_crop, pixels, 0.0)),
        tf.reduce_sum(tf.where(in_crop, before, 0.0)),
    )
    grown = tf.where(grown > 0.0, grown, 1.0)
    mostly_cut = present & cut & (pixels < least * grown * before)
    ignored = runs.spread(tf.cast(tf.gather(mostly_cut, instance), tf.int32))[0] > 0
    return tf.where(ignored, IGNORE, label)


def _values(runs: Runs) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns the values `[N]` of an image, their index `[R]` per run, and their pixels `[N]`."""
    values, index = unique(runs.value)
    pixels = tf.math.unsorted_segment_sum(runs.length, index, tf.size(values))
    return values, index, pixels
