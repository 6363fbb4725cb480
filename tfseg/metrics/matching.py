"""Matches true and predicted instances: a sparse table of overlaps, and matching by IoU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from tfseg import calls, checks
from tfseg.checks import InputError
from tfseg.ids import BACKGROUND, IGNORE, MAX_ID, check_map, check_range
from tfseg.large_arrays import Windows, as_raster, bands


class Overlaps(NamedTuple):
    """How the T true and P predicted instances of an image overlap, in K pairs that share a pixel.

    Instances and pairs are in the order of their first pixel, row by row, so that results do not
    depend on how the instances are numbered.

    Attributes:
        truth_ids: `[T]` int64.
        truth_areas: `[T]` int64, pixels.
        predicted_ids: `[P]` int64.
        predicted_areas: `[P]` int64, pixels that are not ignored, > 0.
        predicted_ignored: `[P]` int64, pixels that are ignored.
        truth_index: `[K]` int64 positions in `truth_ids`.
        predicted_index: `[K]` int64 positions in `predicted_ids`.
        intersection: `[K]` int64, pixels, > 0.
        iou: `[K]` float64 in (0, 1], intersection over union.
        num_pixels: pixels of the image that are not ignored.
    """

    truth_ids: np.ndarray
    truth_areas: np.ndarray
    predicted_ids: np.ndarray
    predicted_areas: np.ndarray
    predicted_ignored: np.ndarray
    truth_index: np.ndarray
    predicted_index: np.ndarray
    intersection: np.ndarray
    iou: np.ndarray
    num_pixels: int

    @property
    def union(self) -> np.ndarray:
        """Pixels in either instance of each pair, `[K]` int64."""
        areas = self.truth_areas[self.truth_index] + self.predicted_areas[self.predicted_index]
        return areas - self.intersection

    def select(self, truth: np.ndarray, predicted: np.ndarray) -> Overlaps:
        """Returns the table of the selected instances: `truth` `[T]` and `predicted` `[P]` bool."""
        pairs = truth[self.truth_index] & predicted[self.predicted_index]
        return Overlaps(
            self.truth_ids[truth],
            self.truth_areas[truth],
            self.predicted_ids[predicted],
            self.predicted_areas[predicted],
            self.predicted_ignored[predicted],
            (np.cumsum(truth) - 1)[self.truth_index[pairs]],
            (np.cumsum(predicted) - 1)[self.predicted_index[pairs]],
            self.intersection[pairs],
            self.iou[pairs],
            self.num_pixels,
        )


@calls.check
def overlaps(
    truth: np.ndarray | Windows,
    prediction: np.ndarray | Windows,
    *,
    ignored_ids: Sequence[int] | np.ndarray = (),
) -> Overlaps:
    """Returns the table of overlaps of two id maps.

    Time and memory grow with the pixels and the pairs that overlap, never with T x P; maps that are
    no arrays, and those in files, are read in bands of rows.

    Args:
        truth: `[H, W]` integer ids up to 2^31 - 1, 0 = background, -1 = ignored in both maps.
        prediction: `[H, W]` integer ids up to 2^31 - 1, 0 = background.
        ignored_ids: true instances whose pixels are ignored in both maps.

    Raises:
        InputError: the sizes differ, a map is not two-dimensional or not of integers, or an id is
            out of range.
    """
    truth, prediction = as_raster(truth), as_raster(prediction)
    check_map("truth", truth)
    check_map("prediction", prediction)
    if truth.shape != prediction.shape:
        raise InputError(
            "truth and prediction must have the same size (height, width); "
            f"got {truth.shape} and {prediction.shape}. Give the prediction of this image."
        )
    true, predicted, pixels = _pairs(truth, prediction, np.asarray(ignored_ids))
    counted = true != IGNORE
    ignored, ignored_pixels = predicted[~counted], pixels[~counted]
    true, predicted, pixels = true[counted], predicted[counted], pixels[counted]
    truth_ids, truth_areas, truth_index = _areas(true, pixels)
    predicted_ids, predicted_areas, predicted_index = _areas(predicted, pixels)
    both = (true > 0) & (predicted > 0)
    table = Overlaps(
        truth_ids,
        truth_areas,
        predicted_ids,
        predicted_areas,
        _lookup(predicted_ids, ignored, ignored_pixels),
        truth_index[both],
        predicted_index[both],
        pixels[both],
        pixels[both],
        int(pixels.sum()),
    )
    return table._replace(iou=table.intersection / table.union)


@calls.check
def match(table: Overlaps, threshold: float) -> np.ndarray:
    """Matches one to one: as many pairs with IoU >= `threshold` as possible.

    Above 0.5 no instance has two such partners, so the pairs themselves are the only matching. At
    0.5 and below, returns the matching with the largest sum of IoU among those with the most pairs.

    Args:
        table: of one image.
        threshold: IoU in (0, 1].

    Returns:
        `[M]` int64 positions in the K pairs of `table`, ascending.

    Raises:
        InputError: the threshold is not in [0, 1].

    Source:
        Schmidt et al. 2018, Cell Detection with Star-convex Polygons; the weights come from its
        code, stardist/matching.py.
    """
    checks.in_range("threshold", threshold, low=0, high=1)
    (pairs,) = np.nonzero(table.iou >= threshold)
    rows, columns, ious = table.truth_index[pairs], table.predicted_index[pairs], table.iou[pairs]
    if not (_repeats(rows) or _repeats(columns)):
        return pairs
    # All IoUs together weigh less than one additional pair.
    return pairs[assign(rows, columns, 1 + ious / (2 * len(pairs)))]


def assign(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Chooses pairs with the largest sum of weights, no row and no column twice.

    Args:
        rows: `[K]` int, >= 0.
        columns: `[K]` int, >= 0.
        weights: `[K]` float64, > 0.

    Returns:
        Positions in the K pairs, ascending.

    Source:
        Jonker and Volgenant 1987, A shortest augmenting path algorithm for dense and sparse linear
        assignment problems (SciPy's solver for sparse matrices).
    """
    if not len(rows):
        return np.zeros(0, np.int64)
    # A pair without competitors is chosen. The time of the solver grows with the square of the
    # number of rows: 5 seconds for 65,536.
    competing = (np.bincount(rows)[rows] > 1) | (np.bincount(columns)[columns] > 1)
    chosen = ~competing
    if competing.any():
        chosen[competing] = _solve(rows[competing], columns[competing], weights[competing])
    return np.flatnonzero(chosen)


def _solve(rows: np.ndarray, columns: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns whether each pair is chosen, `[K]` bool, for one pair or more."""
    used, row = np.unique(rows, return_inverse=True)
    width = int(columns.max()) + 1
    # The solver gives every row a column. An extra column for every row means "none"; all
    # weights are raised by 1, since the solver reads a weight of 0 as no edge.
    rank = np.arange(len(used))
    edges = (np.concatenate([row, rank]), np.concatenate([columns, width + rank]))
    values = np.concatenate([1 + weights, np.ones(len(used))])
    graph = coo_array((values, edges), shape=(len(used), width + len(used))).tocsr()
    partner = np.empty(len(used), np.int64)
    chosen_rows, chosen_columns = min_weight_full_bipartite_matching(graph, maximize=True)
    partner[chosen_rows] = chosen_columns
    return partner[row] == columns


def _pairs(
    truth: np.ndarray | Windows, prediction: np.ndarray | Windows, ignored_ids: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the true id, predicted id and pixels of each pair that occurs: `[pairs]` int64."""
    none = np.zeros(0, np.int64)
    counted = [(none, none)]
    for (_, true), (_, predicted) in zip(bands(truth), bands(prediction), strict=True):
        check_range("truth", true, low=IGNORE)
        check_range("prediction", predicted, low=BACKGROUND)
        counted.append(_coded_pairs(true.ravel(), predicted.ravel()))
    all_codes, pixels = (np.concatenate(parts) for parts in zip(*counted, strict=True))
    if ignored_ids.size:
        is_ignored = np.isin((all_codes >> 31) - 1, ignored_ids)
        all_codes[is_ignored] = (IGNORE + 1 << 31) | (all_codes[is_ignored] & MAX_ID)
    pair, codes = pd.factorize(all_codes)
    return (codes >> 31) - 1, codes & MAX_ID, _sums(pair, pixels, len(codes))


def _coded_pairs(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns a number for each pair that occurs, and its pixels: `[pairs]` int64.

    The true id is in the bits from 31 on, raised by 1, because of -1; the predicted id in those
    below.
    """
    # Ids come in runs along the rows, and there are far fewer runs to look up than pixels.
    change = (truth[1:] != truth[:-1]) | (prediction[1:] != prediction[:-1])
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, truth.size), bool), change]))
    lengths = np.diff(starts, append=truth.size)
    codes = (truth[starts].astype(np.int64) + 1 << 31) | prediction[starts].astype(np.int64)
    run_pair, codes = pd.factorize(codes)  # in the order of their first run
    return codes, _sums(run_pair, lengths, len(codes))


def _areas(ids: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the ids > 0 with their areas, and each row's position among them (-1: background)."""
    index = np.full(len(ids), -1)
    foreground = ids > 0
    index[foreground], unique = pd.factorize(ids[foreground])
    return unique, _sums(index[foreground], pixels[foreground], len(unique)), index


def _lookup(ids: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Returns the value of each id; 0 for an id that is not among the keys."""
    return pd.Series(values, index=keys).reindex(ids, fill_value=0).to_numpy()


def _sums(index: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    # Sums of pixels are far below 2^53, where floats stop being whole numbers.
    return np.bincount(index, weights=values, minlength=size).astype(np.int64)


def _repeats(index: np.ndarray) -> bool:
    return index.size > 0 and bool(np.bincount(index).max() > 1)
