"""Which samples were in a step: those of a loss that is not finite are worth a look."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tensorflow as tf

from tfseg import atomic, checks
from tfseg.autograph import no_autograph
from tfseg.config import RunConfig
from tfseg.data.dataset import records
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.index import Index
from tfseg.data.pipeline.order import training_order
from tfseg.data.pipeline.reading import read_at
from tfseg.run_files import NONFINITE
from tfseg.training.run_folder import RunFolder
from tfseg.training.session import Session


def check_finite(
    taken: Sequence[dict[str, tf.Tensor]],
    *,
    last: int,
    folder: RunFolder,
    session: Session,
) -> None:
    """Notes the samples of the steps that were skipped, or ends the run, as the configuration says.

    Args:
        taken: figures of steps in a row.
        last: the number of the last of them.
        folder: where nonfinite.csv is; the chief writes it.
        session: of the run.

    Raises:
        InputError: a step was not finite, and the run is to stop then.
    """
    for step, losses in enumerate(taken, start=last - len(taken) + 1):
        if not losses["skipped"] or _too_large_a_scale(losses):
            continue
        ids = sample_ids(session.dataset, session.config, step=step)
        noting = functools.partial(note, folder.path / NONFINITE, ids, step=step)
        session.workers.from_chief(noting)
        if session.config.train.on_nonfinite == "stop":
            loss = float(losses["loss"])
            what = f"loss is {loss}" if not math.isfinite(loss) else "gradient is not finite"
            raise diverged(
                folder, step, what, f" of the samples {checks.listed(ids)} ({NONFINITE})"
            )


def diverged(folder: RunFolder, step: int, what: str, samples: str = "") -> checks.InputError:
    """Returns the error that ends a run which cannot go on."""
    kept = f"the last good checkpoint is {folder.last}"
    if not folder.last.exists():
        kept = "no checkpoint had been written yet"
    return checks.InputError(
        f"The {what} at step {step}{samples}; {kept}. "
        "Lower optimizer.learning_rate or raise optimizer.warmup_steps."
    )


def _too_large_a_scale(losses: dict[str, tf.Tensor]) -> bool:
    """Says of a skipped step whether it was no fault of its samples, and the next may do."""
    scale = float(losses.get("loss_scale", 1.0))
    return scale > 1.0 and math.isfinite(float(losses["loss"]))


def sample_ids(dataset: Dataset, config: RunConfig, *, step: int) -> list[str]:
    """Returns the ids of the samples of `step`, counted from 1, in the order of its batches.

    They are read again: the order of the samples is a function of the seed, so batches need not
    carry ids along.
    """
    samples = config.train.batch_size * config.train.accumulate
    stream = training_order(dataset, config, first=(step - 1) * samples).take(samples)
    read = read_at(Index.read(dataset, "train"), on_corrupt=config.data.on_corrupt)
    return [records.sample_id(each["record"]) for each in stream.map(no_autograph(read))]


def note(path: Path, ids: list[str], *, step: int) -> None:
    """Adds rows step, id to the CSV file `path`, in place of those it has from `step` on."""
    table = pd.DataFrame({"step": step, "id": ids})
    if path.exists():
        before = pd.read_csv(path, dtype={"id": str})
        table = pd.concat([before[before["step"] < step], table])
    with atomic.replacing(path) as partial:
        table.to_csv(partial, index=False)
