"""Prediction of any image, and loading a run."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import ModelConfig, RunConfig
from tfseg.data.files.pixels import to_channels
from tfseg.data.pipeline.normalization import Normalization
from tfseg.networks.build import build_model
from tfseg.training import checkpoint


def assert_same(one: tfseg.Instances, other: tfseg.Instances) -> None:
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-4)


def test_ids_have_the_size_of_the_image_no_gaps_and_a_score_each(segmenter, image):
    predicted = segmenter.predict(image)
    count = len(predicted.scores)
    assert count > 3  # or the tests below compare nothing
    assert predicted.labels.shape == image.shape[:2]
    assert predicted.labels.dtype == np.int32
    assert np.unique(predicted.labels[predicted.labels > 0]).tolist() == list(range(1, count + 1))
    assert ((predicted.scores > 0) & (predicted.scores <= 1)).all()


def test_depth_and_exposure_of_the_file_do_not_matter(segmenter, image):
    predicted = segmenter.predict(image)
    assert_same(segmenter.predict(image.astype(np.uint16) * 257), predicted)
    assert_same(segmenter.predict(image.astype(np.float32) / 255), predicted)
    assert_same(segmenter.predict(image.astype(np.float32) * 3 - 17), predicted)


def test_grey_in_rgb_is_grey_and_a_fourth_channel_is_refused(segmenter, image):
    predicted = segmenter.predict(image)
    rgb = np.repeat(image, 3, axis=-1)
    assert_same(segmenter.predict(rgb), predicted)
    with pytest.raises(
        tfseg.InputError, match=r"with the channels grey of the network; got .* 4\]"
    ):
        segmenter.predict(np.concatenate([rgb, image], axis=-1))  # it may be any channel


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 70), (33, 32), (200, 31)])
def test_any_size_is_taken(segmenter, height, width):
    image = np.random.default_rng(0).integers(0, 255, (height, width, 1)).astype(np.uint8)
    predicted, doubt = segmenter.predict_with_doubt(image)
    assert predicted.labels.shape == (height, width)
    assert bool(doubt) == (image.size == 1)


def test_images_of_several_sizes_and_depths_bring_no_warning_of_retracing(near_sighted, caplog):
    network = near_sighted()
    for dtype in (np.uint8, np.uint16, np.float32):
        for side in (8, 9):
            network.predict(np.eye(side, dtype=dtype)[..., None])
    assert caplog.messages == []


def test_images_of_400_sizes_share_one_trace(near_sighted):
    fresh = near_sighted()
    for height, width in np.ndindex(20, 20):
        label = fresh.predict_with_doubt(np.zeros((height + 1, width + 1, 1), np.uint8))[0].labels
        assert label.shape == (height + 1, width + 1)
    assert fresh.serve.experimental_get_tracing_count() == 1


def test_an_image_of_one_value_is_taken_with_a_warning(segmenter):
    with pytest.warns(UserWarning, match="The image has the value 7 in all pixels, so it shows"):
        predicted = segmenter.predict(np.full((40, 40, 1), 7, np.uint8))
    assert predicted.labels.shape == (40, 40)


def test_images_of_a_batch_do_not_matter_to_each_other(segmenter, image):
    other = image[::-1]
    both = segmenter(tf.constant(np.stack([image, other])))
    for index, one in enumerate((image, other)):
        alone = segmenter.predict(one)
        np.testing.assert_array_equal(both["labels"][index], alone.labels)
        count = len(alone.scores)
        np.testing.assert_allclose(both["scores"][index, :count], alone.scores, rtol=1e-4)
        assert (both["scores"][index, count:].numpy() == 0).all()


def test_padding_to_the_stride_lies_below_and_to_the_right(segmenter, image):
    # Cut to the stride, the image needs no padding: the network alone gives the same maps
    inside = image[:96, :96]
    normal = Normalization()(tf.constant(inside))[None]
    outputs = segmenter.model(normal, training=False)
    decoded = tfseg.make_head("center_offset", min_area=5).decode(outputs)
    np.testing.assert_array_equal(segmenter.predict(inside).labels, decoded.labels[0])


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A run directory with two checkpoints of different weights."""
    folder = tmp_path_factory.mktemp("run")
    config = RunConfig(model=ModelConfig(filters=(8, 16), channels=1))
    configs.write(config, folder / "config.yaml")
    for seed, name in ((1, "best"), (2, "last")):
        model = build_model(config.model, seed=seed)
        path = folder / "checkpoints" / f"{name}.npz"
        assert checkpoint.save(path, model.variables, step=1, loss=0.0)
    return folder


@pytest.mark.parametrize(("name", "seed"), [("best", 1), ("last", 2)])
def test_the_weights_of_the_checkpoint_asked_for_are_loaded(run_dir, name, seed):
    loaded = tfseg.load(run_dir, checkpoint=name)
    expected = build_model(configs.read(run_dir / "config.yaml").model, seed=seed)
    for one, other in zip(loaded.model.variables, expected.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"is no run: it has no config.yaml\. Give the"):
        tfseg.load(tmp_path)


def test_a_run_without_a_checkpoint_is_refused_with_the_remedy(tmp_path):
    configs.write(RunConfig(model=ModelConfig(channels=1)), tmp_path / "config.yaml")
    with pytest.raises(InputError, match=r"has no checkpoint best.npz; train it first"):
        tfseg.load(tmp_path)


def test_a_checkpoint_of_another_architecture_is_refused(run_dir, tmp_path):
    other = ModelConfig(filters=(8, 24), channels=1)
    configs.write(RunConfig(model=other), tmp_path / "config.yaml")
    (tmp_path / "checkpoints").symlink_to(run_dir / "checkpoints")
    with pytest.raises(InputError, match="best.npz belongs to another architecture"):
        tfseg.load(tmp_path)


def test_an_unknown_checkpoint_is_refused(run_dir):
    with pytest.raises(InputError, match="checkpoint must be one of best, last; got 'bset'. Did"):
        tfseg.load(run_dir, checkpoint="bset")


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 5), (8, 8, 0), (1, 8, 8, 1)])
def test_an_array_that_is_no_picture_is_refused_with_its_shape(segmenter, shape):
    with pytest.raises(InputError, match=re.escape(f"got {list(shape)}.")):
        segmenter.predict(np.zeros(shape, np.uint8))


def test_the_channels_of_a_colour_image_become_grey_as_for_training(segmenter, image):
    colour = np.concatenate([image, image[::-1], image // 2], axis=-1)
    assert_same(segmenter.predict(colour), segmenter.predict(to_channels(colour, 1)))
