"""One, two, four and eight replicas take the same steps, and a step may be cut into batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import runs
from tensorflow.python.ops import op_selector

from tfseg.compat import DEPENDENT_VARIABLES
from tfseg.config import OptimizerConfig, RunConfig, TrainConfig

STEPS = 20
SGD = RunConfig(
    train=TrainConfig(steps=STEPS, batch_size=8, accumulate=2),
    optimizer=OptimizerConfig(
        name="SGD",
        options={"momentum": 0.9},
        learning_rate=0.05,
        warmup_steps=3,
        weight_decay=0.01,
        clip_norm=0.5,
        ema=0.9,
    ),
)
ADAPTIVE = RunConfig(
    train=TrainConfig(steps=STEPS, batch_size=8),
    optimizer=OptimizerConfig(warmup_steps=3, learning_rate=0.003, ema=0.9),
)
Start = Callable[..., runs.Run]
Trained = tuple[list[dict], list[np.ndarray]]


def trained(start: Start, config: RunConfig, replicas: int) -> Trained:
    """Takes 20 steps; returns their losses, and the state after them."""
    run = start(config, [f"CPU:{number}" for number in range(replicas)])
    size = config.train.accumulate
    data = runs.batches(STEPS * size, batch_size=config.train.batch_size)
    rows = [run.step(*data[k * size : (k + 1) * size]) for k in range(STEPS)]
    return rows, run.state()


@pytest.fixture(scope="module")
def one(start) -> Trained:
    return trained(start, SGD, 1)


def assert_close(arrays: list[np.ndarray], expected: list[np.ndarray], bound: float) -> None:
    """Compares each array by its largest difference over its largest value."""
    for a, b in zip(arrays, expected, strict=True):
        assert np.abs(a - b).max() <= bound * max(np.abs(b).max(), 1e-6)


@pytest.mark.parametrize(
    "replicas",
    [
        2,
        pytest.param(4, marks=pytest.mark.slow),
        pytest.param(8, marks=pytest.mark.exhaustive),
    ],
)
def test_any_number_of_replicas_takes_the_same_20_steps(start, one, replicas):
    rows, state = trained(start, SGD, replicas)
    for row, expected in zip(rows, one[0], strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
    assert_close(state, one[1], 1e-5)


def test_the_steps_compared_were_clipped_and_learned(one):
    rows, _ = one
    assert min(row["gradient_norm"] for row in rows) > SGD.optimizer.clip_norm
    assert rows[-1]["loss"] < 0.9 * rows[0]["loss"]


@pytest.mark.parametrize("name", ["AdamW", "Muon"])
def test_two_replicas_agree_to_a_looser_bound_where_steps_are_divided_by_their_size(start, name):
    # The root of small squares, or a matrix made orthogonal, amplifies the last bits: 1e-3.
    config = runs.changed(ADAPTIVE, optimizer={"name": name})
    (rows, state), (expected, expected_state) = (trained(start, config, k) for k in (2, 1))
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, rel=1e-3)
    assert_close(state, expected_state, 1e-3)


def test_four_batches_make_the_step_of_one_of_four_times_the_size(start):
    # Without batch normalisation, whose statistics are those of each batch.
    large = RunConfig(
        train=TrainConfig(steps=5, batch_size=8),
        optimizer=OptimizerConfig(name="SGD", learning_rate=0.1, warmup_steps=0, clip_norm=0.5),
    )
    cut = runs.changed(large, train={"batch_size": 2, "accumulate": 4})
    one, four = (start(config, normalized=False) for config in (large, cut))
    for images, targets in runs.batches(5, batch_size=8):
        parts = [
            (images[k : k + 2], {name: value[k : k + 2] for name, value in targets.items()})
            for k in range(0, 8, 2)
        ]
        assert four.step(*parts) == pytest.approx(one.step((images, targets)), rel=1e-5)
    assert_close(four.state(), one.state(), 1e-5)


@pytest.mark.parametrize("share", [0.5, 2.0], ids=["clipped", "below"])
def test_a_step_is_as_long_as_the_gradient_but_no_longer_than_its_bound(start, share):
    constant = {"learning_rate": 0.1, "warmup_steps": 0, "schedule": "constant"}
    plain = RunConfig(
        train=TrainConfig(steps=1, batch_size=8),
        optimizer=OptimizerConfig(name="SGD", weight_decay=0.0, **constant),
    )
    (batch,) = runs.batches(1, batch_size=8)
    norm = start(plain).step(batch)["gradient_norm"]
    clipped = runs.changed(plain, optimizer={"clip_norm": share * norm})
    run = start(clipped, ["CPU:0", "CPU:1"])
    before = [np.array(variable) for variable in run.model.trainable_variables]
    assert run.step(batch)["gradient_norm"] == pytest.approx(norm, rel=1e-5)
    after = [np.array(variable) for variable in run.model.trainable_variables]
    moved = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(after, before, strict=True)))
    assert moved == pytest.approx(0.1 * min(share, 1.0) * norm, rel=1e-4)


def test_no_graph_is_searched_for_variables_behind_an_all_reduce(start, monkeypatch):
    def search(*_: object, **__: object) -> None:
        raise AssertionError("tracing takes time with the cube of the depth")

    plain = DEPENDENT_VARIABLES.value()
    monkeypatch.setattr(op_selector, "get_backward_walk_ops", search)
    config = runs.changed(SGD, train={"accumulate": 1})
    (batch,) = runs.batches(1, batch_size=config.train.batch_size)
    assert np.isfinite(start(config, ["CPU:0", "CPU:1"]).step(batch)["loss"])
    assert DEPENDENT_VARIABLES.value() is plain
