"""Cutting large images into regions, which become samples and may be in different splits."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tfseg import checks
from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Cut, Item, Reading, Sample, Splits, open_item
from tfseg.data.dataset.dataset import file_sha256
from tfseg.data.dataset.records import instance_areas

LEAST, MOST = 64, 4096  # pixels of a side; a region is held in memory


def check_side(side: int) -> None:
    """Refuses a side of regions that is too small or too large."""
    checks.integer("split_regions", side, low=LEAST, high=MOST)


def cut_items(splits: Splits, reading: Reading, side: int) -> Splits:
    """Returns an item for each region of the images, with the id ID/ROW_COLUMN.

    An image is divided evenly into rows and columns of regions, of at most `side` pixels a side. An
    image that cannot be opened stays one item, with a fault.
    """
    return {
        split: [region for item in items for region in _regions(item, reading, side)]
        for split, items in splits.items()
    }


def _regions(item: Item[Any], reading: Reading, side: int) -> Iterator[Item[Any]]:
    if item.fault:
        yield item
        return
    try:
        height, width = open_item(item, reading).pixels.shape[:2]
    except InputError as error:
        yield dataclasses.replace(item, fault=str(error))
        return
    rows, columns = _parts(height, side), _parts(width, side)
    digits = len(str(max(len(rows), len(columns)) - 1))
    for row, top in enumerate(rows):
        for column, left in enumerate(columns):
            id = f"{item.id}/{row:0{digits}}_{column:0{digits}}"
            yield dataclasses.replace(item, id=id, cut=Cut(item, (height, width), top, left))


def _parts(length: int, side: int) -> list[slice]:
    """Divides a length evenly into parts of at most `side`."""
    count = math.ceil(length / side)
    stops = [length * index // count for index in range(count + 1)]
    return [slice(start, stop) for start, stop in zip(stops[:-1], stops[1:], strict=True)]


class ItemReader:
    """Reads items, and regions of them, whose image is kept until another one is read.

    Attributes:
        reading: the options of reading.
    """

    def __init__(self, read: Callable[[Item[Any], Reading], Sample], reading: Reading) -> None:
        self._read, self.reading = read, reading
        self._lock = threading.Lock()
        self._last: tuple[Item[Any], Sample, np.ndarray, np.ndarray] | None = None
        self._sha256: dict[Path, str] = {}

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        """Goes to another process without an image."""
        return ItemReader, (self._read, self.reading)

    def __call__(self, item: Item[Any]) -> Sample:
        """Reads an item, or the region of an image.

        Raises:
            InputError: the image or its annotation cannot be used.
        """
        if item.cut is None:
            return self._read(item, self.reading)
        with self._lock:
            if self._last is None or self._last[0] is not item.cut.item:
                self._last = None  # before the next one, which takes its room
                sample = self._read(item.cut.item, self.reading)
                self._last = item.cut.item, sample, *instance_areas(sample.label)
            _, sample, ids, areas = self._last
        return _cut(item.cut, sample, ids, areas)

    def sha256(self, item: Item[Any]) -> str:
        """Returns the checksum of the image file, which is read once for all its regions."""
        if item.cut is None:
            return file_sha256(item.image)
        with self._lock:
            if item.image not in self._sha256:
                self._sha256[item.image] = file_sha256(item.image)
            return self._sha256[item.image]


def _cut(cut: Cut, sample: Sample, ids: np.ndarray, areas: np.ndarray) -> Sample:
    """Returns the sample of a region of an image, whose instances have these ids and areas.

    What is counted for the image as a whole is counted in its first region.
    """
    item, size, rows, columns = cut
    if sample.image.shape[:2] != size:
        raise InputError(
            f"{item.image} must have the size of its annotation when it is turned upright; it has "
            f"{size[0]} x {size[1]} (height x width) then. Give --orientation ignore."
        )
    label = np.array(sample.label[rows, columns])
    present, parts = instance_areas(label)
    positions = np.searchsorted(ids, present)
    is_first = rows.start == columns.start == 0
    return sample._replace(
        image=np.array(sample.image[rows, columns]),
        label=label,
        class_of=None if sample.class_of is None else sample.class_of[positions],
        overlap_pixels=sample.overlap_pixels if is_first else 0,
        hidden_instances=sample.hidden_instances if is_first else 0,
        ignored_crowds=sample.ignored_crowds if is_first else 0,
        cut_instances=int(np.count_nonzero(parts < areas[positions])),
    )
