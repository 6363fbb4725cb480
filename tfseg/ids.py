"""Instance ids of a label map: background, ignored pixels, and the valid range."""

from __future__ import annotations

import numpy as np

from tfseg.checks import InputError
from tfseg.large_arrays import Windows, bands

BACKGROUND = 0
IGNORE = -1  # pixels without annotation: losses and metrics leave them out
MAX_ID = 2**31 - 1  # ids are int32


def whole_numbers(name: object, ids: np.ndarray) -> np.ndarray:
    """Returns floats that are whole numbers, as in 32-bit images of Fiji, as int64.

    Args:
        name: of the ids, for errors.
        ids: of any type; other types than floats are returned as they are.

    Raises:
        InputError: a fraction, NaN, an infinite value, or a number so large that its type may have
            rounded it to another id.
    """
    if ids.dtype.kind != "f":
        return ids
    most = 2 ** (np.finfo(ids.dtype).nmant + 1)  # all whole numbers up to it are exact
    wrong = ids[~((np.rint(ids) == ids) & (np.abs(ids) <= most))]
    if wrong.size:
        raise InputError(
            f"{name} must have whole numbers as ids, up to {most} in {ids.dtype}, which rounds "
            f"larger ones; {wrong.size} pixels have others, such as {wrong[0]:g}. Save one id per "
            "pixel with an integer type."
        )
    return ids.astype(np.int64)


def check_ids(name: str, ids: np.ndarray, *, low: int) -> None:
    """Checks that `ids` is a map `[H, W]` of integers from `low` to `MAX_ID`.

    Raises:
        InputError: another shape or type, or an id out of range.
    """
    check_map(name, ids)
    for _, rows in bands(ids):
        check_range(name, rows, low=low)


def check_map(name: str, ids: np.ndarray | Windows) -> None:
    """Checks that `ids` is a map `[H, W]` of integers.

    Raises:
        InputError: another shape or type.
    """
    if ids.dtype.kind == "f" and not np.isfinite(ids).all():
        raise InputError(
            f"{name} must be an id map [H, W] of an integer type; got {ids.dtype} with NaN or "
            "infinite values. Label the instances 1, 2, ... and the rest 0 first."
        )
    if len(ids.shape) != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise InputError(
            f"{name} must be an id map [H, W] of an integer type; "
            f"got {ids.dtype} {list(ids.shape)}. Label the instances 1, 2, ... first."
        )


def check_range(name: str, ids: np.ndarray, *, low: int) -> None:
    """Checks that `ids` are from `low` to `MAX_ID`.

    Raises:
        InputError: an id out of range.
    """
    if ids.size and not low <= ids.min() <= ids.max() <= MAX_ID:
        allowed = "0 = background" if low == BACKGROUND else "0 = background, -1 = ignored"
        raise InputError(
            f"{name} must have ids from {low} to {MAX_ID} ({allowed}); "
            f"got {ids.min()} to {ids.max()}. Renumber the instances."
        )
