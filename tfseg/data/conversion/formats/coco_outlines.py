"""Outlines of COCO's annotations and results: what they may be, and their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfseg.checks import InputError
from tfseg.data.conversion.formats.parsing import corners, refuse_flat, shortened
from tfseg.data.conversion.formats.shapes import Region, polygon
from tfseg.run_lengths import decode_box, decompress

REMEDY = "Draw its outline, or take the annotation out."


def outline(segmentation: Any, context: str) -> tuple[np.ndarray, ...] | dict[str, Any]:
    """Returns rings `[N, 2]` as (x, y), or run lengths: an object with counts and size.

    Raises:
        InputError: neither polygons nor run lengths, or corners that are no numbers or too large.
    """
    if isinstance(segmentation, dict) and segmentation:
        return segmentation
    if not isinstance(segmentation, list) or not segmentation:
        got = f'"segmentation": {shortened(segmentation)}'
        raise InputError(f"{context} must have polygons or run lengths; got {got}. {REMEDY}")
    is_flat = not any(isinstance(part, list | dict | str) for part in segmentation)
    parts = [segmentation] if is_flat else segmentation
    return tuple(corners(part, context=context) for part in parts)


def annotated_outline(segmentation: Any, context: str) -> tuple[np.ndarray, ...] | dict[str, Any]:
    """Returns what `outline` returns for an annotation; a prediction may be without area.

    Raises:
        InputError: as `outline`, or the polygons have no area.
    """
    made = outline(segmentation, context)
    if isinstance(made, tuple):
        refuse_flat(made, context=context)
    return made


def pack_counts(record: dict) -> dict:
    """Makes an array `[N]` int64 of a list "counts" in an object, unless it cannot be run lengths.

    For the hook of `read_json`: an array takes a quarter of the memory of a list.
    """
    counts = record.get("counts")
    if isinstance(counts, list) and all(
        isinstance(count, int | float) and 0 <= count < 2**32 and count == int(count)
        for count in counts
    ):
        record["counts"] = np.array(counts, np.int64)
    return record


def region(shape: Any, size: tuple[int, int], context: str) -> Region:
    """Returns the pixels of an outline.

    Args:
        shape: what `outline` returns.
        size: (height, width) of the image.
        context: which annotation it is, for errors.

    Raises:
        InputError: the run lengths do not fit the image.
    """
    if isinstance(shape, tuple):
        return polygon(shape, size)
    counts = shape.get("counts")
    try:
        if isinstance(counts, list):
            raise ValueError("counts must be whole numbers from 0 on")
        if not isinstance(counts, str | np.ndarray) or shape.get("size") != list(size):
            got = shortened(shape.get("size"))
            raise ValueError(f"counts and the size {list(size)} are needed; got the size {got}")
        counts = decompress(counts) if isinstance(counts, str) else counts
        return Region(*decode_box(counts, size))
    except ValueError as error:
        raise InputError(
            f"{context} has run lengths that do not fit its image ({error}). Export it again."
        ) from error
