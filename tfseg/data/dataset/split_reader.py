"""Reads the images of a split in the graph: whole, or of an image in tiles only those wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseg.autograph import no_autograph
from tfseg.data.dataset import decoded_records
from tfseg.data.dataset.decoded_records import Decoding
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.stored_records import StoredRecords
from tfseg.data.dataset.tiles import check_joined
from tfseg.ids import IGNORE

Example = dict[str, tf.Tensor]
Load = Callable[[tf.Tensor], Example]


class Patch(NamedTuple):
    """A part of an image that has some rows and columns of it.

    Attributes:
        image: `[h, w, C]`.
        label: `[h, w]` int32.
        rows: `[R]` int32, where the wanted rows are in it.
        columns: `[S]` int32, where the wanted columns are in it.
    """

    image: tf.Tensor
    label: tf.Tensor
    rows: tf.Tensor
    columns: tf.Tensor


class SplitReader:
    """The images of a split, by their numbers.

    Attributes:
        has_tiles: whether any image is in tiles.
        tile: returns `image` and `label` of a record by its number, that of a tile.
    """

    def __init__(
        self,
        index: Index,
        decoding: Decoding,
        *,
        on_corrupt: str | None = None,
        keep: Callable[[Load], Load] | None = None,
    ) -> None:
        """Opens the split.

        Args:
            index: of the split.
            decoding: how its pixels are read.
            on_corrupt: what a damaged record does, see `StoredRecords`.
            keep: makes a function that keeps what a function of the number of a tile returns.

        Raises:
            InputError: as for `StoredRecords`.
        """
        self._in_tiles = np.flatnonzero(np.diff(index.images, append=len(index.offsets)) > 1)
        self.has_tiles = len(self._in_tiles) > 0
        self._decoding, self._records = decoding, StoredRecords(index, on_corrupt=on_corrupt)
        self._keeps = keep is not None
        self.tile = keep(self._decoded_tile) if keep else self._decoded_tile

    def read(self, number: tf.Tensor) -> Example:
        """Returns the `record` `[]` string of an image, and the number of its `first_tile`."""
        record, first_tile = self._records.image(number)
        return {"record": record, "first_tile": first_tile}

    def decode(self, stored: Example) -> Example:
        """Returns `decoded_records.decode_header`, and what an image not in tiles has as well.

        Args:
            stored: what `read` returns.

        Returns:
            The header, `image` and `label` as in `decoded_records.decode_record`, without pixels
            where the image is in tiles, and the number of its `first_tile`.
        """
        record = stored["record"]
        header = decoded_records.decode_header(record)
        header["first_tile"] = stored["first_tile"]

        def pixels() -> Example:
            return decoded_records.decode_pixels(record, self._decoding)

        if not self.has_tiles:
            return header | pixels()
        return header | tf.cond(header["tile"] > 0, lambda: self._blank, pixels)

    def patch(self, sample: Example, rows: tf.Tensor, columns: tf.Tensor) -> Patch:
        """Reads the tiles of an image in tiles that hold some rows and columns.

        Args:
            sample: from `decode`.
            rows: `[R]` int32, in any order.
            columns: `[S]` int32, in any order.
        """
        down, across = (_Parts.of(wanted, sample["tile"]) for wanted in (rows, columns))
        first = down.tiles * _across(sample) + sample["first_tile"]
        numbers = tf.reshape(first[:, None] + across.tiles, [-1])
        starts, lengths, begins = map(_pairs, down[1:4], across[1:4])
        size = begins[-1] + lengths[-1]
        image = tf.zeros(tf.concat([size, [self._decoding.channels]], 0), self._decoding.dtype)

        def with_tile(step: tf.Tensor, image: tf.Tensor, label: tf.Tensor) -> Any:
            tile, start, begin = self.tile(numbers[step]), starts[step], begins[step]
            end = start + lengths[step]
            return (
                step + 1,
                _with_part(image, tf.strided_slice(tile["image"], start, end), begin),
                _with_part(label, tf.strided_slice(tile["label"], start, end), begin),
            )

        _, image, label = tf.while_loop(
            lambda step, *_: step < tf.size(numbers),
            with_tile,
            (
                0,
                tf.ensure_shape(image, [None, None, self._decoding.channels]),
                tf.fill(size, IGNORE),
            ),
        )
        return Patch(image, label, down.positions, across.positions)

    def tile_label(self, sample: Example, tile: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the label `[h, w]` int32 of a tile, and its upper left corner `[2]` int32."""
        number = sample["first_tile"] + tf.cast(tile, tf.int64)
        across = tf.cast(_across(sample), tf.int32)
        corner = tf.stack([tile // across, tile % across]) * sample["tile"]
        if self._keeps:
            return self.tile(number)["label"], corner
        record = self._records.tile(number)
        label = tf.cond(
            tf.equal(record, ""),
            lambda: self._blank["label"],
            lambda: decoded_records.decode_label(record),
        )
        return label, corner

    def check_joined(self) -> None:
        """Checks that every image in tiles is small enough for `joined`.

        Raises:
            InputError: names the first one that is not.
        """

        def header(number: tf.Tensor) -> Example:
            return decoded_records.decode_header(self.read(number)["record"])

        numbers = tf.data.Dataset.from_tensor_slices(tf.constant(self._in_tiles, tf.int64))
        for sample in numbers.map(no_autograph(header)).as_numpy_iterator():
            check_joined(sample["id"].decode(), *sample["size"].tolist())

    def joined(self, sample: Example) -> Example:
        """Returns the sample with all pixels of an image in tiles."""

        def pixels() -> tuple[tf.Tensor, tf.Tensor]:
            patch = self.patch(sample, *map(tf.range, tf.unstack(sample["size"])))
            return patch.image, patch.label

        if not self.has_tiles:
            return sample
        image, label = tf.cond(
            sample["tile"] > 0, pixels, lambda: (sample["image"], sample["label"])
        )
        return sample | {"image": image, "label": label}

    def _decoded_tile(self, number: tf.Tensor) -> Example:
        """Returns image and label of record `number`; no pixels where it is left out."""
        record = self._records.tile(number)
        return tf.cond(
            tf.equal(record, ""),
            lambda: self._blank,
            lambda: decoded_records.decode_pixels(record, self._decoding),
        )

    @property
    def _blank(self) -> Example:
        """Returns image and label without pixels."""
        image = tf.zeros((0, 0, self._decoding.channels), self._decoding.dtype)
        return {"image": image, "label": tf.zeros((0, 0), tf.int32)}


def _across(sample: Example) -> tf.Tensor:
    """Returns the number of tiles in a row, `[]` int64."""
    return tf.cast(-(-sample["size"][1] // sample["tile"]), tf.int64)


class _Parts(NamedTuple):
    """The parts of tiles that have some rows, one after another; or columns.

    Attributes:
        tiles: `[N]` int64, the tiles along the axis, ascending.
        starts: `[N]` int32, where the part begins in its tile.
        lengths: `[N]` int32, its rows.
        begins: `[N]` int32, where it begins among all parts.
        positions: `[R]` int32, where the wanted rows are among all parts.
    """

    tiles: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor
    begins: tf.Tensor
    positions: tf.Tensor

    @classmethod
    def of(cls, wanted: tf.Tensor, side: tf.Tensor) -> _Parts:
        """Returns the parts that have the rows `wanted` `[R]` int32, of tiles of `side` pixels."""
        tiles, inside = tf.sort(tf.unique(wanted // side)[0]), wanted % side
        part, count = tf.searchsorted(tiles, wanted // side), tf.size(tiles)
        starts = tf.math.unsorted_segment_min(inside, part, count)
        lengths = tf.math.unsorted_segment_max(inside, part, count) - starts + 1
        begins = tf.cumsum(lengths, exclusive=True)
        positions = tf.gather(begins - starts, part) + inside
        return cls(tf.cast(tiles, tf.int64), starts, lengths, begins, positions)


def _pairs(down: tf.Tensor, across: tf.Tensor) -> tf.Tensor:
    """Returns all pairs `[M * N, 2]` of values `[M]` and `[N]`, row by row."""
    return tf.reshape(tf.stack(tf.meshgrid(down, across, indexing="ij"), axis=-1), [-1, 2])


def _with_part(pixels: tf.Tensor, part: tf.Tensor, begin: tf.Tensor) -> tf.Tensor:
    """Returns pixels `[H, W, ...]` with those of `part` `[h, w, ...]` from `begin` `[2]` on."""
    # In the memory of `pixels`: only the part is copied.
    end = begin + tf.shape(part)[:2]
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=pixels, begin=begin, end=end, strides=tf.ones_like(begin), value=part
    )
