"""The order in which training reads records, and reading them one by one at their places.

Sample k of the endless stream belongs to epoch k // n, and the order within an epoch is a function
of (seed, epoch) alone, over all n records of the split. A place costs 0.1 ms more than the next
record of a file, and decoding a photograph 10 ms, so data sets of every size are shuffled fully.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfseg import checks, random
from tfseg.checks import InputError
from tfseg.data.index import UNREADABLE, Index
from tfseg.data.traced import as_is

Example = dict[str, tf.Tensor]
_ID = re.compile(rb"\n\x02id\x12.\n.\n(.)", re.DOTALL)  # entry, key, value, list; length and text
_REFUSED = re.compile(r"InputError: (.*)$", re.MULTILINE)


def positions(
    count: int, *, seed: tf.Tensor, first: int, frequencies: np.ndarray | None = None
) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} from sample `first` on.

    Args:
        count: n, records of the split.
        seed: `[2]` int32.
        first: sample that comes first; none before it is passed through.
        frequencies: `[count]` float64, how often each record comes, relative to the others; None:
            each comes once an epoch.
    """
    first_epoch, start = divmod(first, count)

    def epoch_positions(epoch: tf.Tensor) -> tf.data.Dataset:
        order = random.permutation(random.fold_in(random.fold_in(seed, epoch), 0), count)
        if frequencies is not None:
            order = tf.gather(_resampled(frequencies, random.fold_in(seed, epoch)), order)
        rest = order[tf.where(epoch == first_epoch, start, 0) :]
        return tf.data.Dataset.from_tensor_slices(rest).map(
            lambda index: {"epoch": epoch, "index": tf.cast(index, tf.int64)}
        )

    return tf.data.Dataset.range(first_epoch, 2**31 - 1).flat_map(as_is(epoch_positions))


def _resampled(frequencies: np.ndarray, seed: tf.Tensor) -> tf.Tensor:
    """Draws as many records as there are, each as often as it shall come, or the next number.

    Source: systematic sampling (Madow 1949): one draw, and from there on even steps.
    """
    count = len(frequencies)
    start = tf.cast(random.uniform(random.for_name(seed, "balance"), 0.0, 1.0), tf.float64)
    steps = (tf.range(count, dtype=tf.float64) + start) / count
    ends = np.cumsum(frequencies) / np.sum(frequencies)
    # Without the last end, which is 1 but for rounding.
    return tf.searchsorted(tf.constant(ends[:-1]), steps, side="right")


def host_part(
    stream: tf.data.Dataset, *, batch_size: int, host: int, num_hosts: int
) -> tf.data.Dataset:
    """Returns what one of several hosts reads: its slice of every global batch.

    Args:
        stream: begins with a batch.
        batch_size: of the global batch, samples.
        host: from 0 on.
        num_hosts: that train together.

    Raises:
        InputError: a batch that the hosts cannot share evenly, or no such host.
    """
    checks.whole("num_hosts", num_hosts, low=1)
    checks.whole("host", host, low=0, high=num_hosts - 1)
    if batch_size % num_hosts:
        raise InputError(
            f"train.batch_size must be a multiple of the {num_hosts} hosts; got {batch_size}."
        )
    if num_hosts == 1:
        return stream
    size = batch_size // num_hosts
    own = slice(host * size, (host + 1) * size)
    batches = stream.batch(batch_size, drop_remainder=True)
    part = as_is(lambda batch: {name: each[own] for name, each in batch.items()})
    return batches.map(part).unbatch()


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
        if found := _REFUSED.search(error.message):
            raise InputError(found[1]) from error
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
            self._say(f"{self.index.place(own[0])}{more}", own)

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
            self._say(f"{self.index.place(number)}{self._id(number)}", [number])

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
