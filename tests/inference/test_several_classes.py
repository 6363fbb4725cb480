"""Several classes all the way: records, crops, training, figures, files and the export."""

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
from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from tfseg.data.files.images import write_picture
from tfseg.evaluation.evaluate import numbered
from tfseg.heads import head_of
from tfseg.networks.build import build_model

NAMES = ("dark", "bright", "square")
VALUES = np.array([0, 90, 230, 160])  # grey values of the background and of the classes
SIZE = 64


def picture(seed: int) -> dict[str, object]:
    """Returns a sample of bars whose grey value is that of their class; ids far apart."""
    rng = np.random.default_rng(seed)
    label = np.zeros((SIZE, SIZE + 16), np.int32)
    ids = rng.choice(2**31 - 2, 9, replace=False) + 1
    for place, own in enumerate(ids):
        top, left = 21 * (place // 3), 26 * (place % 3)
        label[top + 2 : top + 18, left + 2 : left + rng.integers(12, 24)] = own
    class_of = {int(own): int(rng.integers(1, 4)) for own in ids}
    gray = np.zeros(label.shape, np.uint8)
    for own, number in class_of.items():
        gray[label == own] = VALUES[number]
    return {"image": gray, "label": label, "class_of": class_of, "id": str(seed)}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> tfseg.Dataset:
    samples = {"train": map(picture, range(8)), "test": map(picture, range(20, 23))}
    return tfseg.convert_samples(
        samples, tmp_path_factory.mktemp("classes") / "data", class_names=NAMES
    )


CONFIG = RunConfig(
    data=DataConfig(crop_size=SIZE, copy_paste=0.5),
    augment=({"name": "HorizontalFlip"}, {"name": "RandomRotate90"}),
    model=ModelConfig(filters=(8, 16), channels=1, class_names=NAMES),
    train=TrainConfig(steps=150, batch_size=4, warmup_steps=5, learning_rate=2e-2),
)


def classes_of_pixels(images: np.ndarray) -> np.ndarray:
    """Returns the class of every pixel that is as bright as one, 0 where there is none."""
    # Percentiles take the brightest class to 1, and every picture has one of those.
    return np.argmin(np.abs(images[..., 0, None] - VALUES / VALUES.max()), axis=-1)


@pytest.mark.parametrize("copy_paste", [0.0, 1.0])
def test_crops_warps_and_pasting_keep_the_class_of_every_pixel(dataset, copy_paste):
    config = dataclasses.replace(CONFIG, data=DataConfig(crop_size=SIZE, copy_paste=copy_paste))
    batches = tfseg.training_batches(dataset, config, head_of(config.model))
    for images, targets in batches.take(4).as_numpy_iterator():
        found = targets["class"][..., 0] + 1
        inside = targets["foreground"][..., 0] == 1
        expected = classes_of_pixels(images)
        assert inside.mean() > 0.2
        np.testing.assert_array_equal(found[inside], expected[inside])
        assert (found[~inside] == 0).all()
        assert set(np.unique(found[inside])) == {1, 2, 3}


def test_validation_sees_the_classes_too(dataset):
    batches = tfseg.validation_batches(dataset, CONFIG, head_of(CONFIG.model), split="test")
    images, targets, weights = next(iter(batches.as_numpy_iterator()))
    assert weights.tolist() == [1, 1, 1, 0]
    inside = targets["foreground"][..., 0] == 1
    expected = classes_of_pixels(images)[inside]
    np.testing.assert_array_equal(targets["class"][..., 0][inside] + 1, expected)


def test_a_replay_has_the_ids_of_the_record(dataset):
    seen = tfseg.replay(dataset, CONFIG, "3", epoch=0)
    ids = set(np.unique(picture(3)["label"]).tolist())
    assert set(np.unique(seen.label).tolist()) - {-1} <= ids


@pytest.fixture(scope="module")
def near_sighted() -> Callable[..., tfseg.Segmenter]:
    """Returns a function from a tile to a segmenter, untrained, that sees a few pixels."""
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
    # Grey values tell the classes apart; without them a third of what is found would be right
    assert summary["ap50"] > 0.5
    assert summary["class_mean"]["ap50"] > 0.8 * summary["ap50"]


def test_files_tiles_and_the_export_have_the_same_classes(near_sighted, tmp_path):
    image = picture(21)["image"][..., None]
    large = np.tile(image, (3, 3, 1))
    segmenter = near_sighted()
    found = segmenter.predict(image)
    assert len(set(found.classes.tolist())) > 1

    write_picture(tmp_path / "a.png", image[..., 0].copy())
    tfseg.predict_files(segmenter, [tmp_path / "a.png"], tmp_path / "out", formats=["coco"])
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert table["class_id"].tolist() == found.classes.tolist()
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [each["name"] for each in content["categories"]] == list(NAMES)
    assert [each["category_id"] for each in content["annotations"]] == found.classes.tolist()

    tfseg.export(segmenter, tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))(tf.constant(image[None]))
    np.testing.assert_array_equal(exported["labels"][0], found.label)
    np.testing.assert_array_equal(exported["classes"][0], found.classes)

    whole, tiled = segmenter.predict(large), near_sighted(tile=128).predict(large)
    assert class_map(tiled).shape == class_map(whole).shape
    # Maps of tiles differ by rounding, and what a network of random weights points at by a pixel.
    assert (class_map(tiled) == class_map(whole)).mean() > 0.97


def class_map(found: tfseg.Instances) -> np.ndarray:
    return np.concatenate([[0], found.classes])[found.label]


def test_a_data_set_with_other_classes_is_refused(near_sighted, dataset, tmp_path):
    other = tfseg.convert_samples([picture(1)], tmp_path / "data", class_names=("a", "b", "c"))
    with pytest.raises(InputError, match="are a, b, c; the network was trained on dark, bright"):
        tfseg.evaluate(near_sighted(), other, "train")
    config = dataclasses.replace(CONFIG, model=ModelConfig(class_names=("a", "b")))
    with pytest.raises(InputError, match="model.class_names is a, b, the classes of"):
        tfseg.Trainer(config, tmp_path / "run").fit(dataset)


def test_one_name_takes_all_instances_for_the_same(dataset):
    config = dataclasses.replace(CONFIG, model=ModelConfig(class_names=("thing",)))
    batches = tfseg.training_batches(dataset, config, head_of(config.model))
    _, targets = next(iter(batches))
    assert set(targets) == {"foreground", "center", "offset"}


def test_the_ids_of_a_truth_are_numbered_in_their_order():
    label = np.array([[0, 7, 2**31 - 1], [-1, 3, 7]], np.int32)
    np.testing.assert_array_equal(numbered(label), [[0, 2, 3], [-1, 1, 2]])
