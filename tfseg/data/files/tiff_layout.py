"""Where the pixels of one image lie in a TIFF file: its pages, levels and channels."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import tifffile

from tfseg.checks import listed
from tfseg.data.files.limits import NotOneImage
from tfseg.data.files.selection import Selection

# Formats of whole slides, in which one image is the slide, and others show its glass and its label.
_SLIDES = {"avs", "bif", "ndpi", "philips", "qpi", "scn", "svs"}

_Plane = tuple[int, np.ndarray]  # which image, and the pages of the channels


class Layout(NamedTuple):
    """The pages of one image.

    Attributes:
        series: the array of the file that they belong to, of the chosen level.
        pages: `[P, C]`, numbers of pages in the series: of each plane, of which a projection makes
            one, the page of each channel. A page with all channels is the only one of its plane.
        full: a page of level 0.
    """

    series: tifffile.TiffPageSeries
    pages: np.ndarray
    full: tifffile.TiffPage

    @property
    def channels(self) -> list[int]:
        """The channels that the file does not declare as alpha, by position."""
        count = self.pages.shape[1]
        return list(range(count)) if count > 1 else samples_without_alpha(self.series.keyframe)


def layout_of(file: tifffile.TiffFile, selection: Selection, *, is_label: bool = False) -> Layout:
    """Returns where the selected image of a file lies.

    Args:
        file: an open file.
        selection: which of its pages, and which level. A label map takes the page and the level
            only where its file has several.
        is_label: whether it is a label map, of which no projection is made.

    Raises:
        NotOneImage: no such image, or several without a choice.
    """
    images = _images(file)
    grids = [_grid(series) for series in images]
    planes = [(index, row) for index, grid in enumerate(grids) for row in grid]
    if selection.projection == "channels" and not is_label:
        planes = _as_channels(images, grids)
    planes = _chosen(planes, selection, images, is_label=is_label)
    full = images[planes[0][0]]
    series = _level(full, 0 if is_label and not full.is_pyramidal else selection.level)
    return Layout(series, np.array([row for _, row in planes]), full.keyframe)


def _chosen(
    planes: list[_Plane],
    selection: Selection,
    images: list[tifffile.TiffPageSeries],
    *,
    is_label: bool,
) -> list[_Plane]:
    """Returns the plane that is chosen, or all for a projection.

    Raises:
        NotOneImage: none is chosen, there is no such plane, or they are no stack.
    """
    if len(planes) == 1:
        if selection.page and not is_label:
            raise NotOneImage(
                f"must have the page {selection.page}; it has one. Choose page 0, or none."
            )
        return planes
    if selection.page is not None:
        if selection.page >= len(planes):
            raise NotOneImage(
                f"must have the page {selection.page}; it has {len(planes)} ({_axes(images)}). "
                f"Choose one from 0 to {len(planes) - 1}."
            )
        return [planes[selection.page]]
    if selection.projection is None or is_label:
        raise NotOneImage(_several(images, len(planes), is_label))
    if len({index for index, _ in planes}) > 1:
        raise NotOneImage(
            f"must have pages of one size and type for a projection; it has {_axes(images)}. "
            "Choose a page."
        )
    return planes


def samples_without_alpha(page: tifffile.TiffPage) -> list[int]:
    """Returns the samples of a page that the file does not declare as alpha, by position."""
    count, extra = page.samplesperpixel, page.extrasamples
    alpha = {
        count - len(extra) + index
        for index, kind in enumerate(extra)
        if kind in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
    }
    return [index for index in range(count) if index not in alpha]


def _images(file: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Returns the images of a file, without small copies, masks of transparency and labels."""
    series = list(file.series)
    if series[0].kind in _SLIDES:
        return [max(series, key=lambda one: one.size)]
    return [one for one in series if not _is_aside(one.keyframe)] or series


def _is_aside(page: tifffile.TiffPage) -> bool:
    return bool(page.is_reduced or page.is_mask)


def _grid(series: tifffile.TiffPageSeries) -> np.ndarray:
    """Returns the numbers `[P, C]` of the pages of a series by plane and channel."""
    page, axes = series.keyframe, _sizes(series)
    in_page = _sizes(page)
    leading = len(axes) - len(in_page)
    sizes = [size for _, size in axes[:leading]]
    if page.imagedepth > 1 or [size for _, size in axes[leading:]] != [s for _, s in in_page]:
        raise NotOneImage(
            f"must have pages of height and width; it has {_axes([series])} in a page. Save each "
            "plane as a page."
        )
    numbers = np.arange(math.prod(sizes)).reshape(sizes)
    if page.samplesperpixel > 1:
        return numbers.reshape(-1, 1)
    channels = [index for index in range(leading) if axes[index][0] in "CS"]
    others = [index for index in range(leading) if index not in channels]
    count = math.prod(sizes[index] for index in channels)
    return numbers.transpose(*others, *channels).reshape(-1, count)


def _sizes(array: tifffile.TiffPageSeries | tifffile.TiffPage) -> list[tuple[str, int]]:
    """Returns the axes and sizes of an array without those, besides Y and X, of size 1."""
    axes = zip(array.axes, array.shape, strict=True)
    return [(axis, size) for axis, size in axes if axis in "YX" or size > 1]


def _as_channels(images: list[tifffile.TiffPageSeries], grids: list[np.ndarray]) -> list[_Plane]:
    """Returns a single plane, with all pages of one channel as its channels."""
    if len(grids) > 1 or grids[0].shape[1] * images[0].keyframe.samplesperpixel > 1:
        raise NotOneImage(
            f"must have pages of one channel and one size to make channels of them; it has "
            f"{_axes(images)}. Choose a page."
        )
    return [(0, grids[0][:, 0])]


def _level(series: tifffile.TiffPageSeries, level: int) -> tifffile.TiffPageSeries:
    if level < len(series.levels):
        return series.levels[level]
    pages = (one.keyframe for one in series.levels)
    sizes = listed([f"{page.imagelength} x {page.imagewidth}" for page in pages])
    raise NotOneImage(
        f"must have the level {level}; it has {len(series.levels)}, from 0 on (height x width: "
        f"{sizes}). Choose one of them."
    )


def _axes(images: list[tifffile.TiffPageSeries]) -> str:
    """Returns the axes of images with their sizes, such as Z 4, Y 9, X 8."""
    texts = (", ".join(f"{axis} {size}" for axis, size in _sizes(image)) for image in images)
    return " and ".join(texts)


def _several(images: list[tifffile.TiffPageSeries], count: int, is_label: bool) -> str:
    ways = f"--page 0 to {count - 1} chooses one"
    if not is_label:
        ways += ", --projection max or mean combines all, --projection channels makes them channels"
    return (
        f"must hold one image; it has {count} pages (axes {_axes(images)}). {ways}; or save each "
        "as a separate file."
    )
