"""Data sets of version 1.7 and new ones of the same images give the batches that 1.7 gave.

version_1_7.npz has the first batches that the version before 2.0 made of its data set.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tfseg
from tfseg import Dataset, RunConfig, check, convert_samples
from tfseg.config import DataConfig, ModelConfig, TrainConfig

FOLDER = Path(__file__).parents[1] / "dataset" / "version_1_7"
OPTIONS = {
    "plain": {},
    "aimed": {"foreground_share": 1.0, "min_visibility": 0.4},
    "centred": {"instance_share": 0.6, "min_visibility": 0.2},
}


@pytest.fixture(scope="module")
def old() -> Dataset:
    """Grey and RGB images with classes, -1 and ids that are not consecutive."""
    return Dataset.open(FOLDER)


@pytest.fixture(scope="module")
def new(old, tmp_path_factory) -> Dataset:
    """The same images in a data set of the present version."""
    samples = {split: list(old.samples(split).as_numpy_iterator()) for split in ("train", "val")}
    for sample in (sample for part in samples.values() for sample in part):
        sample["class_of"] = sample["class_of"].astype(np.int64)
    folder = tmp_path_factory.mktemp("new") / "data"
    return convert_samples(samples, folder, class_names=("a", "b"), shard_size=3)


@pytest.fixture(scope="module")
def expected():
    with np.load(Path(__file__).with_name("version_1_7.npz")) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("version", ["old", "new"])
@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("classes", [(), ("a", "b")])
def test_the_first_batch_is_that_of_version_1_7(version, name, classes, expected, request):
    augment = ({"name": "HorizontalFlip"},) if name == "centred" else ()
    config = RunConfig(
        augment=augment,
        data=DataConfig(crop_size=32, **OPTIONS[name]),
        train=TrainConfig(batch_size=4),
        model=ModelConfig(class_names=classes),
    )
    batches = tfseg.training_batches(request.getfixturevalue(version), config)
    images, labels = next(batches.as_numpy_iterator())
    np.testing.assert_array_equal(images, expected[f"{name}{len(classes)}_images"][0])
    np.testing.assert_array_equal(labels, expected[f"{name}{len(classes)}_labels"][0])


@pytest.mark.parametrize("version", ["old", "new"])
def test_the_first_batch_of_a_validation_is_that_of_version_1_7(version, expected, request):
    config = RunConfig(data=DataConfig(crop_size=32), train=TrainConfig(batch_size=2))
    batches = tfseg.validation_batches(request.getfixturevalue(version), config)
    images, labels, _ = next(batches.as_numpy_iterator())
    np.testing.assert_array_equal(images, expected["val_images"])
    np.testing.assert_array_equal(labels, expected["val_labels"])


def test_a_data_set_of_version_1_7_is_checked_without_an_error(old):
    assert old.info.version == "1.7"
    assert not [finding for finding in check(FOLDER) if finding.level == "error"]
