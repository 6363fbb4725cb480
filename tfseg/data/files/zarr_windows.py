"""Reads windows of OME-Zarr images, without the chunks outside them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfseg.data.files.decoding import damaged
from tfseg.data.files.limits import MAX_BYTES, NotOneImage
from tfseg.data.files.ome_zarr import ZarrLayout
from tfseg.data.files.picture_windows import CACHE_BYTES, PictureWindows, overlaps


class ZarrWindows(PictureWindows):
    """An OME-Zarr image `[H, W, C]` that is read one window at a time, see `PictureWindows`."""

    def __init__(
        self,
        path: Path,
        layout: ZarrLayout,
        convert: Callable[[np.ndarray], np.ndarray],
        *,
        projection: str | None = None,
    ) -> None:
        """Takes the layout of an image.

        Args:
            path: of the folder, for errors.
            layout: of the image.
            convert: makes pixels `[h, w, C]` of the numbers that are stored in the channels.
            projection: how several planes become one, "max" or "mean".

        Raises:
            NotOneImage: its chunks are too large.
        """
        array, self._path, self._layout = layout.array, path, layout
        y, x = (layout.axes.index(axis) for axis in "yx")
        self._sides = array.chunks[y], array.chunks[x]
        inside = [index for index, at in enumerate(layout.planes[0]) if isinstance(at, slice)]
        # Height and width, then all that are channels.
        self._order = [inside.index(y), inside.index(x)]
        self._order += [index for index in range(len(inside)) if index not in self._order]
        count = math.prod(array.shape[index] for index in inside if index not in (y, x))
        piece_bytes = array.dtype.itemsize * max(
            math.prod(array.chunks), self._sides[0] * self._sides[1] * count
        )
        if piece_bytes > MAX_BYTES:
            raise NotOneImage(
                f"must be stored in chunks of at most {MAX_BYTES // 10**6} MB with all channels; "
                f"it has chunks of {list(array.chunks)}. Save it in smaller chunks."
            )
        super().__init__(
            (array.shape[y], array.shape[x]),
            np.zeros((1, 1, count), array.dtype),
            convert,
            num_planes=len(layout.planes),
            projection=projection,
        )
        self._piece = functools.lru_cache(maxsize=max(1, CACHE_BYTES // piece_bytes))(self._read)

    def _fill(self, pixels: np.ndarray, plane: int, rows: range, columns: range) -> None:
        for row, to_rows, from_rows in overlaps(rows, self._sides[0]):
            for column, to_columns, from_columns in overlaps(columns, self._sides[1]):
                piece = self._piece(plane, row, column)
                pixels[to_rows, to_columns] = piece[from_rows, from_columns]

    def _read(self, plane: int, row: int, column: int) -> np.ndarray:
        """Reads the chunks `[h, w, C]` of all channels in a row and a column of chunks.

        Raises:
            InputError: one is damaged.
        """
        index = list(self._layout.planes[plane])
        for axis, number, side in zip("yx", (row, column), self._sides, strict=True):
            index[self._layout.axes.index(axis)] = slice(number * side, (number + 1) * side)
        try:
            numbers = np.asarray(self._layout.array[tuple(index)])
        except Exception as error:  # decoders raise many kinds of errors for damaged bytes
            raise damaged(self._path, error) from error
        return numbers.transpose(self._order).reshape(*self._shape_of(numbers), -1)

    def _shape_of(self, numbers: np.ndarray) -> tuple[int, int]:
        return numbers.shape[self._order[0]], numbers.shape[self._order[1]]
