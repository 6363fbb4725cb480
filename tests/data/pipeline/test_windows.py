"""The augmentation on the device makes the batches that the host makes (train.augment_on)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import runs
import tensorflow as tf

import tfseg
from tfseg.config import (
    DataConfig,
    DeviceConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.data.pipeline import windows
from tfseg.data.pipeline.batches import training_batches
from tfseg.data.pipeline.service import Server
from tfseg.heads import HEADS, Semantic, make_head
from tfseg.run_files import CHECKPOINTS, LAST
from tfseg.training.session import Session

MOVED = (
    {"name": "HorizontalFlip"},
    {"name": "ShiftScaleRotate", "p": 0.8},
    {"name": "RandomGamma", "p": 0.8},
    {"name": "GaussNoise", "p": 0.8},
)
DROPPED = {"name": "CoarseDropout", "p": 0.8}  # the only one that changes ids after the field
PASTED = {"name": "CopyPaste", "p": 0.9, "share": (0.3, 0.9)}
CLASSES = ("cell", "nucleus")


def configured(*augment: dict[str, Any], least: float = 0.0, **model: Any) -> RunConfig:
    """Returns a configuration of batches of 4 crops, augmented on the device."""
    return RunConfig(
        seed=3,
        data=DataConfig(crop_size=40, min_visibility=least),
        augment=augment,
        model=ModelConfig(channels=1, filters=(4, 6), **model),
        train=TrainConfig(batch_size=4, steps=3, augment_on="device"),
        optimizer=OptimizerConfig(name="SGD", warmup_steps=0, learning_rate=0.01),
        log=LogConfig(log_every=1, checkpoint_every=3),
    )


def on_host(config: RunConfig) -> RunConfig:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, augment_on="host"))


def shares(config: RunConfig, dataset: tfseg.Dataset, head: Any, size: int) -> list[tuple]:
    """Returns the first batches as replicas with `size` samples each make them, joined again."""
    finish = windows.Finish(config, head)
    made = windows.input_batches(dataset, config, head, first_step=1).take(2)
    parts = [finish(*part) for part in windows.divided(made, size, config=config)]
    count = config.train.batch_size // size
    return [
        tf.nest.map_structure(lambda *values: tf.concat(values, 0), *parts[first : first + count])
        for first in range(0, len(parts), count)
    ]


def assert_same_batches(config: RunConfig, dataset: tfseg.Dataset, head: Any, size: int) -> int:
    """Compares with the host's batches; returns how many different ids they have."""
    expected = list(training_batches(dataset, on_host(config), head, first_step=1).take(2))
    values = set()
    for (images, ids), (others, other) in zip(
        shares(config, dataset, head, size), expected, strict=True
    ):
        assert images.dtype == tf.float32
        np.testing.assert_allclose(images, others, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(ids, other)
        values |= set(np.unique(ids).tolist())
    return len(values)


@pytest.mark.parametrize(
    "size",
    [pytest.param(4, id="one replica"), pytest.param(2, id="two", marks=pytest.mark.slow)],
)
def test_batches_are_those_of_the_host_with_all_that_changes_ids(dataset, size):
    config = configured(*MOVED[1:3], DROPPED, PASTED, least=0.6, class_names=CLASSES)
    assert assert_same_batches(config, dataset, None, size) > 8


@pytest.mark.exhaustive
@pytest.mark.parametrize("fill", [-1, 0])
@pytest.mark.parametrize("augment", [(), MOVED])
def test_batches_are_those_of_the_host_with_any_fill(dataset, augment, fill):
    sampling = {"name": "Sampling", "border": "constant", "fill": fill}
    assert_same_batches(configured(*augment, sampling, least=0.3), dataset, None, 2)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("options", [{}, {"separation_weight": 5.0, "size_power": 0.5}])
def test_targets_are_those_of_the_host_for_every_head(dataset, name, options):
    head = tfseg.heads.Classified(head=make_head(name, **options), num_classes=2)
    config = configured(*MOVED, class_names=CLASSES)
    expected = list(training_batches(dataset, on_host(config), head, first_step=1).take(2))
    for (_, made), (_, targets) in zip(shares(config, dataset, head, 4), expected, strict=True):
        assert made.keys() == targets.keys()
        for key, value in targets.items():
            np.testing.assert_allclose(made[key], value, rtol=1e-5, atol=1e-6)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Counting(Semantic):
    """A head whose targets have as many numbers as there are ids."""

    def targets(self, labels: tf.Tensor) -> dict[str, tf.Tensor]:
        count = tf.size(tf.unique(tf.reshape(labels, [-1]))[0])
        return {"foreground": tf.cast(labels, tf.float32)[..., None] / tf.cast(count, tf.float32)}


def test_a_head_whose_targets_have_no_fixed_shapes_is_refused(dataset):
    with pytest.raises(tfseg.InputError, match="must be host.*_Counting because of Unique"):
        windows.Finish(configured(), _Counting())


def trained(config: RunConfig, dataset: tfseg.Dataset, replicas: int) -> list[dict[str, float]]:
    """Returns the losses of three steps."""
    names = tuple(f"CPU:{number}" for number in range(replicas))
    devices = dataclasses.replace(config.devices, names=names)
    session = Session(dataclasses.replace(config, devices=devices), dataset)
    batches = session.training_input()
    return [
        {name: float(value) for name, value in session.train_step(next(batches)).items()}
        for _ in range(3)
    ]


@pytest.mark.slow
def test_three_steps_of_one_and_two_replicas_have_the_losses_of_the_host(dataset):
    config = configured(MOVED[0], PASTED, least=0.5, head="semantic")
    expected = trained(on_host(config), dataset, 1)
    for replicas in (1, 2):
        for row, other in zip(trained(config, dataset, replicas), expected, strict=True):
            # Updates of Adam enlarge the last bits of a gradient near 0: 1e-3 in its norm was seen.
            norm, others = row.pop("gradient_norm"), dict(other)
            assert norm == pytest.approx(others.pop("gradient_norm"), rel=5e-3)
            assert row == pytest.approx(others, rel=1e-4)


@pytest.mark.exhaustive
def test_a_resumed_run_has_the_weights_of_an_uninterrupted_one(dataset, tmp_path):
    config = configured(*MOVED[:2], PASTED, head="semantic")
    tfseg.Trainer(config, tmp_path / "uninterrupted").fit(dataset, verbose=False)
    parts = tfseg.Trainer(config, tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        parts.fit(dataset, callbacks=[runs.PressCtrlC(2)], verbose=False)
    parts.fit(dataset, resume=True, verbose=False)
    expected, resumed = (
        runs.arrays(tmp_path / name / CHECKPOINTS / LAST) for name in ("uninterrupted", "parts")
    )
    assert expected.keys() == resumed.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(resumed[name], values)


@pytest.mark.exhaustive
def test_half_precision_and_a_service_of_other_processes_have_the_same_batches(dataset):
    config = configured(*MOVED[:2], PASTED, head="semantic")
    half = dataclasses.replace(config, devices=DeviceConfig(precision="mixed_float16"))
    server = Server()
    served = dataclasses.replace(half.data, service=(server.address,))
    session = Session(dataclasses.replace(half, data=served), dataset)
    images, targets = session.train_step.prepare(*next(session.training_input(first_step=1)))
    expected = next(iter(training_batches(dataset, on_host(config), session.head, first_step=1)))
    np.testing.assert_allclose(images, expected[0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(targets["foreground"], expected[1]["foreground"])
