"""What crops are cut from: an image with its label in memory, or an image in tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import tensorflow as tf

from tfseg.augment.base import Example
from tfseg.data.dataset.split_reader import Patch, SplitReader
from tfseg.data.pipeline import objects, visibility
from tfseg.data.pipeline.crops import Window
from tfseg.data.pipeline.objects import Objects
from tfseg.kernels import class_ids


class Source(Protocol):
    """An image and its label, whose ids encode classes where there are several."""

    def objects(self) -> Objects:
        """Returns what a crop can be aimed at."""

    def patch(self, window: Window) -> Patch:
        """Returns a part of the image that has all pixels of a window."""

    def areas(self) -> visibility.Areas:
        """Returns the pixels of every instance."""


class InMemory:
    """An image with its label.

    Attributes:
        image: `[H, W, C]`.
        label: `[H, W]` int32.
        num_classes: number of classes.
    """

    def __init__(self, image: tf.Tensor, label: tf.Tensor, *, num_classes: int = 1) -> None:
        self.image, self.label, self.num_classes = image, label, num_classes

    def objects(self) -> Objects:
        """Returns what a crop can be aimed at, from the label."""
        return objects.in_label(self.label, num_classes=max(1, self.num_classes))

    def patch(self, window: Window) -> Patch:
        """Returns all of the image."""
        return Patch(self.image, self.label, window.rows, window.columns)

    def areas(self) -> visibility.Areas:
        """Counts the pixels of every instance."""
        return visibility.areas(self.label)


class InTiles:
    """An image in tiles; only those are read that a crop touches, and one that it is aimed at.

    Attributes:
        sample: from `SplitReader.decode`.
        reader: of its split.
        num_classes: number of classes.
    """

    def __init__(self, sample: Example, reader: SplitReader, *, num_classes: int = 1) -> None:
        self.sample, self.reader, self.num_classes = sample, reader, num_classes

    def objects(self) -> Objects:
        """Returns what a crop can be aimed at, from the index of instances."""
        return objects.in_tiles(self.sample, lambda tile: self.reader.tile_label(self.sample, tile))

    def patch(self, window: Window) -> Patch:
        """Reads the tiles that the window touches."""
        patch = self.reader.patch(self.sample, window.rows, window.columns)
        if self.num_classes < 2:
            return patch
        label = class_ids.with_classes(
            patch.label,
            self.sample["class_of"],
            num_classes=self.num_classes,
            ids=self.sample["instances"][0],
        )
        return patch._replace(label=label)

    def areas(self) -> visibility.Areas:
        """Returns the areas in the index of instances."""
        ids, _, pixels, *_ = tf.unstack(self.sample["instances"])
        if self.num_classes > 1:
            ids = tf.range(tf.size(ids)) * self.num_classes + self.sample["class_of"]
        return visibility.Areas(ids, pixels)


def with_source(
    sample: Example, reader: SplitReader, num_classes: int, function: Callable[[Source], Any]
) -> Any:
    """Returns what a function of the source of crops returns for a sample of `reader`.

    Args:
        sample: from `SplitReader.decode`; the ids of its label encode classes.
        reader: of the split.
        num_classes: number of classes.
        function: returns tensors.
    """

    def in_memory() -> Any:
        return function(InMemory(sample["image"], sample["label"], num_classes=num_classes))

    def in_tiles() -> Any:
        return function(InTiles(sample, reader, num_classes=num_classes))

    if not reader.has_tiles:
        return in_memory()
    return tf.cond(sample["tile"] > 0, in_tiles, in_memory)
