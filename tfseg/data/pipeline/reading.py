"""Reads single records by their position in the split, and reports damaged ones."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfseg import tf_errors
from tfseg.augment.base import Example
from tfseg.checks import InputError
from tfseg.data.dataset.index import Index


def read_at(index: Index, *, on_corrupt: str) -> Callable[[Example], Example]:
    """Returns the function that turns {"epoch", "index"} into {"epoch", "record"}.

    A damaged record is an error. With "skip" it is replaced by the next intact one in stored order,
    with a warning the first time, so all other samples keep their positions.

    TensorFlow has no public way to read a record at an offset: a raw op makes a data set of the one
    record. A damaged record makes it empty, which `stored` returns as "", and the loop in `read`
    then asks `_Damage` (which raises or warns) for the record to try next.

    Args:
        index: of the split.
        on_corrupt: "fail" or "skip".

    Raises:
        InputError: the framing is broken and `on_corrupt` is "fail", or no record is intact.
    """
    damage = _Damage(index, on_corrupt)
    damage.report_broken_framing()
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
def unwrap_input_errors() -> Iterator[None]:
    """Raises the `InputError` that TensorFlow has wrapped in an error of a pipeline.

    Raises:
        InputError: for a damaged record, with its shard, its number in the shard, and its id.
    """
    try:
        yield
    except tf.errors.OpError as error:
        if message := tf_errors.input_error(error.message):
            raise InputError(message) from error
        raise


class _Damage:
    """The damaged records so far, and what is done about one: an error, or a warning."""

    def __init__(self, index: Index, on_corrupt: str) -> None:
        self.index, self.skips = index, on_corrupt == "skip"
        self.known: set[int] = set()

    def report_broken_framing(self) -> None:
        """Reports the first record of every shard that cannot be read, and how many follow it."""
        for which, numbers in self.index.unreadable():
            self._report(which, numbers)

    def after(self, number: np.ndarray) -> np.int64:
        """Returns the record to try next, after reporting that record `number` is damaged."""
        if int(number) not in self.known:
            self._report(self.index.describe(int(number)), [int(number)])
        if len(self.known) == len(self.index.offsets):
            folder = self.index.paths[0].rpartition("/")[0]
            raise InputError(f"{folder} is damaged: no record is intact. Convert the data again.")
        return np.int64((int(number) + 1) % len(self.index.offsets))

    def _report(self, which: str, numbers: list[int]) -> None:
        """Raises or warns."""
        if not self.skips:
            raise InputError(
                f"{which} is damaged. Convert the data again, or leave such records out: "
                "--data.on_corrupt skip."
            )
        self.known.update(numbers)
        counted = f"{len(self.known)} of {len(self.index.offsets)} records so far"
        warnings.warn(f"{which} is damaged and left out; {counted}.", stacklevel=2)
