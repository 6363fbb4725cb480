"""Windows of pictures that files store in pieces: tiles, strips or chunks."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import numpy as np

from tfseg.data.files.orientation import stored_window, upright, upright_shape
from tfseg.large_arrays import Windows

CACHE_BYTES = 2**27  # of the pieces read last, because windows overlap


class PictureWindows(Windows):
    """A picture `[H, W, C]` in a file, of which one window at a time is read.

    `image[rows, columns]` with slices reads a window; `np.asarray(image)` reads all of it.

    Attributes:
        shape: height, width and channels of the upright picture.
        dtype: of its pixels.
    """

    def __init__(
        self,
        size: tuple[int, int],
        empty: np.ndarray,
        convert: Callable[[np.ndarray], np.ndarray],
        *,
        num_planes: int = 1,
        projection: str | None = None,
        tag: int = 1,
    ) -> None:
        """Takes what is known before pixels are read.

        Args:
            size: height and width as they are stored.
            empty: `[1, 1, C]`, the numbers of a pixel that the file leaves out.
            convert: makes pixels `[h, w, C]` of the numbers that are stored.
            num_planes: from 1 on.
            projection: how several planes become one, "max" or "mean".
            tag: orientation tag by which the picture is turned upright.
        """
        converted = convert(empty)
        self._empty, self._convert, self._tag = empty, convert, tag
        self._num_planes, self._projection = num_planes, projection
        self._chosen = list(range(converted.shape[-1]))
        self.dtype = converted.dtype
        self.shape = upright_shape((*size, len(self._chosen)), tag)

    def _fill(self, pixels: np.ndarray, plane: int, rows: range, columns: range) -> None:
        """Writes the stored numbers of a plane into `pixels` `[h, w, C]`, which are empty."""
        raise NotImplementedError

    def with_channels(self, positions: Sequence[int]) -> Self:
        """Returns the image with only some of its channels."""
        chosen = copy.copy(self)
        chosen._chosen = [self._chosen[index] for index in positions]
        chosen.shape = (*self.shape[:2], len(positions))
        return chosen

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Reads the window `[h, w, C]` of these rows and columns.

        Raises:
            InputError: the file is damaged in this window, or has pixels that cannot be used.
        """
        upright_rows, upright_columns = (
            range(*part.indices(side)) for part, side in zip(window, self.shape, strict=False)
        )
        rows, columns = stored_window(upright_rows, upright_columns, self.shape, self._tag)
        if not rows or not columns:  # beyond the image, as of an array
            return np.zeros((len(upright_rows), len(upright_columns), self.shape[2]), self.dtype)
        pixels = self._projected(
            self._plane(plane, rows, columns) for plane in range(self._num_planes)
        )
        if self._chosen != list(range(pixels.shape[-1])):
            pixels = pixels[..., self._chosen]
        return upright(pixels, self._tag)

    def _projected(self, planes: Iterator[np.ndarray]) -> np.ndarray:
        if self._num_planes == 1:
            return next(planes)
        if self._projection == "max":
            return functools.reduce(np.maximum, planes)
        total = sum((plane.astype(np.float64) for plane in planes), np.float64(0))
        mean = total / self._num_planes
        return (np.rint(mean) if self.dtype.kind == "u" else mean).astype(self.dtype)

    def _plane(self, plane: int, rows: range, columns: range) -> np.ndarray:
        """Reads the stored rows and columns of one plane."""
        shape = len(rows), len(columns), self._empty.shape[2]
        pixels = np.broadcast_to(self._empty, shape).copy()
        self._fill(pixels, plane, rows, columns)
        return self._convert(pixels)


def overlaps(wanted: range, size: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields the pieces of `size` that overlap `wanted`: number, slice of `wanted`, of it."""
    for number in range(wanted.start // size, -(-wanted.stop // size)):
        start = number * size
        first, end = (
            min(max(0, -((wanted.start - edge) // wanted.step)), len(wanted))
            for edge in (start, start + size)
        )
        if first < end:
            inside = slice(wanted[first] - start, wanted[end - 1] - start + 1, wanted.step)
            yield number, slice(first, end), inside
