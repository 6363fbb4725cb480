"""Errors and doubts about a single sample."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from skimage import measure

from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.dataset import DatasetInfo
from tfseg.data.dataset.instances import Instances
from tfseg.data.dataset.parsed_records import Record
from tfseg.data.dataset.tiles import TiledArray
from tfseg.ids import MAX_ID
from tfseg.large_arrays import Raster

MAX_ASPECT = 10  # of the longer side to the shorter one
SATURATED_SHARE = 0.99  # of the pixels
INVERTED_SHARE = 0.5  # of the image, covered by one instance that is at all four borders
_SHOWN = 5


class Doubt(NamedTuple):
    """Something that may be wrong, and what to do about it."""

    message: str
    remedy: str


def errors(info: DatasetInfo, record: Record) -> Iterator[str]:
    """Yields the errors of a record: types, sizes, ids and classes that do not fit the data set."""
    image, label = record.image, record.label
    if image.shape[-1] != info.channels and not (image.shape[-1] == 1 and info.is_grey_or_rgb):
        yield f"The image has {image.shape[-1]} channels in a data set with {info.channels}."
    if image.dtype != info.dtype and (image.dtype, info.dtype) != (np.uint8, "uint16"):
        yield f"The image is {image.dtype} in a data set of {info.dtype}."
    if record.image_format not in info.image_formats:
        yield (
            f"The image is stored as {record.image_format} in a data set of "
            f"{' and '.join(info.image_formats)}."
        )
    if not image.shape[:2] == label.shape == (record.height, record.width):
        yield (
            f"Sizes differ: image {image.shape[:2]}, label {label.shape}, stored "
            f"{(record.height, record.width)}."
        )
    elif record.spread is not None and not np.array_equal(record.spread, Spread.table(image)):
        yield "The percentiles of the image are not the stored ones."
    ids, _ = record.ids_and_areas()
    if ids.size and ids.max() > MAX_ID:
        yield f"An id is above {MAX_ID}: it would become negative."
    classes, known = record.class_of, len(info.class_names)
    if len(classes) != len(ids) or not ((classes >= 1) & (classes <= known)).all():
        yield (
            f"There must be a class from 1 to {known} for each of {len(ids)} instances; there are "
            f"{len(classes)}, {sorted(set(classes.tolist()))}."
        )
    if len(ids) != record.num_instances:
        yield f"The label has {len(ids)} instances, stored is {record.num_instances}."
    if isinstance(label, TiledArray) and len(classes) == len(ids):
        instances = Instances.of(label, label.grid)
        if not (
            np.array_equal(instances.foreground, record.tile_index[0])
            and np.array_equal(instances.table(classes), record.tile_index[1])
        ):
            yield "The index of instances is not that of the label."


def doubts(info: DatasetInfo, record: Record) -> Iterator[Doubt]:
    """Yields what may be wrong with a record without errors.

    Whether an instance is connected is not looked for in an image in tiles.
    """
    yield from _of_image(record.image)
    if info.is_grey_or_rgb:
        yield from _of_values(record.image, slice(None), "the image")
    else:
        for index, name in enumerate(info.channel_names):
            yield from _of_values(record.image, slice(index, index + 1), f"the channel {name}")
    yield from _of_label(record)


def is_constant(image: Raster, channels: slice = slice(None)) -> bool:
    """Returns whether all pixels of an image `[H, W, C]` are equal in these channels."""
    first = image[:1, :1][0, 0, channels]
    return all(bool((part[..., channels] == first).all()) for part in parts(image))


def parts(image: Raster) -> Iterable[np.ndarray]:
    """Returns an array itself, or the tiles of one in tiles."""
    return image.tiles() if isinstance(image, TiledArray) else [np.asarray(image)]


def _of_image(image: Raster) -> Iterator[Doubt]:
    height, width = image.shape[:2]
    if max(height, width) > MAX_ASPECT * min(height, width):
        remedy = "Check that it is one image, or cut it into tiles."
        yield Doubt(f"The image is very long: {height} x {width} pixels.", remedy)


def _of_values(image: np.ndarray | TiledArray, channels: slice, name: str) -> Iterator[Doubt]:
    remedy = "Check the exposure of the image, and how it was saved."
    first = image[:1, :1][0, 0, channels]
    if is_constant(image, channels):
        yield Doubt(f"All pixels of {name} are {first.tolist()}.", remedy)
        return
    size = image.shape[0] * image.shape[1] * first.size
    for value in (0,) if image.dtype == np.float32 else (0, int(np.iinfo(image.dtype).max)):
        number = sum(np.count_nonzero(part[..., channels] == value) for part in parts(image))
        share = number / size
        if share >= SATURATED_SHARE:
            yield Doubt(f"{share:.1%} of the pixel values of {name} are {value}.", remedy)
            return
    spread = Spread.of(image) if channels == slice(None) else Spread.of_channels(image)[channels][0]
    if spread.is_flat:
        yield Doubt(
            f"Nearly all pixels of {name} are {spread.median:g}, so its lowest and highest "
            f"values, {spread.low:g} and {spread.high:g}, become 0 and 1.",
            "Set model.limits if these can be single bright or dark pixels.",
        )


def _of_label(record: Record) -> Iterator[Doubt]:
    label = record.label
    ids, areas = record.ids_and_areas()
    if not ids.size:
        yield Doubt("The image has no instances.", "Check that the image shows no objects.")
        return
    broken = _not_connected(label) if isinstance(label, np.ndarray) else ids[:0]
    if broken.size:
        yield Doubt(
            f"Several connected components in {_listed(broken, ids)}.",
            "Give each component another id if they are separate objects.",
        )
    tiny = ids[areas == 1]
    if tiny.size:
        remedy = "Remove them if they are annotation mistakes."
        yield Doubt(f"A single pixel in {_listed(tiny, ids)}.", remedy)
    height, width = label.shape
    borders = (label[:1, :], label[height - 1 :, :], label[:, :1], label[:, width - 1 :])
    for id, area in zip(ids.tolist(), areas.tolist(), strict=True):
        share = area / (height * width)
        if share > INVERTED_SHARE and all((border == id).any() for border in borders):
            yield Doubt(
                f"Instance {id} covers {share:.0%} of the image and is at all four "
                "borders: the label may be inverted.",
                "Make sure that the background is 0.",
            )


def _not_connected(label: np.ndarray) -> np.ndarray:
    """Returns the ids above 0 that have several connected components."""
    components = measure.label(label, background=0, connectivity=2)
    first = np.unique(components, return_index=True)[1]
    ids, numbers = np.unique(label.flat[first], return_counts=True)
    return ids[(numbers > 1) & (ids > 0)]


def _listed(some: np.ndarray, all: np.ndarray) -> str:
    shown = ", ".join(map(str, some[:_SHOWN])) + (" and more" if some.size > _SHOWN else "")
    return f"{some.size} of {len(all)} instances: {shown}"
