"""Reads records one by one from where they are stored, and says which of them are damaged."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfseg import tf_errors
from tfseg.augment.base import Example
from tfseg.checks import InputError
from tfseg.data.dataset.index import UNREADABLE, Index

_ID = re.compile(rb"\n\x02id\x12.\n.\n(.)", re.DOTALL)  # entry, key, value, list; length and text


def read_at(index: Index, *, on_corrupt: str) -> Callable[[Example], Example]:
    """Returns the function that makes {"epoch", "record"} of {"epoch", "index"}.

    A damaged record is an error, or with "skip" the next whole one in stored order comes in its
    place, with a warning the first time: so the samples keep their positions.

    Args:
        index: of the split.
        on_corrupt: "fail" or "skip".

    Raises:
        InputError: the framing is broken and `on_corrupt` is "fail", or no record is whole.
    """
    damage = _Damage(index, on_corrupt)
    damage.look_at_framing()
    paths, shards, offsets = map(tf.constant, (index.paths, index.shards, index.offsets))
    count = len(index.offsets)

    def stored(number: tf.Tensor) -> tf.Tensor:
        """Returns a record, or "" where it is damaged."""
        source = tf.raw_ops.TFRecordDatasetV2(
            filenames=tf.gather(paths, tf.gather(shards, number))[None],
            compression_type="",
            buffer_size=0,  # one record is read, not what follows it
            byte_offsets=tf.gather(offsets, number)[None],
        )
        records = tf.data.experimental.from_variant(source, tf.TensorSpec([], tf.string))
        nothing = tf.data.Dataset.from_tensors("")
        return records.take(1).ignore_errors().concatenate(nothing).take(1).get_single_element()

    def next_one(number: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        following = tf.numpy_function(damage.after, [number], tf.int64)
        following = tf.ensure_shape(following, [])
        return following, stored(following)

    def read(example: Example) -> Example:
        number = example["index"]
        _, record = tf.while_loop(
            lambda _, record: tf.equal(record, ""),
            next_one,
            (number, stored(number)),
            maximum_iterations=count,
        )
        return {"epoch": example["epoch"], "record": record}

    return read


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Raises the `InputError` of a pipeline, which TensorFlow wraps in one of its own.

    Raises:
        InputError: of a damaged record with the shard, the number of the record in it, and its id.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if message := tf_errors.input_error(error.message):
            raise InputError(message) from error
        raise


class _Damage:
    """What was found damaged so far, and what then happens."""

    def __init__(self, index: Index, on_corrupt: str) -> None:
        self.index, self.skips = index, on_corrupt == "skip"
        self.known: set[int] = set()

    def look_at_framing(self) -> None:
        """Says of every broken shard from where on it is lost."""
        lost = np.flatnonzero(self.index.offsets == UNREADABLE)
        for shard in np.unique(self.index.shards[lost]):
            own = lost[self.index.shards[lost] == shard].tolist()
            more = f", with the {len(own) - 1} after it in this file," if own[1:] else ""
            self._say(f"{self.index.location(own[0])}{more}", own)

    def after(self, number: np.ndarray) -> np.int64:
        """Called where record `number` could not be read; returns the one to try next."""
        self.found(int(number))
        if len(self.known) == len(self.index.offsets):
            folder = self.index.paths[0].rpartition("/")[0]
            raise InputError(f"{folder} is damaged: no record is whole. Convert the data again.")
        return np.int64((int(number) + 1) % len(self.index.offsets))

    def found(self, number: int) -> None:
        """Raises, or warns the first time."""
        if number not in self.known:
            self._say(f"{self.index.location(number)}{self._id(number)}", [number])

    def _say(self, which: str, numbers: list[int]) -> None:
        if not self.skips:
            raise InputError(
                f"{which} is damaged. Convert the data again, or leave such records out: "
                "--data.on_corrupt skip."
            )
        self.known.update(numbers)
        counted = f"{len(self.known)} of {len(self.index.offsets)} records so far"
        warnings.warn(f"{which} is damaged and left out; {counted}.", stacklevel=2)

    def _id(self, number: int) -> str:
        """Returns the id of a record, where its bytes still have it."""
        payload = self.index.payload(number)
        if not (found := _ID.search(payload)):
            return ""
        text = payload[found.end() : found.end() + found[1][0]]
        return f" (sample {text.decode(errors='replace')!r})"
