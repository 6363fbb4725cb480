"""Reads the images of a split in the graph: whole, or of an image in tiles only those wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfseg.data.dataset import decoded_records
from tfseg.data.dataset.decoded_records import Decoding
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.stored_records import StoredRecords
from tfseg.data.dataset.tiles import MOST_JOINED
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
        self.has_tiles = len(index.images) < len(index.offsets)
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
        return header | tf.cond(header["tile"] > 0, lambda: self._blank(0), pixels)

    def patch(self, sample: Example, rows: tf.Tensor, columns: tf.Tensor) -> Patch:
        """Reads the tiles of an image in tiles that hold some rows and columns.

        Args:
            sample: from `decode`.
            rows: `[R]` int32, in any order.
            columns: `[S]` int32, in any order.
        """
        side = sample["tile"]
        tile_rows, rows = _compact(rows, side)
        tile_columns, columns = _compact(columns, side)
        first = tile_rows * _across(sample) + sample["first_tile"]
        numbers = tf.reshape(first[:, None] + tile_columns, [-1])
        channels = self._decoding.channels
        specs = {
            "image": tf.TensorSpec([None, None, channels], self._decoding.dtype),
            "label": tf.TensorSpec([None, None], tf.int32),
        }
        tiles = tf.map_fn(
            lambda number: _padded(self.tile(number), side), numbers, fn_output_signature=specs
        )
        down, across = tf.size(tile_rows), tf.size(tile_columns)
        grid = [down, across, side, side]
        image = tf.transpose(tf.reshape(tiles["image"], [*grid, channels]), [0, 2, 1, 3, 4])
        label = tf.transpose(tf.reshape(tiles["label"], grid), [0, 2, 1, 3])
        size = [down * side, across * side]
        image = tf.reshape(image, [*size, channels])
        return Patch(image, tf.reshape(label, size), rows, columns)

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
            lambda: self._blank(1)["label"],
            lambda: decoded_records.decode_label(record),
        )
        return label, corner

    def joined(self, sample: Example) -> Example:
        """Returns the sample with all pixels of an image in tiles, up to `MOST_JOINED`."""

        def pixels() -> tuple[tf.Tensor, tf.Tensor]:
            height, width = tf.unstack(sample["size"])
            number = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
            fits = tf.debugging.assert_less_equal(
                *(number, tf.constant(MOST_JOINED, tf.int64)),
                message=f"An image of more than {MOST_JOINED} pixels is not read at once. Read it "
                "by windows: Dataset.images",
            )
            with tf.control_dependencies([fits] if fits is not None else []):
                patch = self.patch(sample, tf.range(height), tf.range(width))
            return patch.image[:height, :width], patch.label[:height, :width]

        if not self.has_tiles:
            return sample
        image, label = tf.cond(
            sample["tile"] > 0, pixels, lambda: (sample["image"], sample["label"])
        )
        return sample | {"image": image, "label": label}

    def _decoded_tile(self, number: tf.Tensor) -> Example:
        """Returns image and label of record `number`; ignored pixels where it is left out."""
        record = self._records.tile(number)
        return tf.cond(
            tf.equal(record, ""),
            lambda: self._blank(1),
            lambda: decoded_records.decode_pixels(record, self._decoding),
        )

    def _blank(self, side: int) -> Example:
        shape = (side, side)
        image = tf.zeros((*shape, self._decoding.channels), self._decoding.dtype)
        return {"image": image, "label": tf.fill(shape, IGNORE)}


def _across(sample: Example) -> tf.Tensor:
    """Returns the number of tiles in a row, `[]` int64."""
    return tf.cast(-(-sample["size"][1] // sample["tile"]), tf.int64)


def _compact(wanted: tf.Tensor, side: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the tiles `[N]` int64 of rows or columns, and where these are in the joined tiles."""
    tile = wanted // side
    tiles = tf.sort(tf.unique(tile)[0])
    return tf.cast(tiles, tf.int64), tf.searchsorted(tiles, tile) * side + wanted % side


def _padded(tile: Example, side: tf.Tensor) -> Example:
    """Returns a tile with ignored pixels up to its full size, below and to the right of it."""
    height, width = tf.unstack(side - tf.shape(tile["label"]))
    return {
        "image": tf.pad(tile["image"], [[0, height], [0, width], [0, 0]]),
        "label": tf.pad(tile["label"], [[0, height], [0, width]], constant_values=IGNORE),
    }
