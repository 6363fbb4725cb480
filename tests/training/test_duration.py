"""Runs of some minutes, on machines that become faster or slower; the clock is a number."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import pytest

from tfseg.checks import InputError
from tfseg.training.duration import Budget
from tfseg.training.history import Row
from tfseg.training.progress import Progress

MINUTES, SECONDS, WARMUP = 20.0, 1200.0, 20
Speed = Callable[[float], float]  # seconds of a step at a time


@dataclasses.dataclass
class Machine:
    """Runs steps; `now` is the time, and `stop` the time of an interruption."""

    speed: Speed
    stop: float = float("inf")
    now: float = 0.0

    def run(self, budget: Budget, *, step: int = 0) -> tuple[int, list[float], list[Row]]:
        """Returns the steps done, the position of each, and the rows of the history."""
        positions, rows = [], []
        self.now += 15.0  # builds and compiles
        while step < budget.steps and self.now < self.stop:
            positions.append(budget.progress.at(step))
            self.now += self.speed(self.now)
            step += 1
            budget.after_step(step)
            is_last = step == budget.steps
            if step % 10 == 0 or is_last or budget.is_row_due():
                rows.append({"step": step, **budget.row(step)})
            if step % 100 == 0 or is_last:
                self.now += 4.0  # validates
                budget.end_validation()
        return step, positions, rows

    def budget(self, minutes: float = MINUTES, *, warmup: int = WARMUP) -> Budget:
        return Budget(minutes, warmup=warmup, start=self.now, clock=lambda: self.now)


SPEEDS = {
    "steady": lambda now: 0.2,
    "twice as slow": lambda now: 0.2 if now < 600 else 0.4,
    "twice as fast": lambda now: 0.4 if now < 600 else 0.2,
    "slow at first": lambda now: 0.8 if now < 60 else 0.2,
    "up and down": lambda now: 0.2 if now % 200 < 100 else 0.4,
}


@pytest.mark.parametrize("name", SPEEDS)
def test_a_run_ends_with_its_minutes_and_its_schedule_with_it(name):
    machine = Machine(SPEEDS[name])
    budget = machine.budget()
    step, positions, rows = machine.run(budget)
    assert machine.now == pytest.approx(SECONDS, rel=0.03)
    assert budget.steps == step == rows[-1]["step"]
    assert positions[:WARMUP] == [0.0] * WARMUP
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(1.0, abs=0.03)
    for row in rows[5:]:
        assert row["position"] == pytest.approx(row["seconds"] / SECONDS, abs=0.06)


def test_at_a_steady_speed_the_position_is_that_of_a_run_with_as_many_steps():
    machine = Machine(lambda now: 0.5)
    step, positions, _ = machine.run(machine.budget())
    expected = [max(0.0, (index - WARMUP) / (step - WARMUP)) for index in range(step)]
    assert positions == pytest.approx(expected, abs=0.02)


def test_the_rows_of_the_history_are_the_schedule():
    machine = Machine(SPEEDS["twice as slow"])
    _, positions, rows = machine.run(machine.budget())
    for row in rows[:-1]:
        assert row["position"] == positions[row["step"]]


@pytest.mark.parametrize("name", SPEEDS)
def test_the_progress_written_as_text_repeats_each_position_to_the_bit(name):
    machine = Machine(SPEEDS[name])
    budget = machine.budget()
    _, positions, rows = machine.run(budget)
    again = Progress(json.loads(json.dumps(budget.progress.lines)))
    assert [again.at(step) for step in range(len(positions))] == positions
    assert Progress.from_rows(rows, warmup=WARMUP).lines == again.lines
    assert len(again.lines) < len(rows) / 4


def test_a_position_rises_linearly_from_each_line_to_its_end():
    progress = Progress([[20, 0.0, 120], [70, 0.5, 270], [270, 1.0, 270]])
    # 50 of 100 steps; then half of the rest in 100 of 200 steps
    positions = {0: 0.0, 20: 0.0, 45: 0.25, 70: 0.5, 170: 0.75, 270: 1.0, 300: 1.0}
    assert {step: progress.at(step) for step in positions} == positions


def test_a_resumed_run_has_the_minutes_that_are_left():
    machine = Machine(SPEEDS["steady"], stop=700.0)
    budget = machine.budget()
    step, positions, rows = machine.run(budget)
    machine.now, machine.stop = 5000.0, float("inf")
    again = machine.budget()
    again.restore(rows, step)
    assert again.progress.lines == budget.progress.lines
    assert again.progress.at(step) == pytest.approx(positions[-1], abs=1e-3)
    last, rest, _ = machine.run(again, step=step)
    assert rows[-1]["seconds"] + machine.now - 5000.0 == pytest.approx(SECONDS, rel=0.03)
    assert last == again.steps > step
    assert rest[-1] == pytest.approx(1.0, abs=0.03)


def test_a_run_whose_minutes_are_over_takes_no_further_step():
    machine = Machine(SPEEDS["steady"])
    step, _, rows = machine.run(machine.budget())
    again = machine.budget()
    again.restore([*rows[:-1], rows[-1] | {"seconds": SECONDS}], step)
    assert again.steps == step


def test_minutes_that_end_in_the_warm_up_are_refused():
    message = "must be enough for more steps than the 20 of optimizer.warmup_steps; .* 1[0-9] steps"
    machine = Machine(lambda now: 4.0)
    with pytest.raises(InputError, match=message):
        machine.run(machine.budget(minutes=1.0))
    short = Machine(lambda now: 90.0)
    with pytest.raises(InputError, match="0.5 are about 1 steps on this machine. Give more min"):
        short.run(short.budget(minutes=0.5))


def test_a_run_with_steps_is_not_continued_by_the_clock():
    machine = Machine(SPEEDS["steady"])
    with pytest.raises(InputError, match="must be 0 to resume a run that was not started with it"):
        machine.budget().restore([{"step": 10, "loss": 1.0}], 10)
