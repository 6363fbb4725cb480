"""Errors and doubts about a single sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from skimage import measure

from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.dataset import DatasetInfo
from tfseg.data.dataset.records import Record, count_instances
from tfseg.ids import MAX_ID

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
    if label.max() > MAX_ID:
        yield f"An id is above {MAX_ID}: it would become negative."
    classes, known = record.class_of, len(info.class_names)
    if len(classes) != count_instances(label) or not ((classes >= 1) & (classes <= known)).all():
        yield (
            f"There must be a class from 1 to {known} for each of {count_instances(label)} "
            f"instances; there are {len(classes)}, {sorted(set(classes.tolist()))}."
        )
    if count_instances(label) != record.num_instances:
        yield f"The label has {count_instances(label)} instances, stored is {record.num_instances}."


def doubts(info: DatasetInfo, record: Record) -> Iterator[Doubt]:
    """Yields what may be wrong with a record without errors."""
    yield from _of_image(record.image)
    if info.is_grey_or_rgb:
        yield from _of_values(record.image, "the image")
    else:
        for index, name in enumerate(info.channel_names):
            yield from _of_values(record.image[..., index : index + 1], f"the channel {name}")
    yield from _of_label(record.label)


def is_constant(image: np.ndarray) -> bool:
    """Returns whether all pixels of an image `[H, W, C]` are equal."""
    return bool((image == image[0, 0]).all())


def _of_image(image: np.ndarray) -> Iterator[Doubt]:
    height, width = image.shape[:2]
    if max(height, width) > MAX_ASPECT * min(height, width):
        remedy = "Check that it is one image, or cut it into tiles."
        yield Doubt(f"The image is very long: {height} x {width} pixels.", remedy)


def _of_values(image: np.ndarray, name: str) -> Iterator[Doubt]:
    remedy = "Check the exposure of the image, and how it was saved."
    if is_constant(image):
        yield Doubt(f"All pixels of {name} are {image[0, 0].tolist()}.", remedy)
        return
    for value in (0,) if image.dtype == np.float32 else (0, int(np.iinfo(image.dtype).max)):
        share = float((image == value).mean())
        if share >= SATURATED_SHARE:
            yield Doubt(f"{share:.1%} of the pixel values of {name} are {value}.", remedy)
            return
    spread = Spread.of(image)
    if spread.is_flat:
        yield Doubt(
            f"Nearly all pixels of {name} are {spread.median:g}, so its lowest and highest "
            f"values, {spread.low:g} and {spread.high:g}, become 0 and 1.",
            "Set model.limits if these can be single bright or dark pixels.",
        )


def _of_label(label: np.ndarray) -> Iterator[Doubt]:
    ids, areas = np.unique(label, return_counts=True)
    ids, areas = ids[ids > 0], areas[ids > 0]
    if not ids.size:
        yield Doubt("The image has no instances.", "Check that the image shows no objects.")
        return
    broken = _not_connected(label)
    if broken.size:
        yield Doubt(
            f"Several connected components in {_listed(broken, ids)}.",
            "Give each component another id if they are separate objects.",
        )
    tiny = ids[areas == 1]
    if tiny.size:
        remedy = "Remove them if they are annotation mistakes."
        yield Doubt(f"A single pixel in {_listed(tiny, ids)}.", remedy)
    borders = (label[0], label[-1], label[:, 0], label[:, -1])
    for id, area in zip(ids.tolist(), areas.tolist(), strict=True):
        if area > INVERTED_SHARE * label.size and all((border == id).any() for border in borders):
            yield Doubt(
                f"Instance {id} covers {area / label.size:.0%} of the image and is at all four "
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
