"""Every head trains, predicts, and its export predicts the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.config import (
    DataConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.heads import HEADS

CONFIG = RunConfig(
    data=DataConfig(crop_size=64),
    augment=({"name": "HorizontalFlip"},),
    train=TrainConfig(steps=3, batch_size=2),
    optimizer=OptimizerConfig(warmup_steps=1),
    log=LogConfig(log_every=1),
)


@pytest.mark.parametrize("head", sorted(set(HEADS) - {"center_offset"}))
def test_a_head_trains_predicts_and_is_exported(head, dataset, tmp_path):
    config = dataclasses.replace(CONFIG, model=ModelConfig(filters=(8, 16), head=head))
    summary = tfseg.Trainer(config, tmp_path / "run").fit(dataset)
    assert np.isfinite(summary.loss)
    segmenter = tfseg.load(tmp_path / "run")
    image = next(iter(dataset.samples("test").as_numpy_iterator()))["image"]
    instances = segmenter.predict(image)
    assert instances.labels.shape == image.shape[:2]
    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    again = exported.signatures["serving_default"](tf.constant(image[None]))
    np.testing.assert_array_equal(again["labels"][0], instances.labels)
