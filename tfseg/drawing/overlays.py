"""Pictures of instances: outlines on the image, ids as colours, truth beside prediction.

A picture is `[H, W, 3]` uint8, RGB.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, overload

import numpy as np

from tfseg import calls
from tfseg.checks import InputError, shown
from tfseg.drawing.colors import color_neighbours
from tfseg.drawing.display import PLAIN, Display, Limits
from tfseg.ids import IGNORE
from tfseg.large_arrays import Raster, sample
from tfseg.metrics.matching import match, overlaps
from tfseg.metrics.outline import outline_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GAP = 4  # pixels between the pictures of a panel
_UNMATCHED = (255, 255, 255)
_IGNORED = (64, 64, 64)
_FILL = 0.35  # opacity of an instance's colour over the image
_SIDE, _DOTS_PER_INCH = 4.0, 120  # inches, of one picture in a figure


def _palette(size: int) -> np.ndarray:
    """Returns `[size, 3]` uint8 colours; nearby rows differ clearly in hue or brightness.

    Source: multiples of the golden ratio (1 - phi) fill the circle of hues most evenly (Knuth, The
    Art of Computer Programming 3, section 6.4, theorem S).
    """
    tones = ((0.75, 1.0), (0.95, 0.8), (0.45, 0.95))  # saturation, value, in turn
    colors = [
        colorsys.hsv_to_rgb(index * 0.6180339887498949 % 1.0, *tones[index % len(tones)])
        for index in range(size)
    ]
    return (np.array(colors) * 255).round().astype(np.uint8)


# A Fibonacci number and a multiple of three: hues and tones stay even where the ids wrap around.
_PALETTE = _palette(987)


def color_ids(label: np.ndarray) -> np.ndarray:
    """Returns a picture of ids `[H, W]`; a colour depends on the id only, nearby ids differ.

    Background is black, ignored pixels (-1) are dark grey.
    """
    colors = _PALETTE[label.astype(np.int64) % len(_PALETTE)]
    colors[label == 0] = 0
    colors[label < 0] = _IGNORED
    return colors


def overlay(
    image: np.ndarray,
    label: np.ndarray,
    *,
    color: tuple[int, int, int] | None = None,
    limits: Limits | None = None,
    display: Display = PLAIN,
) -> np.ndarray:
    """Draws the outline of every instance, one pixel wide and inside it, onto the image.

    Args:
        image: `[H, W, C]` or `[H, W]`, any real dtype.
        label: `[H, W]` integer ids, 0 = background.
        color: RGB in [0, 255] of all outlines; None for the colour of each id.
        limits: image values shown as black and white, such as (0, 1), so that one picture can be
            darker than another; None for the image's 1st and 99.8th percentile.
        display: which channels are shown, and how.

    Raises:
        InputError: the sizes differ, or the image has no pixels.
    """
    picture = display(image, limits)
    _same_size(picture, label)
    edge = outline_pixels(label)
    picture[edge] = color_ids(label[edge]) if color is None else color
    return picture


def thinning(size: tuple[int, int], side: int) -> tuple[slice, slice]:
    """Returns the slices that keep every second pixel, or every third, and so on, of each axis.

    Args:
        size: height and width in pixels.
        side: the longest side that is left.
    """
    step = slice(None, None, -(-max(size) // side))
    return step, step


def thinned(label: Raster, side: int) -> np.ndarray:
    """Returns the pixels of a large id map that `thinning` keeps, read in bands of rows."""
    height, width = label.shape
    down, across = thinning((height, width), side)
    return sample(label, np.arange(height)[down], np.arange(width)[across])


def panel(
    image: np.ndarray, truth: np.ndarray, prediction: np.ndarray, *, display: Display = PLAIN
) -> np.ndarray:
    """Returns the image, its true and its predicted instances side by side, with white gaps.

    A predicted instance has the colour of the true one that it matches (IoU >= 0.5). White ones are
    errors: missed in the truth, false in the prediction.

    Args:
        image: `[H, W, C]` or `[H, W]`, any real dtype.
        truth: `[H, W]` integer ids, 0 = background, -1 = ignored.
        prediction: `[H, W]` integer ids, 0 = background.
        display: which channels of the image are shown, and how.

    Returns:
        `[H, 3 W + 2 GAP, 3]` uint8.

    Raises:
        InputError: the sizes differ, or the image has no pixels.
    """
    picture = display(image)
    _same_size(picture, truth)
    table = overlaps(truth, prediction)
    pairs = match(table, 0.5)
    matched = table.truth_ids[table.truth_index[pairs]]
    partners = table.predicted_ids[table.predicted_index[pairs]]
    gap = np.full((len(picture), GAP, 3), 255, np.uint8)
    counted = np.where(truth == IGNORE, IGNORE, prediction.astype(np.int64))
    pictures = [
        picture,
        gap,
        _color_matched(truth, matched, matched),
        gap,
        _color_matched(counted, partners, matched),
    ]
    return np.concatenate(pictures, axis=1)


@overload
def plot_instances(
    image: np.ndarray, label: np.ndarray, prediction: np.ndarray | None = None, *, ax: None = None
) -> Figure: ...
@overload
def plot_instances(
    image: np.ndarray, label: np.ndarray, prediction: None = None, *, ax: Axes
) -> Axes: ...
@calls.check
def plot_instances(
    image: np.ndarray,
    label: np.ndarray,
    prediction: np.ndarray | None = None,
    *,
    ax: Axes | None = None,
) -> Figure | Axes:
    """Plots an image, its instances and, if given, the predicted instances side by side.

    Instances are outlined and tinted; neighbours always have different colours.

    Args:
        image: `[H, W, C]` or `[H, W]`, any real dtype.
        label: `[H, W]` integer ids, 0 = background, -1 = ignored.
        prediction: `[H, W]` integer ids, 0 = background.
        ax: axes to draw into, the instances of `label` alone; None: those of a new figure.

    Returns:
        `ax`, or the new figure, which a notebook shows; `savefig` writes it.

    Raises:
        InputError: the sizes differ, the image has no pixels, or `ax` and a prediction are given.

    Examples:
        >>> image, label = np.eye(64)[..., None], np.eye(64, dtype=np.int32)
        >>> tfseg.plot_instances(image, label).savefig("instances.png")
    """
    from tfseg.drawing.figures import NotebookFigure, show

    if ax is not None:
        if prediction is not None:
            raise InputError(
                "prediction must be None if ax is given, which takes one picture; got both. "
                "Draw the prediction as the label of other axes."
            )
        return show(ax, tinted(image, label), f"instances: {_count(label)}")
    labels = (
        {"instances": label} if prediction is None else {"truth": label, "prediction": prediction}
    )
    pictures = {"image": PLAIN(image)}
    for name, ids in labels.items():
        pictures[f"{name}: {_count(ids)}"] = tinted(image, ids)
    height, width = pictures["image"].shape[:2]
    size = (_SIDE * len(pictures), _SIDE * height / width + 0.3)
    plot = NotebookFigure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained")
    all_axes = plot.subplots(1, len(pictures))
    for axes, (name, picture) in zip(all_axes, pictures.items(), strict=True):
        show(axes, picture, name)
    return plot


def _count(label: np.ndarray) -> int:
    return len(np.unique(label[label > 0]))


def tinted(image: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns the image with its instances outlined and tinted, neighbours in different colours.

    Raises:
        InputError: the sizes differ, or the image has no pixels.
    """
    picture = PLAIN(image)
    _same_size(picture, label)
    colors, edge, inside = color_neighbours(label), outline_pixels(label), label > 0
    mixed = (1 - _FILL) * picture[inside] + _FILL * colors[inside]
    picture[inside] = mixed.round().astype(np.uint8)
    picture[edge] = colors[edge]
    return picture


def _color_matched(label: np.ndarray, ids: np.ndarray, shown_as: np.ndarray) -> np.ndarray:
    """Returns a picture of `ids` `[M]` in the colours of `shown_as` `[M]`; other ids are white."""
    order = np.argsort(ids)
    ids, shown_as = ids[order], shown_as[order]
    position = np.searchsorted(ids, label)
    listed = np.append(ids, 0)[position] == label
    colors = color_ids(np.where(listed, np.append(shown_as, 0)[position], np.minimum(label, 0)))
    colors[(label > 0) & ~listed] = _UNMATCHED
    return colors


def _same_size(picture: np.ndarray, label: np.ndarray) -> None:
    if not hasattr(label, "dtype") or label.dtype.kind not in "bui":
        raise InputError(
            f"Ids to draw must be an array [H, W] of integers; got {shown(label)}. Give `labels` "
            "of the result of Segmenter.predict."
        )
    if label.shape != picture.shape[:2]:
        raise InputError(
            "The image and its ids must be of one size (height, width); "
            f"got {picture.shape[:2]} and {label.shape}."
        )
