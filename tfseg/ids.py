"""Instance ids of a label map: background, ignored pixels, and the valid range."""

from __future__ import annotations

import numpy as np

from tfseg.checks import InputError

BACKGROUND = 0
IGNORE = -1  # pixels without annotation: losses and metrics leave them out
MAX_ID = 2**31 - 1  # ids are int32


def check_ids(name: str, ids: np.ndarray, *, low: int) -> None:
    """Checks that `ids` is a map `[H, W]` of integers from `low` to `MAX_ID`.

    Raises:
        InputError: another shape or type, or an id out of range.
    """
    if ids.dtype.kind == "f" and not np.isfinite(ids).all():
        raise InputError(
            f"{name} must be an id map [H, W] of an integer type; got {ids.dtype} with NaN or "
            "infinite values. Label the instances 1, 2, ... and the rest 0 first."
        )
    if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
        raise InputError(
            f"{name} must be an id map [H, W] of an integer type; "
            f"got {ids.dtype} {list(ids.shape)}. Label the instances 1, 2, ... first."
        )
    if ids.size and not low <= ids.min() <= ids.max() <= MAX_ID:
        allowed = "0 = background" if low == BACKGROUND else "0 = background, -1 = ignored"
        raise InputError(
            f"{name} must have ids from {low} to {MAX_ID} ({allowed}); "
            f"got {ids.min()} to {ids.max()}. Renumber the instances."
        )
