"""Counts of every image of a data set, which are added up and summarised in its statistics.

All counts are integers and exact, so the result does not depend on the order of the images. Values
of float images are counted with 12 significant bits, that is in steps of at most 0.05 %.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfseg.channels import is_grey_or_rgb
from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.records import instance_areas
from tfseg.data.files.windows import Tally, tally
from tfseg.kernels.normalize import WIDE
from tfseg.large_arrays import Raster, bands_of

# The bits of a float that are counted, without 12 of its fraction.
_SIGNIFICANT, _HALF_STEP = 0xFFFFF000, 0x800


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of one or more images; counts of several images are added with `+`.

    Attributes:
        sizes: number of images by (height, width).
        image_formats: number of images by the format in which they are stored.
        channel_names: number of images by the names of their channels; empty for grey and RGB
            without names.
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
        pixel_sizes: number of images by the side of a pixel in micrometres, where it is known.
        ignored_pixel_sizes: number of images by what their files state and is not taken.
        cut_instances: as in `DatasetInfo`.
        contrasts: number of images with instances, without those of one value, by (bits, channel,
            distance of the lower limit below the median, distance of the upper limit above it), see
            `contrast.Spread`; channel 0 is grey or RGB as a whole.
        pixels: number of pixels by (channels of the image, its bits, channel, value); 32 bits are
            those of floats.
    """

    sizes: Counter[tuple[int, int]] = dataclasses.field(default_factory=Counter)
    image_formats: Counter[str] = dataclasses.field(default_factory=Counter)
    channel_names: Counter[tuple[str, ...]] = dataclasses.field(default_factory=Counter)
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
    pixel_sizes: Counter[float] = dataclasses.field(default_factory=Counter)
    ignored_pixel_sizes: Counter[str] = dataclasses.field(default_factory=Counter)
    cut_instances: int = 0
    contrasts: Counter[tuple[int, int, float, float]] = dataclasses.field(default_factory=Counter)
    pixels: Counter[tuple[int, int, int, float]] = dataclasses.field(default_factory=Counter)

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
        """Largest number of channels, and of bits, 8, 16 or 32, of all images."""
        return max(key[0] for key in self.pixels), max(key[1] for key in self.pixels)

    def channels(self) -> list[Counter[float]]:
        """Returns how often each value occurs in each channel of the data set.

        As in `records.decode`, grey images have all channels, and 8 bits become 16.
        """
        num_channels, most_bits = self.image_type
        histograms: list[Counter[float]] = [Counter() for _ in range(num_channels)]
        for (image_channels, bits, channel, value), number in self.pixels.items():
            full = value * WIDE if bits < most_bits else value
            for index in range(num_channels) if image_channels == 1 else [channel]:
                histograms[index][full] += number
        return histograms

    def pixel_size_texts(self) -> dict[str, int]:
        """Returns `DatasetInfo.pixel_sizes`."""
        return {f"{size:g}": number for size, number in sorted(self.pixel_sizes.items())}

    def min_contrast(self) -> tuple[float, ...]:
        """Returns the least distances below and above the median in an image with instances.

        They are in the unit of the data set, as in `channels`; two numbers for grey and RGB, else
        two for each channel, 0 for one that has one value in all images.
        """
        num_channels, most_bits = self.image_type
        pairs: dict[int, list[list[float]]] = {}
        for bits, channel, *pair in self.contrasts:
            unit = WIDE if bits < most_bits else 1
            pairs.setdefault(channel, []).append([distance * unit for distance in pair])
        is_single = is_grey_or_rgb(num_channels, max(self.channel_names, default=()))
        if not pairs:
            return ()
        return tuple(
            number
            for channel in range(1 if is_single else num_channels)
            for number in map(min, zip(*pairs.get(channel, [[0, 0]]), strict=True))
        )

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


def count(
    image: Raster,
    label: np.ndarray,
    class_of: np.ndarray | None,
    channel_names: Sequence[str] = (),
) -> Counts:
    """Counts the pixels and instances of one image, in bands of rows.

    Args:
        image: `[H, W, C]` uint8, uint16 or float32, in memory or read in windows.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]` int, class of each id above 0 in the order of the ids; None: class 1.
        channel_names: of the image; empty for grey and RGB without names.
    """
    areas = instance_areas(label)[1].tolist()
    classes = Counter([1] * len(areas) if class_of is None else class_of.tolist())
    touching = (ids for rows in bands_of(label.shape) for ids in _touching(label, rows))
    return Counts(
        sizes=Counter([(label.shape[0], label.shape[1])]),
        instances_per_image=Counter([len(areas)]),
        class_images=Counter(classes.keys()),
        class_instances=classes,
        areas=Counter(areas),
        touching=_number_of_ids(touching),
        at_border=_number_of_ids([label[0], label[-1], label[:, 0], label[:, -1]]),
        channel_names=Counter([tuple(channel_names)]),
        contrasts=_contrasts(image, channel_names) if areas else Counter(),
        pixels=_pixels(image),
    )


def is_repeated(image: Raster) -> bool:
    """Returns whether all channels of an image `[H, W, C]` are equal."""
    if image.shape[-1] == 1:
        return True
    return all(_has_equal_channels(image[rows, :]) for rows in bands_of(image.shape))


def _has_equal_channels(image: np.ndarray) -> bool:
    # Comparing channel by channel is faster, and for most coloured images the first two differ.
    first = image[..., 0]
    return all((first == image[..., channel]).all() for channel in range(1, image.shape[-1]))


def _pixels(image: Raster) -> Counter[tuple[int, int, int, float]]:
    """Counts the values of the pixels, as in `Counts.pixels`."""
    num_channels, bits = image.shape[-1], image.dtype.itemsize * 8
    histograms: list[Tally] = []
    for rows in bands_of(image.shape):
        band = image[rows, :]
        parts = [_histogram(band[..., channel]) for channel in range(num_channels)]
        histograms = list(map(tally, histograms, parts)) if histograms else parts
    return Counter(
        {
            (num_channels, bits, channel, value): number
            for channel, (values, numbers) in enumerate(histograms)
            for value, number in zip(values.tolist(), numbers.tolist(), strict=True)
        }
    )


def _contrasts(
    image: Raster, channel_names: Sequence[str]
) -> Counter[tuple[int, int, float, float]]:
    bits = image.dtype.itemsize * 8
    if not is_grey_or_rgb(image.shape[-1], channel_names):
        spreads = Spread.of_channels(image)
    else:  # an image of equal channels is grey, however many it is read with
        spreads = Spread.of_channels(image)[:1] if is_repeated(image) else [Spread.of(image)]
    pairs = enumerate(spread.contrast for spread in spreads)
    return Counter((bits, channel, *pair) for channel, pair in pairs if any(pair))


def _histogram(values: np.ndarray) -> Tally:
    """Returns the distinct values, ascending, and how often each occurs."""
    if values.dtype != np.float32:
        histogram = np.bincount(values.ravel())
        distinct = np.flatnonzero(histogram)
        return distinct, histogram[distinct]
    words = np.ascontiguousarray(values).view(np.uint32)
    rounded = ((words + np.uint32(_HALF_STEP)) & np.uint32(_SIGNIFICANT)).view(np.float32)
    # The largest floats would become infinite; + 0, because -0 is another key in JSON.
    rounded = np.where(np.isfinite(rounded), rounded, values) + np.float32(0)
    return np.unique(rounded, return_counts=True)


def _touching(label: np.ndarray, rows: slice) -> Iterator[np.ndarray]:
    """Yields the ids of these rows, and of the one above, that are beside another id."""
    band = label[max(0, rows.start - 1) : rows.stop]
    for one, other in ((band[1:], band[:-1]), (band[:, 1:], band[:, :-1])):
        pairs = (one != other) & (one > 0) & (other > 0)
        yield one[pairs]
        yield other[pairs]


def _number_of_ids(parts: Iterable[np.ndarray]) -> int:
    return int(np.count_nonzero(np.unique(np.concatenate([np.unique(part) for part in parts])) > 0))
