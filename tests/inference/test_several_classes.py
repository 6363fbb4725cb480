"""Several classes from end to end: records, crops, training, metrics, files and export."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tfseg
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.files.images import write_picture
from tfseg.evaluation.scoring import Renumbered
from tfseg.heads import head_of
from tfseg.networks.build import build_model

NAMES = ("dark", "bright", "square")
VALUES = np.array([0, 90, 230, 160])  # grey values of the background and of the classes
SIZE = 64


def picture(seed: int) -> dict[str, object]:
    """Returns a sample of bars with the grey value of their class; ids far apart."""
    rng = np.random.default_rng(seed)
    label = np.zeros((SIZE, SIZE + 16), np.int32)
    ids = rng.choice(2**31 - 2, 9, replace=False) + 1
    for position, id in enumerate(ids):
        top, left = 21 * (position // 3), 26 * (position % 3)
        label[top + 2 : top + 18, left + 2 : left + rng.integers(12, 24)] = id
    class_of = {int(id): int(rng.integers(1, 4)) for id in ids}
    gray = np.zeros(label.shape, np.uint8)
    for id, number in class_of.items():
        gray[label == id] = VALUES[number]
    return {"image": gray, "label": label, "class_of": class_of, "id": str(seed)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tfseg.Dataset:
    samples = {"train": map(picture, range(8)), "test": map(picture, range(20, 23))}
    return tfseg.convert_samples(
        samples, tmp_path_factory.mktemp("classes") / "data", class_names=NAMES
    )


FLIPS = ({"name": "HorizontalFlip"}, {"name": "RandomRotate90", "p": 0.5})
CONFIG = RunConfig(
    data=DataConfig(crop_size=SIZE),
    augment=(*FLIPS, {"name": "CopyPaste"}),
    model=ModelConfig(filters=(8, 16), channels=1, class_names=NAMES),
    train=TrainConfig(steps=150, batch_size=4),
    optimizer=OptimizerConfig(warmup_steps=5, learning_rate=2e-2),
)


def classes_of_pixels(images: np.ndarray) -> np.ndarray:
    """Returns the class of every pixel by its brightness, 0 for background."""
    # Percentiles map the brightest class to 1, and every picture has one of its bars.
    return np.argmin(np.abs(images[..., 0, None] - VALUES / VALUES.max()), axis=-1)


@pytest.mark.parametrize("paste", [(), ({"name": "CopyPaste", "p": 1.0},)])
def test_crops_warps_and_pasting_keep_the_class_of_every_pixel(dataset, paste):
    config = dataclasses.replace(CONFIG, augment=(*FLIPS, *paste))
    batches = tfseg.training_batches(dataset, config, head_of(config.model))
    for images, targets in batches.take(4).as_numpy_iterator():
        predicted = targets["class"][..., 0] + 1
        inside = targets["foreground"][..., 0] == 1
        expected = classes_of_pixels(images)
        assert inside.mean() > 0.2
        np.testing.assert_array_equal(predicted[inside], expected[inside])
        assert (predicted[~inside] == 0).all()
        assert set(np.unique(predicted[inside])) == {1, 2, 3}


def test_validation_sees_the_classes_too(dataset):
    batches = tfseg.validation_batches(dataset, CONFIG, head_of(CONFIG.model), split="test")
    images, targets, weights = next(iter(batches.as_numpy_iterator()))
    assert weights.tolist() == [1, 1, 1, 0]
    inside = targets["foreground"][..., 0] == 1
    expected = classes_of_pixels(images)[inside]
    np.testing.assert_array_equal(targets["class"][..., 0][inside] + 1, expected)


def test_a_replay_has_the_ids_of_the_record(dataset):
    replayed = tfseg.replay(dataset, CONFIG, "3", epoch=0)
    ids = set(np.unique(picture(3)["label"]).tolist())
    assert set(np.unique(replayed.label).tolist()) - {-1} <= ids


@pytest.fixture(scope="module")
def near_sighted() -> Callable[..., tfseg.Segmenter]:
    """A function from a tile to an untrained segmenter with a small receptive field."""
    model = build_model(CONFIG.model, seed=2)
    layer = model.get_layer("compact").get_layer("center_offset")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 3, bias + 0.3])
    return lambda **options: tfseg.Segmenter(model, CONFIG.model, **options)


@pytest.mark.slow
def test_a_run_learns_the_classes_and_is_scored_by_them(dataset, tmp_path):
    config = dataclasses.replace(CONFIG, model=dataclasses.replace(CONFIG.model, class_names=()))
    tfseg.Trainer(config, tmp_path / "run").fit(dataset)
    segmenter = tfseg.load(tmp_path / "run")
    assert segmenter.class_names == NAMES
    summary = tfseg.evaluate(segmenter, dataset, "test").summary()
    assert set(summary["classes"]) == set(NAMES)
    assert summary["num_instances"] == 27
    # Classes differ by grey value; by chance a third of the predictions would be right
    assert summary["ap50"] > 0.5
    assert summary["class_mean"]["ap50"] > 0.8 * summary["ap50"]


def test_files_tiles_and_the_export_have_the_same_classes(near_sighted, tmp_path):
    image = picture(21)["image"][..., None]
    large = np.tile(image, (3, 3, 1))
    segmenter = near_sighted()
    predicted = segmenter.predict(image)
    assert len(set(predicted.classes.tolist())) > 1

    write_picture(tmp_path / "a.png", image[..., 0].copy())
    tfseg.predict_files(segmenter, [tmp_path / "a.png"], tmp_path / "out", formats=["coco"])
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert table["class_id"].tolist() == predicted.classes.tolist()
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [entry["name"] for entry in content["categories"]] == list(NAMES)
    assert [entry["category_id"] for entry in content["annotations"]] == predicted.classes.tolist()

    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))(tf.constant(image[None]))
    np.testing.assert_array_equal(exported["labels"][0], predicted.labels)
    np.testing.assert_array_equal(exported["classes"][0], predicted.classes)

    untiled, tiled = segmenter.predict(large), near_sighted(tile=128).predict(large)
    assert class_map(tiled).shape == class_map(untiled).shape
    # Maps of tiles differ by rounding, which moves the offsets of random weights by a pixel.
    assert (class_map(tiled) == class_map(untiled)).mean() > 0.97


def class_map(predicted: tfseg.Instances) -> np.ndarray:
    return np.concatenate([[0], predicted.classes])[predicted.labels]


def test_a_data_set_with_other_classes_is_refused(near_sighted, dataset, tmp_path):
    other = tfseg.convert_samples([picture(1)], tmp_path / "data", class_names=("a", "b", "c"))
    with pytest.raises(InputError, match="trained on dark, bright, square, and .*; got a, b, c"):
        tfseg.evaluate(near_sighted(), other, "train")
    config = dataclasses.replace(CONFIG, model=ModelConfig(class_names=("a", "b")))
    with pytest.raises(InputError, match="model.class_names must be .*square, as in .*; got a, b"):
        tfseg.Trainer(config, tmp_path / "run").fit(dataset)


def test_one_class_name_merges_all_classes(dataset):
    config = dataclasses.replace(CONFIG, model=ModelConfig(class_names=("thing",)))
    batches = tfseg.training_batches(dataset, config, head_of(config.model))
    _, targets = next(iter(batches))
    assert set(targets) == {"foreground", "center", "offset"}


def test_the_ids_of_a_truth_are_numbered_in_their_order():
    label = np.array([[0, 7, 2**31 - 1], [-1, 3, 7]], np.int32)
    numbered = Renumbered(label, np.unique(label[label > 0]))
    np.testing.assert_array_equal(np.asarray(numbered), [[0, 2, 3], [-1, 1, 2]])
    np.testing.assert_array_equal(numbered[1:, :2], [[-1, 1]])
