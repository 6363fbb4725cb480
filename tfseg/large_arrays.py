"""Arrays that may be larger than memory: zeros in a temporary file, read in bands of rows."""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tfseg import atomic

IN_MEMORY = 2**26  # bytes; larger arrays lie on the disk
_BAND = 2**22  # pixels in a band: the coordinates of all of them take 64 MB
_LOSSLESS = ("r", "r+", "w+")  # modes of maps whose pages are those of a file


class Raster(Protocol):
    """An image `[H, W, ...]` that is read by windows: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and perhaps channels."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the pixels."""

    def __getitem__(self, window: tuple[slice, slice], /) -> np.ndarray:
        """Returns the pixels of these rows and columns."""


class Windows:
    """An image `[H, W, ...]` that is no array: `image[rows, columns]` with slices reads a window.

    Attributes:
        shape: height, width and perhaps channels.
        dtype: of the pixels.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """Returns the pixels of these rows and columns."""
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Returns all pixels."""
        image = self[:, :]
        return image if dtype is None else image.astype(dtype)


def zeros(shape: tuple[int, ...], dtype: Any, folder: Path | None = None) -> np.ndarray:
    """Returns an array of zeros, in a temporary file if it has more than `IN_MEMORY` bytes.

    The file has no name, so that nothing of it remains when the array or the process ends.

    Args:
        shape: of the array.
        dtype: of the array.
        folder: of the file; None for that of temporary files, which may be in memory.

    Raises:
        InputError: the disk has no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size <= IN_MEMORY:
        return np.zeros(shape, dtype)
    folder = folder or Path(tempfile.gettempdir())
    remedy = f"Free {size} bytes, or set TMPDIR to a folder with more room."
    with atomic.writing(folder, remedy):
        return on_disk(shape, dtype, folder)


def on_disk(shape: tuple[int, ...], dtype: Any, folder: Path) -> np.ndarray:
    """Returns an array of zeros in a temporary file, see `zeros`.

    Raises:
        OSError: the disk has no room for it.
    """
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):  # not in macOS
            # Reserved, since a disk that is full later would kill the process, without an error.
            os.posix_fallocate(file.fileno(), 0, math.prod(shape) * np.dtype(dtype).itemsize)
        return np.memmap(file, dtype, "w+", shape=shape)


def zeros_like(array: np.ndarray, dtype: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Returns zeros of the shape of an array, or another, in a file in the folder of its file."""
    name = getattr(array, "filename", None)
    return zeros(shape or array.shape, dtype, Path(name).parent if name else None)


def as_raster(image: Any) -> np.ndarray | Windows:
    """Returns an image that is no array as it is, and all else as an array."""
    return image if isinstance(image, Windows | np.memmap) else np.asarray(image)


def release(array: object) -> None:
    """Takes the content of an array in a file out of the memory of the process; the file keeps it.

    It would count until the system needs the memory for something else.
    """
    if not isinstance(array, np.memmap) or array.mode not in _LOSSLESS:
        return
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not in Windows
        base.madvise(mmap.MADV_DONTNEED)


def bands(raster: Raster, *, overlap: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the rows of a raster in bands, from top to bottom: the first row, and its pixels.

    Args:
        raster: an array or a file.
        overlap: rows of the next band that a band has, too.
    """
    for rows in bands_of(raster.shape):
        yield rows.start, raster[rows.start : rows.stop + overlap, :]
        release(raster)


def bands_of(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yields the rows of an array `[H, W, ...]` in bands of about 4 million pixels."""
    height, width = shape[:2]
    step = max(1, _BAND // max(1, width))
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def sample(raster: Raster, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Returns the pixels `[len(rows), len(columns), ...]` at these rows, ascending, and columns."""
    parts = []
    for top, band in bands(raster):
        first, end = np.searchsorted(rows, [top, top + len(band)])
        parts.append(band[rows[first:end] - top][:, columns])
    return np.concatenate(parts)
