"""Weights of classes that follow from the data, and are then numbers of the run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.dataset.mixture import Mixture
from tfseg.heads import head_of
from tfseg.training.class_weights import balanced, balancing

SIZE = 32
CONFIG = RunConfig(
    data=DataConfig(crop_size=SIZE),
    augment=(),
    model=ModelConfig(filters=(4, 8), class_weights="balanced"),
    train=TrainConfig(steps=1, batch_size=2),
    optimizer=OptimizerConfig(name="SGD", warmup_steps=0),
)


def picture(seed: int, last: int = 2) -> dict[str, object]:
    """Returns a sample of four squares, the last of them of another class."""
    label = np.zeros((SIZE, SIZE), np.int32)
    for number in range(4):
        top, left = 16 * (number // 2), 16 * (number % 2)
        label[top + 2 : top + 12, left + 2 : left + 12] = number + 1
    gray = np.where(label == 4, 200, label * 20).astype(np.uint8)
    return {"image": gray, "label": label, "class_of": {1: 1, 2: 1, 3: 1, 4: last}, "id": str(seed)}


def made(path: Path, last: int = 2) -> tfseg.Dataset:
    samples = {"train": (picture(seed, last) for seed in range(4))}
    return tfseg.convert_samples(samples, path, class_names=("cell", "dust"))


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> tfseg.Dataset:
    return made(tmp_path_factory.mktemp("two") / "data")


def test_every_class_counts_the_same_and_the_mean_over_instances_is_1():
    # 10 instances of 3 classes: 10 / (3 * 6), 10 / (3 * 3), none, 10 / (3 * 1)
    weights = balancing([6, 3, 0, 1])
    assert weights == pytest.approx((10 / 18, 10 / 9, 1, 10 / 3))
    assert sum(w * n for w, n in zip(weights, (6, 3, 0, 1), strict=True)) == pytest.approx(10)


def test_several_data_sets_are_counted_together(two, tmp_path):
    # 12 of 16 instances are cells, and of the other set all 16
    assert balanced(two) == pytest.approx((16 / 24, 16 / 8))
    other = made(tmp_path / "other", last=1)
    assert balanced(Mixture.join([two, other])) == pytest.approx((32 / 56, 32 / 8))


def test_a_run_keeps_the_numbers_and_goes_on_with_them(two, tmp_path):
    run = tmp_path / "run"
    tfseg.Trainer(CONFIG, run).fit(two)
    written = configs.read(run / "config.yaml")
    assert written.model.class_weights == pytest.approx((2 / 3, 2))
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert content["config"]["model"]["class_weights"] == list(written.model.class_weights)
    assert head_of(written.model).losses()["class"].class_weights == pytest.approx([2 / 3, 2])
    for config in (CONFIG, written):  # balanced as before, or the numbers
        assert tfseg.Trainer(config, run).fit(two, resume=True).steps == 1
    other = dataclasses.replace(written.model, class_weights=(1.0, 1.0))
    with pytest.raises(InputError, match="model.class_weights must be .* to resume the run, as in"):
        tfseg.Trainer(dataclasses.replace(written, model=other), run).fit(two, resume=True)


def test_what_cannot_be_counted_or_is_no_number_yet_is_refused(two):
    info = dataclasses.replace(two.info, statistics=None)
    with pytest.raises(InputError, match=r"balanced needs the counts in .*dataset.json, which an"):
        balanced(dataclasses.replace(two, info=info))
    with pytest.raises(
        InputError, match="must be 2 numbers; got balanced, which only tfseg train replaces"
    ):
        head_of(ModelConfig(class_names=("cell", "dust"), class_weights="balanced"))
    with pytest.raises(InputError, match=r"must be a list, such as \[1.0, 3.0\] or balanced; got"):
        ModelConfig(class_weights="balance")
