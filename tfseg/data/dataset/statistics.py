"""Statistics of a data set, summarised from the counts of all images for dataset.json."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfseg.data.dataset.counts import Counts

PERCENTILES = (0, 1, 25, 50, 75, 99, 100)
_MOST_SIZES = 20  # a data set of photographs can have a size for each image


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Mean, standard deviation and percentiles of numbers.

    Attributes:
        mean: arithmetic mean.
        std: square root of the mean squared distance from the mean.
        percentiles: the smallest number that at least this percentage of all does not exceed, by
            "0", "1", "25", "50", "75", "99" and "100".
    """

    mean: float
    std: float
    percentiles: dict[str, float]

    @classmethod
    def of(cls, counts: Mapping[Any, int]) -> Distribution:
        """Computes the distribution of at least one number, from how often each occurs."""
        numbers = sorted(counts)
        total = sum(counts.values())
        mean, variance = _moments(counts, total)
        below = np.cumsum([counts[number] for number in numbers])
        ranks = [np.searchsorted(below, max(share * total / 100, 1)) for share in PERCENTILES]
        return cls(
            mean,
            math.sqrt(variance),
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
            median of an image with instances, as `Dataset.samples` yields them, or both of each
            channel, where the images are neither grey nor RGB; empty if all are of one value, and
            in a data set of an older version. (from version 1.6 on)
    """

    sizes: dict[str, int]
    class_images: tuple[int, ...]
    class_instances: tuple[int, ...]
    channels: tuple[Distribution, ...]
    area: Distribution
    instances_per_image: Distribution
    touching_share: float
    border_share: float
    min_contrast: tuple[float, ...] = ()

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

    def of_channels(self, positions: Sequence[int]) -> Statistics:
        """Returns the statistics with only some channels.

        `min_contrast` becomes empty where it is that of all channels together.
        """
        count = len(self.channels)
        is_known = count > 1 and len(self.min_contrast) == 2 * count
        pairs = [self.min_contrast[2 * index : 2 * index + 2] for index in positions]
        return dataclasses.replace(
            self,
            channels=tuple(self.channels[index] for index in positions),
            min_contrast=sum(pairs, ()) if is_known else (),
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


def _moments(counts: Mapping[Any, int], total: int) -> tuple[float, float]:
    """Returns mean and variance, of integers by exact sums."""
    if all(isinstance(number, int) for number in counts):
        first = sum(number * count for number, count in counts.items())
        second = sum(number * number * count for number, count in counts.items())
        return first / total, (total * second - first * first) / (total * total)
    mean = math.fsum(number * count for number, count in counts.items()) / total
    distances = (count * (number - mean) ** 2 for number, count in counts.items())
    return mean, math.fsum(distances) / total


def _most_frequent(sizes: Counter[tuple[int, int]]) -> dict[str, int]:
    ordered = sorted(sizes.items(), key=lambda size: (-size[1], size[0]))
    shown = {f"{height}x{width}": number for (height, width), number in ordered[:_MOST_SIZES]}
    others = sum(number for _, number in ordered[_MOST_SIZES:])
    return shown | ({"other": others} if others else {})


def _distribution(content: dict[str, Any]) -> Distribution:
    return Distribution(*(content[field.name] for field in dataclasses.fields(Distribution)))
