"""An image of a data set outside the graph, which is read by windows."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseg.data.dataset.decoded_records import Decoding
from tfseg.data.dataset.records import instance_ids
from tfseg.data.dataset.split_reader import SplitReader
from tfseg.data.dataset.tiles import TiledArray, check_joined


class StoredImage(NamedTuple):
    """An image and its label: `image[rows, columns]` with slices reads a window.

    Attributes:
        id: of the sample.
        shape: height, width and channels.
        image: `[H, W, C]` with the channels and the dtype of the data set.
        label: `[H, W]` int32 ids, 0 = background, -1 = ignored.
        class_of: `[N]` int32, class from 1 on of each of `ids`.
        pixel_size: side of a pixel in micrometres; None where it is not known.
        known_ids: of an image in tiles, from its index of instances.
    """

    id: str
    shape: tuple[int, int, int]
    image: np.ndarray | TiledArray
    label: np.ndarray | TiledArray
    class_of: np.ndarray
    pixel_size: float | None = None
    known_ids: np.ndarray | None = None

    def ids(self) -> np.ndarray:
        """Returns the ids `[N]` above 0 in ascending order, without reading an image in tiles."""
        if self.known_ids is None:
            return instance_ids(np.asarray(self.label))
        return self.known_ids

    @classmethod
    def of(cls, sample: dict[str, Any], reader: SplitReader, decoding: Decoding) -> StoredImage:
        """Makes it from what `SplitReader.decode` returns, in NumPy."""
        height, width = sample["size"].tolist()
        shape = (height, width, decoding.channels)
        image, label, ids = sample["image"], sample["label"], None
        if side := int(sample["tile"]):
            first = int(sample["first_tile"])

            def read(tile: int, *, name: str) -> np.ndarray:
                return reader.tile(tf.constant(first + tile, tf.int64))[name].numpy()

            image = TiledArray(shape, decoding.dtype, partial(read, name="image"), side=side)
            label = TiledArray(shape[:2], np.int32, partial(read, name="label"), side=side)
            ids = sample["instances"][0]
        size = sample["pixel_size"].item() or None
        return cls(sample["id"].decode(), shape, image, label, sample["class_of"], size, ids)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns all of image and label.

        Raises:
            InputError: as `check_joined`.
        """
        check_joined(self.id, *self.shape[:2])
        return np.asarray(self.image), np.asarray(self.label)
