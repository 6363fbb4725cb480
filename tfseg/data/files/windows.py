"""Images that are read by windows, and large arrays in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from tfseg.checks import InputError
from tfseg.data.files import limits

Tally = tuple[np.ndarray, np.ndarray]  # distinct values, and how often each occurs
_BLOCK = 2**22  # pixels looked at together


class Windows(Protocol):
    """An image `[H, W, C]` that is read by windows: an array, or a file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the pixels: uint8, uint16 or float32."""

    def __getitem__(self, window: tuple[slice, slice], /) -> np.ndarray:
        """Returns the pixels `[h, w, C]` of these rows and columns."""


def bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Yields the rows of an array `[H, W, ...]` in blocks of about 4 million pixels."""
    height, width = shape[:2]
    step = max(1, _BLOCK // max(1, width))
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def tally(*parts: Tally) -> Tally:
    """Returns the distinct values of several parts, ascending, and how often each occurs in all."""
    distinct, positions = np.unique(
        np.concatenate([values for values, _ in parts]), return_inverse=True
    )
    numbers = np.zeros(len(distinct), np.int64)
    np.add.at(numbers, positions, np.concatenate([numbers for _, numbers in parts]))
    return distinct, numbers


def zeros(shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Returns an array of zeros; one of more than `limits.LARGE` pixels lies in a file.

    The file is temporary, in the folder that the environment variable TMPDIR names, and vanishes
    with the array. Its memory can be written to the disk and taken back by the system.

    Raises:
        InputError: the disk has no room for it.
    """
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if shape[0] * shape[1] <= limits.LARGE:
        return np.zeros(shape, dtype)
    try:
        with tempfile.TemporaryFile() as file:
            # Without room, a write to the mapped file would kill the process.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype, "r+", shape=shape)
    except OSError as error:
        raise InputError(
            f"The ids of {shape[0]} x {shape[1]} pixels need {size} bytes in the folder "
            f"{tempfile.gettempdir()}, which are not to be had: {error.strerror}. Free some space, "
            "or set the environment variable TMPDIR to a folder on a larger disk."
        ) from error
