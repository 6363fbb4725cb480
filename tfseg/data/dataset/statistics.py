"""What is in a data set, in numbers: counted image by image, summed up in dataset.json.

Everything is counted exactly, in whole numbers, so the result does not depend on the order of the
images. A count is kept by a key, whose first entry says what is counted:

| key                                   | counts |
|---------------------------------------|--------|
| size, height, width                   | images of that size |
| per_image, number                     | images with that number of instances |
| class_images, class                   | images with an instance of that class |
| class, class                          | instances of that class |
| area, pixels                          | instances of that area |
| touching / border                     | instances beside another one / at the border |
| overlap_pixels / hidden_instances     | as in `DatasetInfo` |
| image_format, name                    | images stored in that format |
| value, channels, bits, channel, value | pixels with that value in that channel of such images |
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfseg.data.dataset.records import instance_areas

Key = tuple[Any, ...]
Counts = Counter[Key]
PERCENTILES = (0, 1, 25, 50, 75, 99, 100)
_MOST_SIZES = 20  # a data set of photographs can have a size for each image


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Of whole numbers.

    Attributes:
        mean: of all.
        std: of all, the square root of the mean squared distance from the mean.
        percentiles: by "0", "1", "25", "50", "75", "99" and "100", the least number that this share
            of all, in percent, does not exceed.
    """

    mean: float
    std: float
    percentiles: dict[str, int]

    @classmethod
    def of(cls, counts: Counter[int]) -> Distribution:
        """Sums up numbers, counted; at least one."""
        numbers = sorted(counts)
        total = sum(counts.values())
        first = sum(number * counts[number] for number in numbers)
        second = sum(number * number * counts[number] for number in numbers)
        below = np.cumsum([counts[number] for number in numbers])
        places = [np.searchsorted(below, max(share * total / 100, 1)) for share in PERCENTILES]
        return cls(
            first / total,
            math.sqrt((total * second - first * first) / (total * total)),
            {str(share): numbers[i] for share, i in zip(PERCENTILES, places, strict=True)},
        )


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Of all splits together.

    Attributes:
        sizes: images by "HEIGHTxWIDTH", the most frequent first; of more than 20 sizes the others
            are together under "other".
        class_images: images with an instance of each class, in the order of the class names.
        class_instances: instances of each class.
        channels: pixel values of each channel, as `Dataset.samples` gives them.
        area: pixels of an instance.
        instances_per_image: number of instances.
        touching_share: of the instances that have a pixel right above, below or beside one of
            another instance, in [0, 1].
        border_share: of the instances that have a pixel at the border of the image, in [0, 1].
    """

    sizes: dict[str, int]
    class_images: tuple[int, ...]
    class_instances: tuple[int, ...]
    channels: tuple[Distribution, ...]
    area: Distribution
    instances_per_image: Distribution
    touching_share: float
    border_share: float

    @classmethod
    def of(cls, counts: Counts, *, num_classes: int) -> Statistics:
        """Sums up the counts of all images; at least one instance."""
        areas = by(counts, "area")
        classes, of_images = by(counts, "class"), by(counts, "class_images")
        order = range(1, num_classes + 1)
        num_instances = areas.total()
        return cls(
            _sizes(by(counts, "size")),
            tuple(of_images[each,] for each in order),
            tuple(classes[each,] for each in order),
            tuple(map(Distribution.of, channels(counts))),
            Distribution.of(_numbers(areas)),
            Distribution.of(_numbers(by(counts, "per_image"))),
            counts["touching",] / num_instances,
            counts["border",] / num_instances,
        )

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Statistics:
        """Takes what dataset.json says; entries of a later version are left out."""
        own = {field.name: content[field.name] for field in dataclasses.fields(cls)}
        distributions = {name: _distribution(own[name]) for name in ("area", "instances_per_image")}
        tuples = {name: tuple(own[name]) for name in ("class_images", "class_instances")}
        channels = tuple(map(_distribution, own["channels"]))
        return cls(**own | distributions | tuples | {"channels": channels})


def count(image: np.ndarray, label: np.ndarray, class_of: np.ndarray | None) -> Counts:
    """Counts what is in one image.

    Args:
        image: `[H, W, C]` uint8 or uint16.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]` int, the class of each id above 0 in the order of the ids; None: all are of
            class 1.
    """
    ids, areas = (each.tolist() for each in instance_areas(label))
    classes = Counter([1] * len(ids) if class_of is None else class_of.tolist())
    counts: Counts = Counter({("size", *label.shape): 1, ("per_image", len(ids)): 1})
    counts.update({("class_images", each): 1 for each in classes})
    counts.update({("class", each): number for each, number in classes.items()})
    counts.update(Counter(("area", area) for area in areas))
    counts["touching",] = _number_of_ids(_touching(label))
    counts["border",] = _number_of_ids([label[0], label[-1], label[:, 0], label[:, -1]])
    kind = (image.shape[-1], image.dtype.itemsize * 8)
    for channel in range(image.shape[-1]):
        histogram = np.bincount(image[..., channel].ravel())
        values = np.flatnonzero(histogram)
        for value, number in zip(values.tolist(), histogram[values].tolist(), strict=True):
            counts["value", *kind, channel, value] = number
    return counts


def by(counts: Counts, what: str) -> Counter[Key]:
    """Returns the counts of one kind, by the rest of their keys."""
    return Counter({key[1:]: number for key, number in counts.items() if key[0] == what})


def image_type(counts: Counts) -> tuple[int, int]:
    """Returns the most channels, 1 or 3, and bits, 8 or 16, of all images."""
    kinds = {key[:2] for key in by(counts, "value")}
    return max(kind[0] for kind in kinds), max(kind[1] for kind in kinds)


def channels(counts: Counts) -> list[Counter[int]]:
    """Returns the values of each channel of the data set: grey in all three, 8 bits as 16."""
    num_channels, most_bits = image_type(counts)
    found: list[Counter[int]] = [Counter() for _ in range(num_channels)]
    for (own, bits, channel, value), number in by(counts, "value").items():
        full = value * 257 if bits < most_bits else value
        for index in range(num_channels) if own == 1 else [channel]:
            found[index][full] += number
    return found


def _sizes(sizes: Counter[Key]) -> dict[str, int]:
    ordered = sorted(sizes.items(), key=lambda size: (-size[1], size[0]))
    shown = {f"{height}x{width}": number for (height, width), number in ordered[:_MOST_SIZES]}
    others = sum(number for _, number in ordered[_MOST_SIZES:])
    return shown | ({"other": others} if others else {})


def _numbers(counts: Counter[Key]) -> Counter[int]:
    return Counter({int(number): times for (number,), times in counts.items()})


def _touching(label: np.ndarray) -> list[np.ndarray]:
    """Returns the ids beside another id, in four arrays."""
    found = []
    for one, other in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
        pairs = (one != other) & (one > 0) & (other > 0)
        found += [one[pairs], other[pairs]]
    return found


def _number_of_ids(parts: Sequence[np.ndarray]) -> int:
    return int(np.count_nonzero(np.unique(np.concatenate(parts)) > 0))


def _distribution(content: dict[str, Any]) -> Distribution:
    return Distribution(*(content[field.name] for field in dataclasses.fields(Distribution)))
