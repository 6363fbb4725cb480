"""Which record comes at which position of the stream that training reads.

All of it is a function of (seed, position), so a training goes on at any position without those
before it. Records are numbered as `Index` does, which for a `Mixture` goes on from set to set.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import random
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.index import Index
from tfseg.data.mixture import Mixture, interleaved
from tfseg.data.reading import positions, read_at
from tfseg.data.records import read_id
from tfseg.data.store import Dataset
from tfseg.data.traced import as_is


def places(dataset: Dataset, config: RunConfig, *, first: int) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} from sample `first` on.

    Of a mixture, the epoch is that of the set which the sample is from.

    Raises:
        InputError: `data.weights` are not one for each set, or `data.balance` is not a table that
            has all samples.
    """
    seed, weights = random.root(config.seed), config.data.weights
    frequencies = _frequencies(dataset, config)
    if isinstance(dataset, Mixture):
        counts = [part.split("train").num_images for part in dataset.parts]
        return interleaved(counts, weights=weights, seed=seed, first=first, frequencies=frequencies)
    if weights:
        raise InputError(
            f"data.weights are for several data sets; got {len(weights)} for {dataset.path} alone. "
            "Leave them out, or give further data sets."
        )
    count = dataset.split("train").num_images
    return positions(count, seed=seed, first=first, frequencies=frequencies)


def _frequencies(dataset: Dataset, config: RunConfig) -> np.ndarray | None:
    """Returns how often each record shall come, `[N]` float64; None: all alike."""
    if not config.data.balance:
        return None
    table = Path(config.data.balance)
    by_id = read_balance(table)
    found = []
    for id in _ids(dataset, config):
        if id not in by_id:
            raise InputError(
                f"{table} has no row for the sample {id!r} of {dataset.path}. Add it (data.balance "
                "needs every sample of the split train)."
            )
        found.append(by_id[id])
    return np.array(found)


def read_balance(table: Path) -> dict[str, float]:
    """Reads a CSV file with the columns id and weight, or id and group.

    Returns:
        How often each id shall come, relative to the others: its weight, or what makes all groups
        come equally often.

    Raises:
        InputError: another file, or a weight that is not a positive number.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"data.balance: {table} cannot be read ({error}).") from error
    columns = set(rows[0]) if rows else set()
    if not ({"id", "weight"} <= columns or {"id", "group"} <= columns):
        raise InputError(
            f"data.balance: {table} must be a CSV file with the columns id and weight, or id and "
            "group, and a row for each sample."
        )
    if "weight" in columns:
        return {row["id"]: _positive(row, table) for row in rows}
    sizes = Counter(row["group"] for row in rows)
    return {row["id"]: 1.0 / sizes[row["group"]] for row in rows}


def _positive(row: dict[str, str], table: Path) -> float:
    try:
        weight = float(row["weight"])
    except (TypeError, ValueError):
        weight = 0.0
    if not 0.0 < weight < float("inf"):
        raise InputError(
            f"data.balance: {table} must have a positive weight in every row; got "
            f"{row['weight']!r} for {row['id']!r}. Leave samples out when converting."
        )
    return weight


def _ids(dataset: Dataset, config: RunConfig) -> list[str]:
    """Returns the ids of all records, in the order of the index."""
    index = Index.of(dataset, "train")
    read = read_at(index, on_corrupt=config.data.on_corrupt)

    def id_of(number: tf.Tensor) -> tf.Tensor:
        return read_id(read({"epoch": number, "index": number})["record"])

    numbers = tf.data.Dataset.range(len(index.offsets))
    return [id.decode() for id in numbers.map(as_is(id_of), tf.data.AUTOTUNE).as_numpy_iterator()]
