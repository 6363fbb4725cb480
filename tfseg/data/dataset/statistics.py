"""Statistics of a data set: counts of every image, added up and summarised in dataset.json.

All counts are integers and exact, so the result does not depend on the order of the images.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.records import instance_areas
from tfseg.kernels.normalize import WIDE

PERCENTILES = (0, 1, 25, 50, 75, 99, 100)
_MOST_SIZES = 20  # a data set of photographs can have a size for each image


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of one or more images; counts of several images are added with `+`.

    Attributes:
        sizes: number of images by (height, width).
        image_formats: number of images by the format in which they are stored.
        instances_per_image: number of images by their number of instances.
        class_images: number of images with an instance of a class, by class.
        class_instances: number of instances by class.
        areas: number of instances by area in pixels.
        touching: number of instances beside another one.
        at_border: number of instances at the border of their image.
        overlap_pixels: as in `DatasetInfo`.
        hidden_instances: as in `DatasetInfo`.
        turned_images: as in `DatasetInfo`.
        unturned_images: as in `DatasetInfo`.
        ignored_crowds: as in `DatasetInfo`.
        contrasts: number of images with instances, without those of one value, by (bits, distance
            of the lower limit below the median, distance of the upper limit above it), see
            `contrast.Spread`.
        pixels: number of pixels by (channels of the image, its bits, channel, value).
    """

    sizes: Counter[tuple[int, int]] = dataclasses.field(default_factory=Counter)
    image_formats: Counter[str] = dataclasses.field(default_factory=Counter)
    instances_per_image: Counter[int] = dataclasses.field(default_factory=Counter)
    class_images: Counter[int] = dataclasses.field(default_factory=Counter)
    class_instances: Counter[int] = dataclasses.field(default_factory=Counter)
    areas: Counter[int] = dataclasses.field(default_factory=Counter)
    touching: int = 0
    at_border: int = 0
    overlap_pixels: int = 0
    hidden_instances: int = 0
    turned_images: int = 0
    unturned_images: int = 0
    ignored_crowds: int = 0
    contrasts: Counter[tuple[int, int, int]] = dataclasses.field(default_factory=Counter)
    pixels: Counter[tuple[int, int, int, int]] = dataclasses.field(default_factory=Counter)

    def __add__(self, other: Counts) -> Counts:
        added: dict[str, Any] = {
            name: _added(number, getattr(other, name)) for name, number in vars(self).items()
        }
        return Counts(**added)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return self.sizes.total()

    @property
    def num_instances(self) -> int:
        """Number of instances."""
        return self.areas.total()

    @property
    def image_type(self) -> tuple[int, int]:
        """Largest number of channels, 1 or 3, and of bits, 8 or 16, of all images."""
        return max(key[0] for key in self.pixels), max(key[1] for key in self.pixels)

    def channels(self) -> list[Counter[int]]:
        """Returns how often each value occurs in each channel of the data set.

        As in `records.decode`, grey images have all channels, and 8 bits become 16.
        """
        num_channels, most_bits = self.image_type
        histograms: list[Counter[int]] = [Counter() for _ in range(num_channels)]
        for (image_channels, bits, channel, value), number in self.pixels.items():
            full = value * WIDE if bits < most_bits else value
            for index in range(num_channels) if image_channels == 1 else [channel]:
                histograms[index][full] += number
        return histograms

    def min_contrast(self) -> tuple[int, ...]:
        """Returns the least distances below and above the median in an image with instances.

        In the unit of the data set, as in `channels`.
        """
        most_bits = self.image_type[1]
        pairs = (
            [distance * WIDE if bits < most_bits else distance for distance in pair]
            for bits, *pair in self.contrasts
        )
        return tuple(map(min, zip(*pairs, strict=True)))

    def to_content(self) -> dict[str, Any]:
        """Returns plain values for a JSON file; a counter becomes a list of [key, number]."""
        return {
            name: list(number.items()) if isinstance(number, Counter) else number
            for name, number in vars(self).items()
        }

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Counts:
        """Makes counts from the values of `to_content`, read from a JSON file."""
        return cls(**{name: _number(value) for name, value in content.items()})


def _added(one: Any, other: Any) -> Any:
    if isinstance(one, int):
        return one + other
    added = Counter(one)
    added.update(other)  # the operator + takes several times as long
    return added


def _number(value: Any) -> Any:
    if isinstance(value, int):
        return value
    return Counter({tuple(key) if isinstance(key, list) else key: number for key, number in value})


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Mean, standard deviation and percentiles of integers.

    Attributes:
        mean: arithmetic mean.
        std: square root of the mean squared distance from the mean.
        percentiles: the smallest number that at least this percentage of all does not exceed, by
            "0", "1", "25", "50", "75", "99" and "100".
    """

    mean: float
    std: float
    percentiles: dict[str, int]

    @classmethod
    def of(cls, counts: Counter[int]) -> Distribution:
        """Computes the distribution of at least one number, from how often each occurs."""
        numbers = sorted(counts)
        total = sum(counts.values())
        first = sum(number * counts[number] for number in numbers)
        second = sum(number * number * counts[number] for number in numbers)
        below = np.cumsum([counts[number] for number in numbers])
        ranks = [np.searchsorted(below, max(share * total / 100, 1)) for share in PERCENTILES]
        return cls(
            first / total,
            math.sqrt((total * second - first * first) / (total * total)),
            {str(share): numbers[i] for share, i in zip(PERCENTILES, ranks, strict=True)},
        )


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Statistics of all splits together.

    Attributes:
        sizes: number of images by "HEIGHTxWIDTH", the most frequent first; after the first 20, the
            others are added up under "other".
        class_images: number of images with an instance of each class, in the order of the class
            names.
        class_instances: number of instances of each class.
        channels: pixel values of each channel, as `Dataset.samples` yields them.
        area: pixels of an instance.
        instances_per_image: number of instances in an image.
        touching_share: fraction of the instances that touch another one with a side of a pixel, in
            [0, 1].
        border_share: fraction of the instances with a pixel at the border of the image, in [0, 1].
        min_contrast: the least distances of the 1st percentile below, and of the 99.8th above, the
            median of an image with instances, as `Dataset.samples` yields them; empty if all are of
            one value, and in a data set of an older version. (from version 1.6 on)
    """

    sizes: dict[str, int]
    class_images: tuple[int, ...]
    class_instances: tuple[int, ...]
    channels: tuple[Distribution, ...]
    area: Distribution
    instances_per_image: Distribution
    touching_share: float
    border_share: float
    min_contrast: tuple[int, ...] = ()

    @classmethod
    def of(cls, counts: Counts, *, num_classes: int) -> Statistics:
        """Computes the statistics from the counts of all images, with at least one instance."""
        classes = range(1, num_classes + 1)
        return cls(
            sizes=_most_frequent(counts.sizes),
            class_images=tuple(counts.class_images[index] for index in classes),
            class_instances=tuple(counts.class_instances[index] for index in classes),
            channels=tuple(map(Distribution.of, counts.channels())),
            area=Distribution.of(counts.areas),
            instances_per_image=Distribution.of(counts.instances_per_image),
            touching_share=counts.touching / counts.num_instances,
            border_share=counts.at_border / counts.num_instances,
            min_contrast=counts.min_contrast(),
        )

    @classmethod
    def from_content(cls, content: dict[str, Any]) -> Statistics:
        """Takes the entries of dataset.json; those of a later version are left out."""
        return cls(
            sizes=content["sizes"],
            class_images=tuple(content["class_images"]),
            class_instances=tuple(content["class_instances"]),
            channels=tuple(map(_distribution, content["channels"])),
            area=_distribution(content["area"]),
            instances_per_image=_distribution(content["instances_per_image"]),
            touching_share=content["touching_share"],
            border_share=content["border_share"],
            min_contrast=tuple(content.get("min_contrast", ())),
        )


def count(image: np.ndarray, label: np.ndarray, class_of: np.ndarray | None) -> Counts:
    """Counts the pixels and instances of one image.

    Args:
        image: `[H, W, C]` uint8 or uint16.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]` int, class of each id above 0 in the order of the ids; None: class 1.
    """
    areas = instance_areas(label)[1].tolist()
    classes = Counter([1] * len(areas) if class_of is None else class_of.tolist())
    num_channels, bits = image.shape[-1], image.dtype.itemsize * 8
    pixels = {}
    for channel in range(num_channels):
        histogram = np.bincount(image[..., channel].ravel())
        values = np.flatnonzero(histogram)
        for value, number in zip(values.tolist(), histogram[values].tolist(), strict=True):
            pixels[num_channels, bits, channel, value] = number
    return Counts(
        sizes=Counter([label.shape]),
        instances_per_image=Counter([len(areas)]),
        class_images=Counter(classes.keys()),
        class_instances=classes,
        areas=Counter(areas),
        touching=_number_of_ids(_touching(label)),
        at_border=_number_of_ids([label[0], label[-1], label[:, 0], label[:, -1]]),
        contrasts=_contrasts(image) if areas else Counter(),
        pixels=Counter(pixels),
    )


def _contrasts(image: np.ndarray) -> Counter[tuple[int, int, int]]:
    if all((image[..., 0] == image[..., channel]).all() for channel in range(1, image.shape[-1])):
        image = image[..., :1]  # grey, however many channels it is read with
    below, above = map(int, Spread.of(image).contrast)
    is_constant = below == above == 0
    return Counter() if is_constant else Counter([(image.dtype.itemsize * 8, below, above)])


def _most_frequent(sizes: Counter[tuple[int, int]]) -> dict[str, int]:
    ordered = sorted(sizes.items(), key=lambda size: (-size[1], size[0]))
    shown = {f"{height}x{width}": number for (height, width), number in ordered[:_MOST_SIZES]}
    others = sum(number for _, number in ordered[_MOST_SIZES:])
    return shown | ({"other": others} if others else {})


def _touching(label: np.ndarray) -> list[np.ndarray]:
    """Returns the ids of the pixels beside another id, in four arrays."""
    ids = []
    for one, other in ((label[1:], label[:-1]), (label[:, 1:], label[:, :-1])):
        pairs = (one != other) & (one > 0) & (other > 0)
        ids += [one[pairs], other[pairs]]
    return ids


def _number_of_ids(parts: Sequence[np.ndarray]) -> int:
    return int(np.count_nonzero(np.unique(np.concatenate(parts)) > 0))


def _distribution(content: dict[str, Any]) -> Distribution:
    return Distribution(*(content[field.name] for field in dataclasses.fields(Distribution)))
