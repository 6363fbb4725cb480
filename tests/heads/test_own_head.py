"""The head of docs/own_head.md trains, predicts and is exported as it is printed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import config as configs
from tfseg.config import (
    DataConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.heads import HEADS, Classified, Head

PAGE = (Path(__file__).parents[2] / "docs" / "own_head.md").read_text(encoding="utf-8")


@pytest.fixture
def inside(registrations) -> type[Head]:
    """The class, registered for the length of a test."""
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {"__name__": "own_head"}
    exec(compile(block, "own_head.md", "exec", dont_inherit=True), names)
    assert HEADS["Inside"] is configs.HEADS["Inside"] is names["Inside"]
    return names["Inside"]


def test_instances_come_back_from_exact_maps(inside):
    label = np.zeros((1, 30, 44), np.int32)
    label[0, 2:14, 2:20], label[0, 14:28, 2:16], label[0, 4:20, 24:40] = 9, 4, 2**31 - 1
    head = inside()
    made = head.targets(tf.constant(label))
    decoded = head.decode({name: 40 * values - 20 for name, values in made.items()})
    labels = decoded.labels.numpy()
    assert labels.max() == 3
    for instance in (9, 4, 2**31 - 1):  # but for a pixel in the corner of two that touch
        true = label == instance
        predicted = labels == np.bincount(labels[true]).argmax()
        assert (true & predicted).sum() >= 0.99 * (true | predicted).sum()
    assert (decoded.scores.numpy() > 0.99).all()


def test_it_trains_predicts_and_is_exported(inside, dataset, tmp_path):
    config = RunConfig(
        data=DataConfig(crop_size=64),
        augment=({"name": "HorizontalFlip"},),
        model=ModelConfig(filters=(8, 16), head="inside", head_options={"growth": 2}),
        train=TrainConfig(steps=3, batch_size=2),
        optimizer=OptimizerConfig(warmup_steps=1),
        log=LogConfig(log_every=1),
    )
    summary = tfseg.Trainer(config, tmp_path / "run").fit(dataset)
    assert np.isfinite(summary.loss)
    segmenter = tfseg.load(tmp_path / "run")
    image = next(iter(dataset.samples("test").as_numpy_iterator()))["image"][:90, :80]
    instances = segmenter.predict(image)
    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))(tf.constant(image[None]))
    np.testing.assert_array_equal(exported["labels"][0], instances.labels)


def test_classes_go_with_it(inside):
    head = Classified(head=inside(), num_classes=2)
    made = head.targets(tf.constant([[[1, 2, 0]]]))
    assert made["class"][0, 0, :, 0].numpy().tolist() == [0, 1, -1]
