"""Every head that can be configured can be described, tuned and exported."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import config
from tfseg.config import ModelConfig
from tfseg.evaluation.tune import search
from tfseg.heads import HEADS, head_of
from tfseg.inference.metadata import describe
from tfseg.networks.build import build_model

OF_MASKS = {
    "separation_weight": 10.0,
    "separation_sigma": 3.0,
    "size_power": 1.0,
    "min_area": 5,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "boundary": OF_MASKS | {"growth": 2, "part_weights": (1.0, 1.0, 4.0)},
    "center_offset": OF_MASKS
    | {
        "sigma": 0.3,
        "foreground_threshold": 0.45,
        "center_threshold": 0.2,
        "center_distance": 2,
        "center_weight": 4.0,
        "offset_weight": 0.25,
        "offset_beta": 0.5,
    },
    "distance": OF_MASKS
    | {"foreground_threshold": 0.45, "seed_threshold": 0.6, "levels": 4, "distance_weight": 3.0},
    "semantic": OF_MASKS | {"foreground_threshold": 0.45},
}


def configured(head: str, *, class_names: tuple[str, ...] = ()) -> ModelConfig:
    """Returns a tiny network whose head has another value than the default for every option."""
    return ModelConfig(
        filters=(4, 4),
        channels=1,
        head=head,
        loss="dice + 0.5 * focal",
        head_options=OPTIONS[head],
        class_names=class_names,
    )


CONFIGURED = [
    pytest.param(configured(head, class_names=names), id=f"{head}-{len(names)}-classes")
    for head in HEADS
    for names in (("cell",), ("cell", "dust"))
]


def test_every_option_of_every_head_is_among_those_tested():
    assert set(OPTIONS) == set(HEADS) == set(config.HEADS)
    for head, options in config.HEADS.items():
        defaults = {field.name: field.default for field in dataclasses.fields(options)}
        assert set(OPTIONS[head]) == set(defaults)
        assert not [name for name, value in defaults.items() if OPTIONS[head][name] == value]


@pytest.mark.parametrize("model", CONFIGURED)
def test_its_description_has_every_option_and_the_loss(model):
    content = json.loads(json.dumps(describe(model)))
    expected = json.loads(json.dumps(OPTIONS[model.head] | {"loss": model.loss}))
    assert content["head_options"] == expected
    assert (content["head"], content["class_names"]) == (model.head, list(model.class_names))


@pytest.mark.parametrize("head", HEADS)
def test_its_thresholds_are_tuned_from_those_configured(head, monkeypatch):
    # Two values of every threshold: more would take longer and ask the same
    tunable = {name: values[:2] for name, values in HEADS[head].tunable.items()}
    monkeypatch.setattr(HEADS[head], "tunable", tunable)
    model = configured(head)
    channels = sum(head_of(model).outputs.values())
    maps = np.random.default_rng(1).normal(size=(24, 24, channels)).astype(np.float32)
    truth = np.zeros((24, 24), np.int32)
    truth[3:12, 3:12] = 1
    tuning = search(lambda: [("a", maps, truth)], model, metric="ap50")
    assert tuning.start == {name: OPTIONS[head][name] for name in tunable}
    assert set(tuning.chosen) == set(tunable)
    tuned = dataclasses.replace(model, head_options=model.head_options | tuning.chosen)
    assert describe(tuned)["head_options"].items() >= tuning.chosen.items()


@pytest.mark.parametrize("head", HEADS)
def test_it_is_exported_and_predicts_the_same(head, tmp_path):
    model = configured(head, class_names=("cell", "dust"))
    segmenter = tfseg.Segmenter(build_model(model, seed=1), model)
    tfseg.export(segmenter, tmp_path / "exported")
    images = tf.random.stateless_uniform((1, 40, 40, 1), (1, 2))
    outputs = tf.saved_model.load(str(tmp_path / "exported"))(images)
    expected = segmenter(images)
    for name in ("labels", "scores", "classes"):
        np.testing.assert_array_equal(outputs[name], expected[name])
