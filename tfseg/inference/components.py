"""Connected components of id maps that may be larger than memory, found band by band."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tfseg import large_arrays

Connect = Callable[[np.ndarray], tuple[np.ndarray, int]]


class Band(NamedTuple):
    """Some rows of an id map, and the component of every pixel.

    Attributes:
        top: the first row.
        ids: `[h, W]`.
        components: `[h, W]`, numbers from 1 on; 0 = none.
    """

    top: int
    ids: np.ndarray
    components: np.ndarray


class Components:
    """The connected components of an id map; those of two bands that touch become one.

    Args:
        label: `[H, W]` integer ids.
        connect: returns the component of every pixel of some rows, from 1 on, 0 = none, and their
            number; pixels of one component have the same id.

    Attributes:
        size: larger than the number of every component; some numbers below are not used.
    """

    def __init__(self, label: np.ndarray, connect: Connect) -> None:
        self._label, self._connect = label, connect
        pairs, last = [np.zeros((2, 0), np.int64)], None
        self.size = 1
        for top, ids in large_arrays.bands(label):
            components, count = self._numbered(ids, self.size - 1)
            if last is not None:
                touching = (last.ids == ids[0]) & (last.components > 0) & (components[0] > 0)
                both = np.stack([last.components[touching], components[0][touching]])
                pairs.append(np.unique(both, axis=1))
            last = Band(top, np.array(ids[-1]), components[-1])
            self.size += count
        self._first = _first_of_group(np.concatenate(pairs, axis=1), self.size)

    def bands(self) -> Iterator[Band]:
        """Yields the bands from top to bottom; a component has the number of its first part."""
        start = 0
        for top, ids in large_arrays.bands(self._label):
            components, count = self._numbered(ids, start)
            yield Band(top, ids, self._first[components])
            start += count

    def _numbered(self, ids: np.ndarray, start: int) -> tuple[np.ndarray, int]:
        components, count = self._connect(ids)
        return np.where(components, components + start, 0), count


def _first_of_group(pairs: np.ndarray, size: int) -> np.ndarray:
    """Returns for each number below `size` the lowest that `pairs` `[2, K]` connect it with."""
    graph = coo_array((np.ones(pairs.shape[1], bool), tuple(pairs)), shape=(size, size))
    count, group = connected_components(graph, directed=False)
    lowest = np.full(count, size)
    np.minimum.at(lowest, group, np.arange(size))
    return lowest[group]
