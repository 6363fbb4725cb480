"""A step that is not finite leaves everything as it was."""

from __future__ import annotations

import numpy as np
import pytest
import runs

from tfseg.config import OptimizerConfig, RunConfig, TrainConfig

CONFIG = RunConfig(
    train=TrainConfig(steps=4, batch_size=4),
    optimizer=OptimizerConfig(warmup_steps=0, ema=0.9, clip_norm=1.0),
)


def poisoned(batch: tuple, *, sample: int) -> tuple:
    """Returns `batch` with a picture that overflows in one sample."""
    images = batch[0].copy()
    images[sample] = 3e38
    return images, batch[1]


@pytest.mark.parametrize(
    ("devices", "index"), [(("CPU:0",), 0), (("CPU:0", "CPU:1"), 0), (("CPU:0", "CPU:1"), 3)]
)
def test_a_poisoned_step_changes_nothing_on_any_replica(start, devices, index):
    run = start(CONFIG, devices)
    first, second = runs.batches(2, batch_size=4)
    assert run.step(first)["skipped"] == 0
    before = run.state()
    values = run.step(poisoned(second, sample=index))
    assert values["skipped"] == 1
    assert not np.isfinite(values["gradient_norm"])
    for a, b in zip(run.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    for variable in run.model.variables:
        for value in run.session.strategy.experimental_local_results(variable.value):
            assert np.isfinite(value.numpy()).all()


def test_what_follows_is_as_if_the_poisoned_step_had_not_been(start):
    first, second = runs.batches(2, batch_size=4)
    run, clean = start(CONFIG), start(CONFIG)
    for batch in (first, poisoned(second, sample=1), second):
        run.step(batch)
    for batch in (first, second):
        clean.step(batch)
    for a, b in zip(run.state(), clean.state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_bad_batch_of_an_accumulated_step_discards_the_step(start):
    run = start(runs.changed(runs.CONFIG, train={"batch_size": 4, "accumulate": 2}))
    before = run.state()
    first, second = runs.batches(2, batch_size=4)
    assert run.step(poisoned(first, sample=0), second)["skipped"] == 1
    for a, b in zip(run.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)
