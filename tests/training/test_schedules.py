"""Learning rates, worked out by hand."""

from __future__ import annotations

import json
import math

import keras
import pytest
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.config import OptimizerConfig
from tfseg.training.schedules import Schedule, num_plateaus, warmup_steps


def rates(steps: list[int], schedule: str, **options: object) -> list[float]:
    """Returns the rates of a run of 10 + 100 steps with peak 2."""
    config = OptimizerConfig(
        warmup_steps=10, learning_rate=2.0, schedule=schedule, schedule_options=options
    )
    return [float(Schedule(config, steps=110)(tf.constant(step, tf.int64))) for step in steps]


@pytest.mark.parametrize("schedule", ["constant", "cosine", "plateau", "poly", "step"])
def test_every_course_follows_a_linear_rise(schedule):
    assert rates([0, 5, 10], schedule) == pytest.approx([0.0, 1.0, 2.0])


def test_constant_stays():
    assert rates([60, 110, 500], "constant") == [2.0, 2.0, 2.0]


def test_cosine_ends_at_zero_or_at_its_final_share():
    assert rates([60, 110, 500], "cosine") == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    # a quarter of the way: 0.2 + 0.8 * (1 + cos 45 degrees) / 2, times 2
    quarter = 2 * (0.2 + 0.4 * (1 + math.sqrt(0.5)))
    assert rates([35, 110], "cosine", final=0.2) == pytest.approx([quarter, 0.4])


def test_poly_falls_as_a_power():
    assert rates([60, 110], "poly", power=2) == pytest.approx([2 * 0.25, 0.0])
    assert rates([60], "poly") == pytest.approx([2 * 0.5**0.9])


def test_step_falls_at_each_milestone():
    values = rates([59, 60, 89, 90, 110], "step", milestones=[0.5, 0.8], factor=0.5)
    assert values == pytest.approx([2.0, 1.0, 1.0, 0.5, 0.5])


def test_without_a_warm_up_the_first_rate_is_the_peak():
    config = OptimizerConfig(warmup_steps=0, learning_rate=0.5)
    assert float(Schedule(config, steps=4)(tf.constant(0))) == 0.5


@pytest.mark.parametrize(("steps", "warmup"), [(None, 20), (1000, 20), (100, 20), (10, 2), (1, 0)])
def test_a_warm_up_that_is_not_set_fits_the_steps(steps, warmup):
    assert warmup_steps(OptimizerConfig(), steps) == warmup
    assert warmup_steps(OptimizerConfig(warmup_steps=7), steps) == 7


def test_without_steps_the_schedule_is_where_it_was_moved_to():
    config = OptimizerConfig(warmup_steps=10, learning_rate=2.0)
    schedule = Schedule(config, steps=None)
    assert float(schedule(tf.constant(5))) == pytest.approx(1.0)
    assert float(schedule(tf.constant(1000))) == pytest.approx(2.0)
    schedule.move_to(0.5)
    assert float(schedule(tf.constant(10))) == pytest.approx(1.0)
    assert float(schedule(tf.constant(1000))) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("schedule", "options"),
    [("cosine", {"final": 0.1}), ("step", {"milestones": (0.5, 0.8), "factor": 0.5})],
)
def test_a_schedule_comes_back_from_its_file(schedule, options):
    config = OptimizerConfig(
        warmup_steps=5, learning_rate=0.5, schedule=schedule, schedule_options=options
    )
    original = Schedule(config, steps=50)
    text = json.dumps(keras.saving.serialize_keras_object(original))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert isinstance(again, Schedule)
    for step in (0, 3, 5, 30, 44, 50):
        assert float(again(tf.constant(step))) == float(original(tf.constant(step)))


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        ("cosine", {"fimal": 0.1}, r"of cosine must be one of final; got 'fimal'. Did you mean"),
        ("poly", {"power": -1}, r"optimizer.schedule_options.power must be a number in \[0, 10\]"),
        ("step", {"milestones": [0.5, 30]}, r"milestones must be a number in \[0, 1\]; got 30"),
        ("step", {"milestones": 0.5}, r"milestones must be a list, such as \[0.6,0.9\]; got 0.5"),
    ],
)
def test_a_wrong_option_is_refused(schedule, options, message):
    with pytest.raises(InputError, match=message):
        rates([0], schedule, **options)


def test_a_plateau_falls_after_each_row_of_validations_without_a_better_one():
    # better, better, 2 without, better, 4 without
    scores = [5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.5, 9.0, 3.0]
    counts = [num_plateaus(scores[:length], 2) for length in range(len(scores) + 1)]
    assert counts == [0, 0, 0, 0, 1, 1, 1, 2, 2, 3]


def test_the_rate_of_a_plateau_is_the_peak_times_the_factor_for_each_fall():
    options = {"factor": 0.1, "patience": 2}
    config = OptimizerConfig(
        warmup_steps=10, learning_rate=2.0, schedule="plateau", schedule_options=options
    )
    schedule = Schedule(config, steps=110)
    step = tf.constant(50, tf.int64)
    values = []
    for scores in ([], [1.0, 1.0], [1.0, 1.0, 1.0], [1.0] * 5, [1.0]):
        schedule.observe(scores)
        values.append(float(schedule(step)))
    assert values == pytest.approx([2.0, 2.0, 0.2, 0.02, 2.0])
    assert float(schedule(tf.constant(5, tf.int64))) == pytest.approx(1.0)  # the rise
