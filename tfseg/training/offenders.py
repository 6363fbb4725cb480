"""Which samples were in a step: those of a loss that is not finite are worth a look."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfseg.config import RunConfig
from tfseg.data import records
from tfseg.data.index import Index
from tfseg.data.order import places
from tfseg.data.reading import read_at
from tfseg.data.store import Dataset
from tfseg.whole import write_whole


def sample_ids(dataset: Dataset, config: RunConfig, *, step: int) -> list[str]:
    """Returns the ids of the samples of `step`, counted from 1, in the order of its batches.

    They are read again: the order of the samples is a function of the seed, so batches need not
    carry ids along.
    """
    samples = config.train.batch_size * config.train.accumulate
    stream = places(dataset, config, first=(step - 1) * samples).take(samples)
    read = read_at(Index.of(dataset, "train"), on_corrupt=config.data.on_corrupt)
    return [records.sample_id(each["record"]) for each in stream.map(read)]


def note(path: Path, ids: list[str], *, step: int) -> None:
    """Adds rows step, id to the CSV file `path`, in place of those it has from `step` on."""
    table = pd.DataFrame({"step": step, "id": ids})
    if path.exists():
        before = pd.read_csv(path, dtype={"id": str})
        table = pd.concat([before[before["step"] < step], table])
    write_whole(path, lambda partial: table.to_csv(partial, index=False))
