"""Overview of a data set: histograms of its content, and a sheet of its images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from skimage import measure

from tfseg import checks
from tfseg.data.dataset import statistics
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.records import Record, parse
from tfseg.data.dataset.statistics import Counts
from tfseg.drawing.overlays import overlay
from tfseg.evaluation.previews import Row, stack_rows

_SIZE, _DOTS_PER_INCH, _BINS = (9.0, 6.0), 120, 50  # inches
_SIDE = 192  # pixels, the longer side of a picture on the sheet, at most
_COLUMNS = 6
_LONGEST_ID = 24  # letters, in a caption


def count_samples(dataset: Dataset) -> Counts:
    """Returns the counts of `statistics.count` over all samples of a data set.

    Raises:
        InputError: a shard is missing.
    """
    counts = Counts()
    for split in dataset.info.splits:
        for sample in dataset.samples(split).as_numpy_iterator():
            counts += statistics.count(sample["image"], sample["label"], sample["class_of"])
    return counts


def draw_histograms(counts: Counts, path: str | Path) -> None:
    """Draws areas, instances per image, image sizes and pixel values into the PNG file `path`.

    Areas are binned on a logarithmic axis: they span several orders of magnitude.
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
    for index, channel in enumerate(counts.channels()):
        values, pixels = map(np.array, zip(*sorted(channel.items()), strict=True))
        value.hist(values, _BINS, weights=pixels, histtype="step", label=f"channel {index}")
    value.set(yscale="log", xlabel="pixel value", ylabel="pixels")
    value.legend()
    plot.savefig(path)


def contact_sheet(dataset: Dataset, *, count: int = 24) -> np.ndarray:
    """Draws images of every split, evenly spaced in stored order, with outlines of their instances.

    Args:
        dataset: its records up to the last chosen one are read.
        count: largest number of images of a split, in [1, 1000].

    Returns:
        `[h, w, 3]` uint8; image ids are above each row. Large images are reduced by integer
        factors; outlines are one pixel wide, and ignored pixels are darker.

    Raises:
        InputError: a shard is missing, or a record does not decode.
    """
    checks.integer("count", count, low=1, high=1000)
    rows: list[Row] = []
    for split, info in dataset.info.splits.items():
        number = min(count, info.num_images)
        chosen = {info.num_images * index // number for index in range(number)}
        records = [
            parse(record)
            for index, record in enumerate(dataset.records(split).as_numpy_iterator())
            if index in chosen
        ]
        for start in range(0, number, _COLUMNS):
            row = records[start : start + _COLUMNS]
            ids = ", ".join(_shortened(record.id) for record in row)
            rows.append((f"{split}: {ids}", [_picture(record) for record in row]))
    return stack_rows(rows)


def _picture(record: Record) -> np.ndarray:
    """Returns means over square blocks of the image, with the ids of the blocks' central pixels."""
    height, width = record.label.shape
    factor = min(-(-max(height, width) // _SIDE), height, width)
    height, width = height // factor, width // factor
    cropped = record.image[: height * factor, : width * factor]
    image = measure.block_reduce(cropped, (factor, factor, 1), np.mean)
    label = record.label[factor // 2 :: factor, factor // 2 :: factor][:height, :width]
    picture = overlay(image, label)
    picture[label < 0] //= 2
    return picture


def _column(counter: Counter[int]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the counted values, ascending, and how often each occurs."""
    values = sorted(counter)
    return np.array(values), np.array([counter[value] for value in values])


def _shortened(id: str) -> str:
    return id if len(id) <= _LONGEST_ID else f"{id[: _LONGEST_ID - 3]}..."
