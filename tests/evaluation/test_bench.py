"""The speeds of the stages of a run."""

from __future__ import annotations

import time

import pytest
import tensorflow as tf

import tfseg
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.pipeline import windows
from tfseg.evaluation import bench as module
from tfseg.evaluation.bench import Speed, StageSpeed, bottleneck

SMALL = RunConfig(
    data=DataConfig(crop_size=32),
    model=ModelConfig(filters=(8, 8)),
    train=TrainConfig(steps=1, batch_size=2),
    optimizer=OptimizerConfig(warmup_steps=0),
)
INPUT = ["read", "decode", "crop", "augment", "batch", "targets"]


def speed(name, alone, cumulative=None) -> StageSpeed:
    return StageSpeed(
        name, *(value and Speed(value, value, value) for value in (alone, cumulative))
    )


@pytest.mark.slow
def test_every_stage_is_timed_alone_and_with_all_before_it_and_nothing_is_written(dataset):
    before = sorted(dataset.path.rglob("*"))
    report = tfseg.bench(dataset, SMALL, batches=1, repeats=2)
    assert [speed.stage for speed in report.stages] == [*INPUT, "copy", "step", "predict"]
    for stage in report.stages:
        assert 0 < stage.alone.low <= stage.alone.median <= stage.alone.high
        assert (stage.cumulative is None) == (stage.stage == "predict")
    assert report.remedy == module.REMEDIES[report.bottleneck]
    assert sorted(dataset.path.rglob("*")) == before


def test_a_stage_that_is_made_slow_is_the_bottleneck(dataset, monkeypatch):
    made = windows.input_stages

    def slowed(*arguments, **options):
        unchanged, delay = made(*arguments, **options), lambda: time.sleep(0.05)
        crop = unchanged["crop"]

        def wait(sample):
            with tf.control_dependencies([tf.numpy_function(delay, [], [])]):
                return tf.nest.map_structure(tf.identity, sample)

        # one after the other, so that no number of threads hides it: 20 a second
        return unchanged | {"crop": lambda samples: crop(samples.map(wait))}

    monkeypatch.setattr(module, "input_stages", slowed)
    report = tfseg.bench(dataset, SMALL, batches=2, repeats=2, input_only=True)
    assert report.bottleneck == "crop"
    assert "--data.crop_size" in report.remedy
    speeds = {speed.stage: speed for speed in report.stages}
    assert speeds["crop"].alone.median < 21
    # Samples that were buffered before the clock started make it seem a little faster.
    assert speeds["targets"].cumulative.median < 40 < speeds["targets"].alone.median


def test_the_step_is_the_bottleneck_where_the_input_is_faster_and_else_the_slowest_stage():
    before = (speed("read", 900, 900), speed("decode", 90, 80), speed("targets", 300, 70))
    assert bottleneck(before) == "decode"
    # the input makes 70 together: a step of 71 a second waits for it, one of 69 does not
    assert bottleneck((*before, speed("step", 71, 50), speed("predict", 1))) == "decode"
    assert bottleneck((*before, speed("step", 69, 50), speed("predict", 1))) == "step"


def test_a_speed_is_the_median_and_the_quartiles_of_the_repeats():
    assert Speed.of([10.0, 50.0, 20.0, 40.0, 30.0]) == Speed(30.0, 20.0, 40.0)


def test_every_stage_has_a_remedy():
    assert {*INPUT, "copy", "step"} <= module.REMEDIES.keys()


@pytest.mark.parametrize("option", ["batches", "repeats"])
def test_nothing_to_time_is_refused(dataset, option):
    with pytest.raises(InputError, match=f"{option} must be"):
        tfseg.bench(dataset, SMALL, **{option: 0})
