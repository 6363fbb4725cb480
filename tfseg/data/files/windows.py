"""Counting the values of images that are read by windows, and large label maps in a file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from tfseg import large_arrays
from tfseg.checks import InputError
from tfseg.data.files import limits

Tally = tuple[np.ndarray, np.ndarray]  # distinct values, and how often each occurs


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
    if shape[0] * shape[1] <= limits.LARGE:
        return np.zeros(shape, dtype)
    folder = Path(tempfile.gettempdir())
    try:
        return large_arrays.on_disk(shape, dtype, folder)
    except OSError as error:
        size = shape[0] * shape[1] * np.dtype(dtype).itemsize
        raise InputError(
            f"The ids of {shape[0]} x {shape[1]} pixels need {size} bytes in the folder "
            f"{folder}, which are not to be had: {error.strerror}. Free some space, "
            "or set the environment variable TMPDIR to a folder on a larger disk."
        ) from error
