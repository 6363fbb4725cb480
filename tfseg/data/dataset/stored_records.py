"""Reads the records of a split in the graph: all of them, or single ones by their numbers."""

from __future__ import annotations

import warnings

import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset.index import Index, Sharded


def all_records(dataset: Sharded, split: str) -> tf.data.Dataset:
    """Returns the serialized records of a split, behind that of an image those of its tiles.

    Raises:
        InputError: as for `Dataset.records`.
    """
    index = Index.read(dataset, split)
    for which, _ in index.unreadable():
        raise InputError(f"{which} is damaged. Convert the data again.")
    return tf.data.TFRecordDataset(list(index.paths))


class StoredRecords:
    """The records of a split.

    A damaged record is an error. With "skip" that of an image is replaced by the next intact one in
    stored order, so all other samples keep their positions, and the pixels of a damaged tile are
    ignored; either is a warning the first time.

    TensorFlow has no public way to read a record at an offset: a raw op makes a data set of the one
    record. A damaged record makes it empty, which `_stored` returns as "".
    """

    def __init__(self, index: Index, *, on_corrupt: str | None = None) -> None:
        """Opens the records.

        Args:
            index: of the split.
            on_corrupt: "fail", "skip", or None: fail where there is no such option.

        Raises:
            InputError: the framing is broken and `on_corrupt` is not "skip".
        """
        self._index, self._damage = index, _Damage(index, on_corrupt)
        self._damage.report_broken_framing()
        columns = (index.paths, index.images, index.shards, index.offsets)
        self._paths, self._images, self._shards, self._offsets = map(tf.constant, columns)

    def image(self, number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Reads the record of image `number`, or of the next intact one.

        Returns:
            The record, and the number `[]` int64 of its first tile, if it has some.

        Raises:
            InputError: while the graph runs, as `_Damage.after`.
        """

        def next_one(number: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            following = tf.numpy_function(self._damage.after, [number], tf.int64)
            following = tf.ensure_shape(following, [])
            return following, self._stored(tf.gather(self._images, following))

        number = tf.cast(number, tf.int64)
        number, record = tf.while_loop(
            lambda _, record: tf.equal(record, ""),
            next_one,
            (number, self._stored(tf.gather(self._images, number))),
            maximum_iterations=len(self._index.images),
        )
        return record, tf.gather(self._images, number) + 1

    def tile(self, number: tf.Tensor) -> tf.Tensor:
        """Reads record `number`, of a tile; "" where it is damaged and left out.

        Raises:
            InputError: while the graph runs, as `_Damage.report_tile`.
        """

        def damaged() -> tf.Tensor:
            return tf.ensure_shape(
                tf.numpy_function(self._damage.report_tile, [number], tf.string), []
            )

        record = self._stored(number)
        return tf.cond(tf.equal(record, ""), damaged, lambda: record)

    def _stored(self, number: tf.Tensor) -> tf.Tensor:
        """Returns a record, or "" where it is damaged."""
        source = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.gather(self._paths, tf.gather(self._shards, number))[None],
            compression_type="",
            buffer_size=0,  # one record is read, not what follows it
            byte_offsets=tf.gather(self._offsets, number)[None],
        )
        records = tf.data.experimental.from_variant(source, tf.TensorSpec([], tf.string))
        nothing = tf.data.Dataset.from_tensors("")
        return records.take(1).ignore_errors().concatenate(nothing).take(1).get_single_element()


class _Damage:
    """The damaged records so far, and what is done about one: an error, or a warning."""

    def __init__(self, index: Index, on_corrupt: str | None) -> None:
        self.index, self.on_corrupt = index, on_corrupt
        self.known: set[int] = set()

    def report_broken_framing(self) -> None:
        """Reports the first record of every shard that cannot be read, and how many follow it."""
        for which, numbers in self.index.unreadable():
            self._report(which, numbers)

    def after(self, image: np.ndarray) -> np.int64:
        """Returns the image to try next, after reporting that the record of `image` is damaged."""
        record = int(self.index.images[image])
        if record not in self.known:
            self._report(self.index.describe(record), [record])
        count = len(self.index.images)
        if len(self.known) >= count and self.known.issuperset(self.index.images.tolist()):
            folder = self.index.paths[0].rpartition("/")[0]
            raise InputError(f"{folder} is damaged: no record is intact. Convert the data again.")
        return np.int64((int(image) + 1) % count)

    def report_tile(self, record: np.ndarray) -> bytes:
        """Returns "" after reporting that a tile is damaged."""
        if int(record) not in self.known:
            self._report(f"{self.index.describe(int(record))}, a tile,", [int(record)])
        return b""

    def _report(self, which: str, numbers: list[int]) -> None:
        """Raises or warns."""
        if self.on_corrupt != "skip":
            option = ", or leave such records out: --data.on_corrupt skip"
            raise InputError(
                f"{which} is damaged. Convert the data again{option if self.on_corrupt else ''}."
            )
        self.known.update(numbers)
        counted = f"{len(self.known)} of {len(self.index.offsets)} records so far"
        warnings.warn(f"{which} is damaged and left out; {counted}.", stacklevel=2)
