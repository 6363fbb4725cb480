"""Which level and planes of a file a selection chooses, or why it has none such."""

from __future__ import annotations

from collections.abc import Sequence

from tfseg.checks import listed
from tfseg.data.files.limits import NotOneImage
from tfseg.data.files.selection import Selection
from tfseg.lengths import micrometres

_ROUNDING = 1.01  # a level of half the size has half the pixels, rounded up or down


def level_number(selection: Selection, sizes: Sequence[tuple[int, int]], pixel_size: float) -> int:
    """Returns which level is read.

    A length chooses the smallest level whose pixels are not larger than it, or level 0.

    Args:
        selection: a level, by its number or by a length.
        sizes: height and width of each level, the largest first.
        pixel_size: side of a pixel of level 0 in micrometres; 0 where the file states none.

    Raises:
        NotOneImage: there is no such level, or a length is given and the pixel size is not known.
    """
    if isinstance(selection.level, str):
        return _level_of_length(selection.level, sizes, pixel_size)
    if selection.level < len(sizes):
        return selection.level
    raise NotOneImage(
        f"must have the level {selection.level}; it has {len(sizes)}, from 0 on (height x width: "
        f"{listed([f'{height} x {width}' for height, width in sizes])}). Choose one of them."
    )


def _level_of_length(length: str, sizes: Sequence[tuple[int, int]], pixel_size: float) -> int:
    if not pixel_size:
        raise NotOneImage(
            f"must state its pixel size to choose the level of {length}; it states none. Give the "
            "number of the level."
        )
    most = _ROUNDING * micrometres("level", length)
    heights = [height for height, _ in sizes]
    fine = [
        number for number, height in enumerate(heights) if pixel_size * heights[0] / height <= most
    ]
    return max(fine, default=0)


def plane_numbers(
    selection: Selection, count: int, axes: str, *, is_label: bool = False
) -> Sequence[int]:
    """Returns which planes are read: one, or all for a projection.

    Args:
        selection: a page or a projection. A label map takes the page only where its file has
            several.
        count: number of planes of the file.
        axes: those of the file with their sizes, for errors.
        is_label: whether it is a label map, of which no projection is made.

    Raises:
        NotOneImage: none is chosen, or there is no such plane.
    """
    if count == 1:
        if selection.page and not is_label:
            raise NotOneImage(
                f"must have the page {selection.page}; it has one. Choose page 0, or none."
            )
        return [0]
    if selection.page is not None:
        if selection.page >= count:
            raise NotOneImage(
                f"must have the page {selection.page}; it has {count} ({axes}). "
                f"Choose one from 0 to {count - 1}."
            )
        return [selection.page]
    if selection.projection is None or is_label:
        raise NotOneImage(_several(count, axes, is_label))
    return range(count)


def _several(count: int, axes: str, is_label: bool) -> str:
    ways = f"--page 0 to {count - 1} chooses one"
    if not is_label:
        ways += ", --projection max or mean combines all, --projection channels makes them channels"
    return (
        f"must hold one image; it has {count} pages (axes {axes}). {ways}; or save each "
        "as a separate file."
    )
