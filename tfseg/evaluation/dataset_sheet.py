"""Overview of a data set: histograms of its content, and a sheet of its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import measure

from tfseg import atomic, checks
from tfseg.data.dataset.counts import Counts, count
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.stored_image import StoredImage
from tfseg.data.dataset.tiles import TiledArray
from tfseg.drawing.display import Display
from tfseg.drawing.overlays import GAP, color_ids
from tfseg.evaluation.previews import Row, stack_rows
from tfseg.metrics.outline import outline_pixels

_SIZE, _DOTS_PER_INCH, _BINS = (9.0, 6.0), 120, 50  # inches
_SIDE = 384  # pixels, the longer side of a picture on the sheet, at most
_ENLARGED = 4  # times, at most
_COLUMNS = 4
_MOST_IN_LEGEND = 10
_TEXT = 12  # pixels, the size of the names of classes
_LONGEST_ID = 24  # letters, in a caption


def count_samples(dataset: Dataset) -> Counts:
    """Returns the counts of `counts.count` over all samples of a data set.

    Raises:
        InputError: a shard is missing.
    """
    counts = Counts()
    for split in dataset.info.splits:
        for stored in dataset.images(split):
            label = cast(np.ndarray, stored.label)  # or what is read like one
            counts += count(stored.image, label, stored.class_of, dataset.info.channel_names)
    return counts


def draw_histograms(counts: Counts, path: str | Path, *, channel_names: Sequence[str] = ()) -> None:
    """Draws areas, instances per image, image sizes and pixel values into the PNG file `path`.

    Areas are binned on a logarithmic axis: they span several orders of magnitude.

    Raises:
        InputError: the file cannot be written.
    """
    # Not pyplot: it keeps figures and settings for the lifetime of the process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plot = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    FigureCanvasAgg(plot)
    area, per_image, size, value = plot.subplots(2, 2).flat
    areas, numbers = _column(counts.areas)
    bins = np.geomspace(areas.min(), areas.max() + 1, _BINS)
    area.hist(areas, bins, weights=numbers)
    area.set(xscale="log", xlabel="area of an instance, pixels", ylabel="instances")
    in_image, numbers = _column(counts.instances_per_image)
    per_image.hist(in_image, min(_BINS, in_image.max() + 1), weights=numbers)
    per_image.set(xlabel="instances in an image", ylabel="images")
    sizes = counts.sizes
    width, height = ([shape[axis] for shape in sizes] for axis in (1, 0))
    size.scatter(width, height, s=[10 + 200 * n / sizes.total() for n in sizes.values()], alpha=0.6)
    size.set(xlabel="width, pixels", ylabel="height, pixels (a dot's area: images)")
    channels = counts.channels()
    names = channel_names or [f"channel {index}" for index in range(len(channels))]
    for name, channel in zip(names, channels, strict=True):
        values, pixels = map(np.array, zip(*sorted(channel.items()), strict=True))
        value.hist(values, _BINS, weights=pixels, histtype="step", label=name)
    value.set(yscale="log", xlabel="pixel value", ylabel="pixels")
    if len(channels) <= _MOST_IN_LEGEND:
        value.legend()
    with atomic.writing(path), atomic.replacing(Path(path)) as partial:
        plot.savefig(partial, format="png")


def contact_sheet(dataset: Dataset, *, count: int = 24, display: Sequence[str] = ()) -> np.ndarray:
    """Draws images of every split, evenly spaced in stored order, with outlines of their instances.

    Args:
        dataset: its records up to the last chosen one are read.
        count: largest number of images of a split, in [1, 1000].
        display: names of the channels that are shown; empty: as in `Display`.

    Returns:
        `[h, w, 3]` uint8; image ids are above each row. Large images are reduced and small ones
        enlarged by integer factors. Outlines are one pixel wide, in the colour of the id, or of the
        class where there are several, whose names are above the pictures; ignored pixels are
        darker.

    Raises:
        InputError: a shard is missing, a record does not decode, or there is no such channel.
    """
    checks.integer("count", count, low=1, high=1000)
    shown = Display(dataset.info.channel_names, tuple(display))
    shown.check("display")
    names, present, rows = dataset.info.class_names, set[int](), list[Row]()
    for split, info in dataset.info.splits.items():
        number = min(count, info.num_images)
        chosen = {info.num_images * index // number for index in range(number)}
        captions, pictures = [], []
        for stored in dataset.images(split, sorted(chosen)):
            present.update(stored.class_of.tolist())
            captions.append(_shortened(stored.id))
            pictures.append(_picture(stored, shown, by_class=len(names) > 1))
        for start in range(0, number, _COLUMNS):
            ids = ", ".join(captions[start : start + _COLUMNS])
            rows.append((f"{split}: {ids}", pictures[start : start + _COLUMNS]))
    legend = [_class_picture(index, names[index - 1]) for index in sorted(present)]
    return stack_rows([("classes", legend), *rows] if len(names) > 1 and legend else rows)


def _picture(stored: StoredImage, display: Display, *, by_class: bool) -> np.ndarray:
    """Returns the image at the size of the sheet, with the outlines of its instances."""
    image, label = _resized(stored)
    picture, edge = display(image), outline_pixels(label)
    ids = label[edge]
    if by_class:
        ids = stored.class_of[np.searchsorted(stored.ids(), ids)]
    picture[edge] = color_ids(ids)
    picture[label < 0] //= 2
    return picture


def _resized(stored: StoredImage) -> tuple[np.ndarray, np.ndarray]:
    """Returns image and label enlarged, or means over square blocks with their central ids.

    Of an image in tiles the central pixels take the place of the means.
    """
    image, label = stored.image, stored.label
    height, width = label.shape
    longest = max(height, width)
    if longest <= _SIDE:
        block = np.ones((min(_ENLARGED, _SIDE // longest),) * 2, label.dtype)
        return np.kron(image, block[..., None].astype(image.dtype)), np.kron(label, block)
    factor = min(-(-longest // _SIDE), height, width)
    height, width = height // factor, width // factor
    rows, columns = (slice(factor // 2, side * factor, factor) for side in (height, width))
    if isinstance(image, TiledArray):
        return image[rows, columns], label[rows, columns]
    cropped = image[: height * factor, : width * factor]
    return measure.block_reduce(cropped, (factor, factor, 1), np.mean), label[rows, columns]


def _class_picture(index: int, name: str) -> np.ndarray:
    """Returns the name of a class beside its colour."""
    font = ImageFont.load_default(_TEXT)
    width = 2 * _TEXT + round(font.getlength(name))
    picture = Image.new("RGB", (width, _TEXT + GAP), "white")
    pen = ImageDraw.Draw(picture)
    color = color_ids(np.array([index]))[0].tolist()
    pen.rectangle((0, 0, _TEXT, _TEXT), fill=tuple(color))
    pen.text((_TEXT + GAP, 0), name, fill="black", font=font)
    return np.asarray(picture)


def _column(counter: Counter[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the counted values, ascending, and how often each occurs."""
    values = sorted(counter)
    return np.array(values), np.array([counter[value] for value in values])


def _shortened(id: str) -> str:
    return id if len(id) <= _LONGEST_ID else f"{id[: _LONGEST_ID - 3]}..."
