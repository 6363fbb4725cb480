"""Which predicted instance is which true one: a sparse table of overlaps, and matching by IoU."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from tfseg.checks import InputError

IGNORE = -1
_LARGEST = 2**31 - 1


class Overlaps(NamedTuple):
    """How the T true and P predicted instances of an image overlap, in K pairs that share a pixel.

    Attributes:
        truth_ids: `[T]` int64, ascending.
        truth_areas: `[T]` int64, pixels.
        predicted_ids: `[P]` int64, ascending.
        predicted_areas: `[P]` int64, pixels.
        truth_index: `[K]` int64 positions in `truth_ids`.
        predicted_index: `[K]` int64 positions in `predicted_ids`.
        intersection: `[K]` int64, pixels, > 0.
        iou: `[K]` float64 in (0, 1], intersection over union.
    """

    truth_ids: np.ndarray
    truth_areas: np.ndarray
    predicted_ids: np.ndarray
    predicted_areas: np.ndarray
    truth_index: np.ndarray
    predicted_index: np.ndarray
    intersection: np.ndarray
    iou: np.ndarray


def overlaps(truth: np.ndarray, prediction: np.ndarray) -> Overlaps:
    """Returns the table of overlaps of two id maps.

    Time and memory grow with the pixels and the pairs that overlap, never with T x P.

    Args:
        truth: `[H, W]` integer ids up to 2^31 - 1, 0 = background, -1 = ignored in both maps.
        prediction: `[H, W]` integer ids up to 2^31 - 1, 0 = background.

    Raises:
        InputError: the sizes differ, a map is not two-dimensional or not of integers, or an id is
            out of range.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    _check("truth", truth, low=IGNORE)
    _check("prediction", prediction, low=0)
    if truth.shape != prediction.shape:
        raise InputError(
            "truth and prediction must be of one size (height, width); "
            f"got {truth.shape} and {prediction.shape}."
        )
    true, predicted, pixels = _pairs(truth.ravel(), prediction.ravel())
    truth_ids, truth_areas, truth_index = _areas(true, pixels)
    predicted_ids, predicted_areas, predicted_index = _areas(predicted, pixels)
    both = (true > 0) & (predicted > 0)
    truth_index, predicted_index = truth_index[both], predicted_index[both]
    intersection = pixels[both]
    union = truth_areas[truth_index] + predicted_areas[predicted_index] - intersection
    return Overlaps(
        truth_ids,
        truth_areas,
        predicted_ids,
        predicted_areas,
        truth_index,
        predicted_index,
        intersection,
        intersection / union,
    )


def match(table: Overlaps, threshold: float) -> np.ndarray:
    """Matches one to one as many pairs with IoU >= `threshold` as can be.

    Above 0.5 no instance has two such partners, so the pairs themselves are the only matching; at
    0.5 and below this is a maximum matching (Hopcroft and Karp 1973), which no order of the ids and
    no greedy choice can change the size of.

    Args:
        table: of one image.
        threshold: IoU in (0, 1].

    Returns:
        `[M]` int64 positions in the K pairs of `table`, ascending.
    """
    (pairs,) = np.nonzero(table.iou >= threshold)
    rows, columns = table.truth_index[pairs], table.predicted_index[pairs]
    if not (_repeats(rows) or _repeats(columns)):
        return pairs
    shape = (len(table.truth_ids), len(table.predicted_ids))
    graph = coo_array((np.ones(len(pairs), np.int8), (rows, columns)), shape=shape).tocsr()
    partner = maximum_bipartite_matching(graph, perm_type="column")
    return pairs[partner[rows] == columns]


def _check(name: str, ids: np.ndarray, *, low: int) -> None:
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise InputError(
            f"{name} must be an id map [H, W] of an integer type; "
            f"got {ids.dtype} {list(ids.shape)}. Label the instances 1, 2, ... first."
        )
    if ids.size and not low <= ids.min() <= ids.max() <= _LARGEST:
        allowed = "0 = background" if low == 0 else "0 = background, -1 = ignored"
        raise InputError(
            f"{name} must have ids from {low} to {_LARGEST} ({allowed}); "
            f"got {ids.min()} to {ids.max()}."
        )


def _pairs(truth: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns each pair of ids that occurs, true and predicted, and its pixels: `[pairs]` int64."""
    # Ids come in runs along the rows, and there are far fewer runs to sort than pixels.
    change = (truth[1:] != truth[:-1]) | (prediction[1:] != prediction[:-1])
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, truth.size), bool), change]))
    lengths = np.diff(starts, append=truth.size)
    codes = (truth[starts].astype(np.int64) << 32) | prediction[starts].astype(np.int64)
    counted = truth[starts] != IGNORE
    codes, run_pair = np.unique(codes[counted], return_inverse=True)
    pixels = np.zeros(len(codes), np.int64)
    np.add.at(pixels, run_pair, lengths[counted])
    return codes >> 32, codes & (2**32 - 1), pixels


def _areas(ids: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the ids > 0 with their areas, and each row's position among them (-1: background)."""
    unique, index = np.unique(ids, return_inverse=True)
    areas = np.zeros(len(unique), np.int64)
    np.add.at(areas, index, pixels)
    background = int(len(unique) > 0 and unique[0] == 0)
    return unique[background:], areas[background:], index - background


def _repeats(index: np.ndarray) -> bool:
    return index.size > 0 and bool(np.bincount(index).max() > 1)
