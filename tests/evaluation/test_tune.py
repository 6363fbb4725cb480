"""The choice of thresholds: it finds what was planted, and everything uses what it stores."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig
from tfseg.data.dataset import tiles
from tfseg.data.files.images import read_image, read_label
from tfseg.evaluation.tune import METRICS, search
from tfseg.inference.thresholds import THRESHOLDS
from tfseg.networks.build import build_model
from tfseg.training import checkpoint


def logit(probability: np.ndarray) -> np.ndarray:
    return np.log(probability / (1 - probability)).astype(np.float32)


def planted(index: int) -> tuple[str, np.ndarray, np.ndarray]:
    """Returns foreground that is right from 0.58 to 0.62 only, with specks of 20 pixels."""
    truth = np.zeros((64, 64), np.int32)
    truth[4:20, 4:20], truth[30:50, 8 + index : 30] = 1, 2
    probability = np.full(truth.shape, 0.1)
    probability[0:26, 0:26] = 0.58  # a halo that spoils the IoU of the first one
    probability[truth > 0] = 0.62
    probability[56:61, 56:60] = 0.9
    return str(index), logit(probability)[..., None], truth


SEMANTIC = ModelConfig(head="semantic", channels=1)


@pytest.mark.parametrize("metric", METRICS)
def test_it_finds_the_best_thresholds_that_were_planted(metric, caplog):
    samples = [planted(index) for index in range(3)]
    tuning = search(lambda: samples, SEMANTIC, metric=metric)
    assert tuning.chosen == {"foreground_threshold": 0.6, "min_area": 25}
    assert tuning.start == {"foreground_threshold": 0.5, "min_area": 12}
    # Before: the first one fills 256 of 676 pixels, the second is right, the speck is too much
    before = {"ap50": 1 / (1 + 2 + 1), "pq": 1.0 / (1 + 2 / 2 + 1 / 2)}[metric]
    assert tuning.before == pytest.approx(before)
    assert tuning.after == 1.0
    assert search(lambda: samples, SEMANTIC, metric=metric) == tuning
    assert caplog.messages == []  # TensorFlow warns of retracing


def test_of_equally_good_values_what_was_there_stays():
    truth = np.zeros((32, 32), np.int32)
    truth[4:20, 4:20] = 1
    sample = ("a", logit(np.where(truth > 0, 0.99, 0.01))[..., None], truth)
    tuning = search(lambda: [sample], SEMANTIC, metric="pq")
    assert tuning.chosen == tuning.start
    assert (tuning.before, tuning.after) == (1.0, 1.0)


def test_what_the_configuration_says_is_where_it_starts_and_other_options_stay():
    model = dataclasses.replace(SEMANTIC, head_options={"foreground_threshold": 0.66})
    tuning = search(lambda: [planted(0)], model, metric="pq")
    assert (tuning.start["foreground_threshold"], tuning.before) == (0.66, 0.0)
    assert tuning.chosen == {"foreground_threshold": 0.6, "min_area": 25}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    """A run whose network passes every pixel's brightness on: its logit is 6 times it, less 3.5."""
    folder = tmp_path_factory.mktemp("run")
    model_config = ModelConfig(filters=(8, 8), channels=1, head="semantic")
    configs.write(RunConfig(model=model_config), folder / "config.yaml")
    model = build_model(model_config)
    for layer in model.get_layer("compact").layers:
        if not isinstance(layer, keras.layers.Conv2D):
            continue
        kernel = np.zeros(layer.kernel.shape, np.float32)
        middle, inputs = kernel.shape[0] // 2, min(8, kernel.shape[2])
        kernel[middle, middle, -inputs:] = np.eye(inputs, kernel.shape[-1])
        if layer.name == "semantic":
            layer.set_weights([6 * kernel, np.full(4, -3.5, np.float32)])
        else:
            # The way around every block stays, the block itself adds nothing
            layer.set_weights([kernel * (layer.kernel_size == (1, 1))])
    checkpoint.save(folder / "checkpoints" / "best.npz", model.variables, step=1, loss=0.0)
    return folder


def test_prediction_evaluation_and_export_use_what_was_chosen(run_dir, dataset, tmp_path):
    plain = tfseg.load(run_dir)
    tuning = tfseg.tune(run_dir, dataset, metric="pq")
    assert tuning.after > tuning.before
    assert tuning.chosen != tuning.start
    stored = yaml.safe_load((run_dir / THRESHOLDS).read_text())
    assert stored["head_options"] == tuning.chosen
    assert (stored["split"], stored["metric"]) == ("val", "pq")

    segmenter = tfseg.load(run_dir)
    value = tfseg.evaluate(segmenter, dataset, "val").summary()["pq"]
    assert value == pytest.approx(tuning.after)
    assert tfseg.evaluate(plain, dataset, "val").summary()["pq"] == pytest.approx(tuning.before)

    image = next(iter(dataset.samples("test").as_numpy_iterator()))["image"]
    predicted = segmenter.predict(image)
    assert len(predicted.scores) != len(plain.predict(image).scores)
    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))(tf.constant(image[None]))
    np.testing.assert_array_equal(exported["labels"][0], predicted.labels)
    files = [tmp_path / "a.png"]
    tfseg.data.files.images.write_picture(files[0], image[..., 0].copy())
    tfseg.predict_files(segmenter, files, tmp_path / "out")
    np.testing.assert_array_equal(
        read_label(tmp_path / "out" / "labels" / "a.png"), predicted.labels
    )
    assert len(pd.read_csv(tmp_path / "out" / "instances.csv")) == len(predicted.scores)
    np.testing.assert_array_equal(read_image(files[0]), image)

    # A second call starts from the configuration and has the same result
    assert tfseg.tune(run_dir, dataset, metric="pq") == tuning


def test_a_data_set_without_val_is_refused_rather_than_tuned_on_test(run_dir, sample, tmp_path):
    other = tfseg.convert(sample, tmp_path / "data", class_name="nucleus")
    assert set(other.info.splits) == {"train", "test"}
    with pytest.raises(InputError, match=re.escape("has no split val, on which thresholds are")):
        tfseg.tune(run_dir, other)


def test_an_image_that_cannot_be_read_at_once_is_refused_with_the_remedy(
    run_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(tiles, "SIDE", 16)
    monkeypatch.setattr(tiles, "MOST_JOINED", 1599)
    image, label = np.zeros((40, 40), np.uint8), np.eye(40, dtype=np.int32)
    samples = {
        "train": [(image, label)],
        "val": [(image[:20, :20], label[:20, :20]), (image, label)],
    }
    dataset = tfseg.convert_samples(samples, tmp_path / "data")
    with pytest.raises(InputError, match="at most 1599 pixels .* it has 1600.*--split_regions"):
        tfseg.tune(run_dir, dataset)


@pytest.mark.parametrize(
    "text", ["head_options: {foreground_treshold: 0.4}", "nothing: 1", "[", "head_options: 7"]
)
def test_a_damaged_file_is_refused_with_the_remedy(run_dir, tmp_path, text):
    configs.write(configs.read(run_dir / "config.yaml"), tmp_path / "config.yaml")
    (tmp_path / THRESHOLDS).write_text(text)
    with pytest.raises(InputError, match=r"thresholds.yaml cannot be used .*. Remove it"):
        tfseg.load(tmp_path)


def test_an_unknown_metric_is_refused(run_dir, dataset):
    with pytest.raises(InputError, match="metric must be one of ap50, pq; got 'dice'"):
        tfseg.tune(run_dir, dataset, metric="dice")
