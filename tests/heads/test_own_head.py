"""The head of docs/own_head.md, as it stands there, goes all the way."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig, model
from tfseg.heads import HEADS, Classified, Head

PAGE = (Path(__file__).parents[2] / "docs" / "own_head.md").read_text(encoding="utf-8")


@pytest.fixture
def own(monkeypatch) -> type[Head]:
    """The class, registered for the length of a test."""
    monkeypatch.setitem(HEADS, "inside", None)  # so that it is taken away again
    monkeypatch.setattr(model, "HEADS", (*model.HEADS, "inside"))
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {"__name__": "own_head"}
    exec(compile(block, "own_head.md", "exec", dont_inherit=True), names)
    assert HEADS["inside"] is names["Inside"]
    return names["Inside"]


def test_instances_come_back_from_exact_maps(own):
    label = np.zeros((1, 30, 44), np.int32)
    label[0, 2:14, 2:20], label[0, 14:28, 2:16], label[0, 4:20, 24:40] = 9, 4, 2**31 - 1
    head = own()
    made = head.targets(tf.constant(label))
    found = head.decode({name: 40 * values - 20 for name, values in made.items()})
    labels = found.labels.numpy()
    assert labels.max() == 3
    for instance in (9, 4, 2**31 - 1):  # but for a pixel in the corner of two that touch
        own_pixels = label == instance
        other = labels == np.bincount(labels[own_pixels]).argmax()
        assert (own_pixels & other).sum() >= 0.99 * (own_pixels | other).sum()
    assert (found.scores.numpy() > 0.99).all()


def test_it_trains_predicts_and_is_exported(own, dataset, tmp_path):
    config = RunConfig(
        data=DataConfig(crop_size=64),
        augment=({"name": "HorizontalFlip"},),
        model=ModelConfig(filters=(8, 16), head="inside", head_options={"growth": 2}),
        train=TrainConfig(steps=3, batch_size=2, warmup_steps=1, log_every=1),
    )
    summary = tfseg.Trainer(config, tmp_path / "run").fit(dataset)
    assert np.isfinite(summary.loss)
    segmenter = tfseg.load(tmp_path / "run")
    image = next(iter(dataset.samples("test").as_numpy_iterator()))["image"][:90, :80]
    found = segmenter.predict(image)
    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))(tf.constant(image[None]))
    np.testing.assert_array_equal(exported["labels"][0], found.label)


def test_classes_go_with_it(own):
    head = Classified(head=own(), num_classes=2)
    made = head.targets(tf.constant([[[1, 2, 0]]]))
    assert made["class"][0, 0, :, 0].numpy().tolist() == [0, 1, -1]
