"""Non-finite steps: the ids of their samples, and the end of the run."""

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
from tfseg.data.dataset.dataset import Dataset, reader_of
from tfseg.data.dataset.decoded_records import sample_id
from tfseg.data.pipeline.order import training_order
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
    """Writes the samples of skipped steps to nonfinite.csv; `train.on_nonfinite` may end the run.

    Args:
        taken: losses of successive steps.
        last: number of the last of these steps.
        folder: of the run; the chief writes nonfinite.csv.
        session: of the run.

    Raises:
        InputError: a step was not finite, and `train.on_nonfinite` is stop.
    """
    for step, losses in enumerate(taken, start=last - len(taken) + 1):
        if not losses["skipped"] or _is_scale_too_large(losses):
            continue
        ids = sample_ids(session.dataset, session.config, step=step)
        write = functools.partial(add_rows, folder.path / NONFINITE, ids, step=step)
        session.workers.run_on_chief(write)
        if session.config.train.on_nonfinite == "stop":
            loss = float(losses["loss"])
            what = f"loss is {loss}" if not math.isfinite(loss) else "gradient is not finite"
            raise diverged(
                folder, step, what, f" of the samples {checks.listed(ids)} ({NONFINITE})"
            )


def diverged(folder: RunFolder, step: int, what: str, samples: str = "") -> checks.InputError:
    """Returns the error that ends a run with non-finite weights or loss."""
    kept = f"the last good checkpoint is {folder.last}"
    if not folder.last.exists():
        kept = "there is no checkpoint yet"
    return checks.InputError(
        f"The {what} at step {step}{samples}; {kept}. "
        "Lower optimizer.learning_rate or raise optimizer.warmup_steps."
    )


def _is_scale_too_large(losses: dict[str, tf.Tensor]) -> bool:
    """Returns whether a step was skipped because of its loss scale, not because of its samples."""
    scale = float(losses.get("loss_scale", 1.0))
    return scale > 1.0 and math.isfinite(float(losses["loss"]))


def sample_ids(dataset: Dataset, config: RunConfig, *, step: int) -> list[str]:
    """Returns the ids of the samples of `step`, counted from 1, in the order of its batches.

    Reads the records again: the order of the samples is a function of the seed, so batches need no
    ids.
    """
    samples = config.train.batch_size * config.train.accumulate
    stream = training_order(dataset, config, first=(step - 1) * samples).take(samples)
    reader = reader_of(dataset, "train", on_corrupt=config.data.on_corrupt)
    records = stream.map(no_autograph(lambda position: reader.read(position["index"])["record"]))
    return [sample_id(record) for record in records]


def add_rows(path: Path, ids: list[str], *, step: int) -> None:
    """Adds rows (step, id) to the CSV file `path`, after removing the rows from `step` on.

    Raises:
        InputError: the file cannot be written.
    """
    table = pd.DataFrame({"step": step, "id": ids})
    if path.exists():
        before = pd.read_csv(path, dtype={"id": str})
        table = pd.concat([before[before["step"] < step], table])
    with atomic.writing(path, "Free some space, then resume."), atomic.replacing(path) as partial:
        table.to_csv(partial, index=False)
