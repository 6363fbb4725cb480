"""The order in which training reads the records of a data set.

Sample k of the endless stream belongs to epoch k // n, and the order within an epoch is a function
of (seed, epoch) alone, over all n records of the split. Reading a record by its position takes
0.1 ms more than reading the next one of a file, and decoding a photograph 10 ms, so data sets of
every size are shuffled fully. Training resumes at any position without reading those before it.
Records are numbered as in `Index`.

The stream of a mixture is cut into blocks; the length of a block is the sum of the weights. A block
has as many samples of every set as its weight, in an order drawn for the block; the samples of a
set come in the order of its epochs. With weights (2, 1) and sets a and b, blocks may be a b a, a a
b, ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import checks, random
from tfseg.autograph import no_autograph
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset, reader_of
from tfseg.data.dataset.decoded_records import read_id
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.files.tables import check_complete, read_table


def training_order(dataset: Dataset, config: RunConfig, *, first: int) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} from sample `first` on.

    In a mixture, each set has epochs of its records.

    Raises:
        InputError: `data.weights` are not one for each set, or `data.balance` is not a table that
            has all samples.
    """
    seed, weights = random.root(config.seed), config.data.weights
    frequencies = _frequencies(dataset, config)
    if isinstance(dataset, Mixture):
        counts = [part.split("train").num_images for part in dataset.parts]
        return mixed_order(counts, weights=weights, seed=seed, first=first, frequencies=frequencies)
    if weights:
        raise InputError(
            f"data.weights are for several data sets; got {len(weights)} for {dataset.path} alone. "
            "Leave them out, or add data sets."
        )
    count = dataset.split("train").num_images
    return shuffled_order(count, seed=seed, first=first, frequencies=frequencies)


def shuffled_order(
    count: int, *, seed: tf.Tensor, first: int, frequencies: np.ndarray | None = None
) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} from sample `first` on.

    Args:
        count: n, records of the split.
        seed: `[2]` int32.
        first: sample that comes first; those before it are not read.
        frequencies: `[count]` float64, relative frequency of each record; None reads each once an
            epoch.
    """
    first_epoch, start = divmod(first, count)

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset:
        order = random.permutation(random.fold_in(random.fold_in(seed, epoch), 0), count)
        if frequencies is not None:
            order = tf.gather(_resampled(frequencies, random.fold_in(seed, epoch)), order)
        rest = order[tf.where(epoch == first_epoch, start, 0) :]
        return tf.data.Dataset.from_tensor_slices(rest).map(
            lambda index: {"epoch": epoch, "index": tf.cast(index, tf.int64)}
        )

    return tf.data.Dataset.range(first_epoch, 2**31 - 1).flat_map(no_autograph(epoch_order))


def _resampled(frequencies: np.ndarray, seed: tf.Tensor) -> tf.Tensor:
    """Draws `[N]` of the N records, each as often as its frequency, rounded up or down.

    Source: systematic sampling (Madow 1949): one draw, and even steps from it on.
    """
    count = len(frequencies)
    start = tf.cast(random.uniform(random.for_name(seed, "balance"), 0.0, 1.0), tf.float64)
    steps = (tf.range(count, dtype=tf.float64) + start) / count
    ends = np.cumsum(frequencies) / np.sum(frequencies)
    # Without the last end, which is 1 except for rounding.
    return tf.searchsorted(tf.constant(ends[:-1]), steps, side="right")


def mixed_order(
    counts: Sequence[int],
    *,
    weights: Sequence[int],
    seed: tf.Tensor,
    first: int,
    frequencies: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} of a mixture from sample `first` on.

    Args:
        counts: records of each set.
        weights: samples of each set in a block, from 1 on; empty takes the counts, so that a block
            has every record once.
        seed: `[2]` int32.
        first: sample that comes first.
        frequencies: `[sum(counts)]` float64, frequency of each record relative to the others of
            its set.

    Raises:
        InputError: not a weight for each set.
    """
    if weights and len(weights) != len(counts):
        raise InputError(
            f"data.weights must be a whole number for each of the {len(counts)} data sets; got "
            f"{' '.join(map(str, weights))}."
        )
    per_block = np.array(weights or counts)
    sources = np.repeat(np.arange(len(counts)), per_block)
    first_block, begun = divmod(first, len(sources))

    def drawn(block: tf.Tensor) -> tf.Tensor:
        block_seed = random.fold_in(random.for_name(seed, "mixture"), block)
        return tf.gather(sources, random.permutation(block_seed, len(sources)))

    def choices(block: tf.Tensor) -> tf.data.Dataset:
        start = tf.where(block == first_block, begun, 0)
        return tf.data.Dataset.from_tensor_slices(drawn(block)[start:])

    before = np.bincount(drawn(tf.constant(first_block))[:begun], minlength=len(counts))
    streams = [
        _numbered(
            shuffled_order(
                count,
                seed=random.for_name(seed, f"data/{number}"),
                first=int(first_block * per_block[number] + before[number]),
                frequencies=None if frequencies is None else frequencies[start : start + count],
            ),
            start,
        )
        for number, (count, start) in enumerate(zip(counts, starts(counts), strict=True))
    ]
    blocks = tf.data.Dataset.range(first_block, 2**62)
    return tf.data.Dataset.choose_from_datasets(streams, blocks.flat_map(no_autograph(choices)))


def starts(counts: Sequence[int]) -> list[int]:
    """Returns the number of the first record of each set."""
    return np.cumsum([0, *counts])[:-1].tolist()


def _numbered(order: tf.data.Dataset, start: int) -> tf.data.Dataset:
    """Returns the order with the records counted from `start` on."""
    return order.map(no_autograph(lambda item: item | {"index": item["index"] + start}))


def host_part(
    stream: tf.data.Dataset, *, batch_size: int, host: int, num_hosts: int
) -> tf.data.Dataset:
    """Returns the samples that one of several hosts reads: its slice of every global batch.

    Args:
        stream: begins with a batch.
        batch_size: of the global batch, samples.
        host: from 0 on.
        num_hosts: that train together.

    Raises:
        InputError: the batch size is not a multiple of the number of hosts, or no such host.
    """
    checks.integer("num_hosts", num_hosts, low=1)
    checks.integer("host", host, low=0, high=num_hosts - 1)
    if batch_size % num_hosts:
        raise InputError(
            f"train.batch_size must be a multiple of the {num_hosts} hosts; got {batch_size}."
        )
    if num_hosts == 1:
        return stream
    size = batch_size // num_hosts
    part = slice(host * size, (host + 1) * size)
    batches = stream.batch(batch_size, drop_remainder=True)
    take = no_autograph(lambda batch: {name: values[part] for name, values in batch.items()})
    return batches.map(take).unbatch()


def _frequencies(dataset: Dataset, config: RunConfig) -> np.ndarray | None:
    """Returns the relative frequency of each record, `[N]` float64; None where all are equal."""
    if not config.data.balance:
        return None
    table = Path(config.data.balance)
    by_id, ids = read_balance(table), _ids(dataset, config)
    check_complete(table, by_id, ids)
    return np.array([by_id[id] for id in ids])


def _ids(dataset: Dataset, config: RunConfig) -> list[str]:
    """Returns the ids of all records, in the order of the index."""
    reader = reader_of(dataset, "train", on_corrupt=config.data.on_corrupt)
    numbers = tf.data.Dataset.range(dataset.split("train").num_images)
    ids = numbers.map(
        no_autograph(lambda number: read_id(reader.read(number)["record"])), tf.data.AUTOTUNE
    )
    return [id.decode() for id in ids.as_numpy_iterator()]


def read_balance(table: Path) -> dict[str, float]:
    """Reads a CSV file with the columns id and weight, or id and group.

    Returns:
        The relative frequency of each id: its weight, or the one at which all groups come equally
        often.

    Raises:
        InputError: another file, or a weight that is not a positive number.
    """
    column, values = read_table(table, "weight", "group")
    if column == "weight":
        return {id: _positive(weight, id, table) for id, weight in values.items()}
    sizes = Counter(values.values())
    return {id: 1.0 / sizes[group] for id, group in values.items()}


def _positive(text: str, id: str, table: Path) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = 0.0
    if not 0.0 < weight < float("inf"):
        raise InputError(
            f"{table} must have a positive weight in every row; got {text!r} for {id!r}. Leave "
            "samples out when converting."
        )
    return weight
