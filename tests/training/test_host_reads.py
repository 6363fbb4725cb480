"""The host queues steps without waiting: it reads their results with a row of the history only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import runs
import tensorflow as tf

import tfseg
from tfseg.training.callbacks import Callback
from tfseg.training.session import Session

CONFIG = runs.changed(
    runs.CONFIG,
    train={"steps": 6},
    optimizer={"warmup_steps": 0, "ema": 0.9},
    log={"log_every": 3, "checkpoint_every": 6, "validate_every": 6},
)


class Reads(Callback):
    """Counts how often the host waits for a tensor, by the number of steps done."""

    def __init__(self) -> None:
        self.step, self.steps = 0, set[int]()

    def on_step(self, step: int) -> None:
        self.step = step

    @contextmanager
    def counted(self) -> Iterator[None]:
        # All reads of an eager tensor: numpy(), float(), bool(), and np.asarray without a buffer.
        (base,) = (kind for kind in type(tf.constant(0)).__mro__ if "_numpy" in vars(kind))
        read = base._numpy

        def counting(tensor: tf.Tensor) -> object:
            self.steps.add(self.step)
            return read(tensor)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(base, "_numpy", counting)
            yield


def steps_with_reads(dataset: tfseg.Dataset, folder: Path, config: tfseg.RunConfig) -> set[int]:
    """Trains six steps; returns the numbers of those after which the host read a tensor."""
    reads = Reads()
    with reads.counted():
        trainer = tfseg.Trainer(config, folder, network=runs.build)
        trainer.fit(dataset, callbacks=[reads], verbose=False)
    return reads.steps - {0}  # before the first step everything may be read


@pytest.mark.parametrize(
    "devices",
    [("CPU:0",), pytest.param(("CPU:0", "CPU:1"), marks=pytest.mark.exhaustive)],
)
def test_results_are_read_with_a_row_only(dataset, tmp_path, devices):
    config = runs.changed(CONFIG, devices={"names": devices})
    assert steps_with_reads(dataset, tmp_path / "run", config) == {3, 6}


@pytest.mark.slow
def test_a_read_in_the_loop_is_seen(dataset, tmp_path, monkeypatch):
    class Reading(Session):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            step = self.train_step
            self.train_step = lambda *taken: {
                name: tf.constant(value.numpy()) for name, value in step(*taken).items()
            }

    monkeypatch.setattr("tfseg.training.trainer.Session", Reading)
    assert steps_with_reads(dataset, tmp_path / "run", CONFIG) == {1, 2, 3, 4, 5, 6}
