"""The speeds of the stages of a run."""

from __future__ import annotations

import pytest

import tfseg
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig

SMALL = RunConfig(
    data=DataConfig(crop_size=32),
    model=ModelConfig(filters=(8, 8)),
    train=TrainConfig(steps=1, warmup_steps=0, batch_size=2),
)


def test_every_stage_is_timed_on_the_same_number_of_images(dataset):
    before = sorted(dataset.path.rglob("*"))
    speeds = tfseg.bench(dataset, SMALL, batches=2)
    assert [speed.stage for speed in speeds] == [
        *("read", "decode", "input", "step", "train", "predict")
    ]
    assert {speed.images for speed in speeds} == {4}
    assert all(speed.seconds > 0 for speed in speeds)
    assert sorted(dataset.path.rglob("*")) == before


def test_a_speed_is_images_over_seconds_and_its_inverse():
    speed = tfseg.StageSpeed("read", images=50, seconds=0.25)
    assert speed.images_per_second == 200
    assert speed.milliseconds_per_image == 5


def test_no_batches_are_refused(dataset):
    with pytest.raises(InputError, match="batches must be"):
        tfseg.bench(dataset, SMALL, batches=0)
