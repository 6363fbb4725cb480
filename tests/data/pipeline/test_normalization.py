"""Values that become 0 and 1: the same for all images, or at a least distance in each."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.dataset.counts import Counts, count
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.files.images import read_image, read_label
from tfseg.data.pipeline.batches import training_batches, validation_batches
from tfseg.data.pipeline.normalization import Normalization, resolved
from tfseg.data.pipeline.replay import replay
from tfseg.evaluation.previews import preview
from tfseg.heads import head_of
from tfseg.networks.build import build_model
from tfseg.training.session import Session

SIZE = 32
OF_DATA = ModelConfig(limits="dataset")


def colours(path, *, values=(10, 20, 30), name="a") -> tfseg.Dataset:
    """Makes a data set of one image, of one value a channel but for a pixel of 255 and one of 0."""
    image = np.tile(np.array(values, np.uint8), (SIZE, SIZE, 1))
    image[0, 0], image[0, 1] = 255, 0
    label = np.zeros((SIZE, SIZE), np.int32)
    label[4:9, 4:9] = 1
    pairs = {split: [{"image": image, "label": label, "id": name}] for split in ("train", "val")}
    return tfseg.convert_samples(pairs, path)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory) -> tfseg.Dataset:
    return colours(tmp_path_factory.mktemp("colours") / "data")


def configured(limits) -> RunConfig:
    return RunConfig(
        data=DataConfig(crop_size=SIZE),
        augment=(),
        model=ModelConfig(filters=(4, 8), limits=limits),
        train=TrainConfig(steps=1, batch_size=1),
        optimizer=OptimizerConfig(name="SGD", warmup_steps=0),
    )


@pytest.mark.parametrize(("limits", "low", "high"), [((0, 300), 0, 300), ("dataset", 10, 30)])
def test_every_image_is_brought_to_the_same_range(coloured, limits, low, high):
    config = configured(limits)
    raw = next(coloured.samples("train").as_numpy_iterator())["image"].astype(np.float32)
    expected = np.clip((raw - low) / (high - low), 0, 1)
    ((trained, _),) = training_batches(coloured, config).take(1).as_numpy_iterator()
    ((validated, _, _),) = validation_batches(coloured, config).take(1).as_numpy_iterator()
    for image in (trained[0], validated[0], replay(coloured, config, "a", 0).image):
        np.testing.assert_allclose(image, expected, atol=1e-6)


def test_limits_of_a_data_set_are_those_of_all_channels_and_sets(coloured, tmp_path):
    assert resolved(OF_DATA, coloured).limits == (10, 30)
    other = colours(tmp_path / "other", values=(12, 40, 20), name="b")
    assert resolved(OF_DATA, Mixture.join([coloured, other])).limits == (10, 40)


def test_limits_of_a_mixture_have_the_unit_of_its_images(coloured, tmp_path):
    deep = np.full((SIZE, SIZE, 3), 5000, np.uint16)
    label = np.pad(np.ones((5, 5), np.int32), (4, SIZE - 9))
    other = tfseg.convert_samples({"train": [{"image": deep, "label": label}]}, tmp_path / "deep")
    mixture = Mixture.join([coloured, other])
    assert resolved(OF_DATA, mixture).limits == (10 * 257, 30 * 257)
    in_8_bits = dataclasses.replace(OF_DATA, bits=8)
    assert resolved(in_8_bits, mixture).limits == pytest.approx((10, 30))
    eight, sixteen = (one["image"] for one in mixture.samples("train").as_numpy_iterator())
    assert (sixteen == 5000).all()
    np.testing.assert_array_equal(eight[5, 5], np.array([10, 20, 30]) * 257)


def test_a_run_keeps_the_numbers_and_its_segmenter_takes_them(coloured, tmp_path):
    run = tmp_path / "run"
    tfseg.Trainer(configured("dataset"), run).fit(coloured)
    assert list(configs.read(run / "config.yaml").model.limits) == [10, 30]
    segmenter = tfseg.load(run)
    described = json.loads(segmenter.metadata().numpy())
    assert described["units"]["images"].startswith("[B, H, W, C], values between 10 and 30, in")
    assert tfseg.Trainer(configured("dataset"), run).fit(coloured, resume=True).steps == 1
    with pytest.raises(InputError, match="model.limits must be .* to resume the run, as in"):
        tfseg.Trainer(configured((0, 255)), run).fit(coloured, resume=True)


def test_a_segmenter_knows_an_exposure_where_the_limits_are_fixed(sample, tmp_path):
    per_image, fixed = (
        ModelConfig(filters=(8, 8), channels=1, limits=limits) for limits in ((), (0, 200))
    )
    model = build_model(per_image, seed=2)
    path = sorted((sample / "test" / "images").iterdir())[0]
    image = tfseg.data.files.images.read_image(path)[:, :, :1]
    image = np.tile(image, (2, 2, 1))[:256, :256] // 2
    dark = image // 2
    segmenter, tiled = (tfseg.Segmenter(model, fixed, tile=tile) for tile in (0, 128))
    normalizing = tfseg.Segmenter(model, per_image)
    assert (
        np.abs(normalizing.maps(image) - normalizing.maps(dark)).max()
        < np.ptp(normalizing.maps(image)) / 5
    )
    assert np.abs(segmenter.maps(image) - segmenter.maps(dark)).max() > 0
    expected = model((image[None] / 200).astype(np.float32), training=False)
    outputs = np.concatenate([expected[name][0] for name in head_of(fixed).outputs], axis=-1)
    np.testing.assert_allclose(segmenter.maps(image), outputs, atol=1e-5)
    # The same values in another type are the same image: 16 bit, and the floats of an export.
    for kind in (np.uint16, np.float32):
        np.testing.assert_array_equal(segmenter.maps(image.astype(kind)), segmenter.maps(image))
        np.testing.assert_array_equal(
            segmenter(tf.constant(image[None].astype(kind)))["labels"],
            segmenter(tf.constant(image[None]))["labels"],
        )
    mask, parts = segmenter.predict(image).labels > 0, tiled.predict(image).labels > 0
    assert 0.01 < mask.mean() < 0.99
    assert (mask != parts).mean() < 1e-4


def test_a_preview_shows_the_exposure(coloured):
    sample = next(coloured.samples("train").as_numpy_iterator())
    # The values 10, 20 and 30 of 40, and of 255.
    for most, shown in {40: (64, 128, 191), 255: (10, 20, 30)}.items():
        drawn = preview(sample["image"], sample["label"], configured((0, most)), count=1)
        assert (drawn == shown).all(axis=-1).sum() > SIZE * SIZE


def test_missing_limits_are_refused(coloured, tmp_path):
    for wrong, message in {
        (1, 0): r"empty or two numbers, the lower one first, or two for each channel; got \[1, 0\]",
        (1,): r"empty or two numbers, the lower one first, or two for each channel; got \[1\]",
        "data": "model.limits must be one of dataset; got 'data'",
        5: r"must be a list, such as \[0, 255\], or dataset; got 5",
        ("a", "b"): "Each of model.limits must be a number in",
    }.items():
        with pytest.raises(InputError, match=message):
            ModelConfig(limits=wrong)
    with pytest.raises(InputError, match=r"where no data set is given; got dataset"):
        tfseg.Segmenter(build_model(ModelConfig(channels=1, filters=(4, 4))), OF_DATA)
    info = dataclasses.replace(coloured.info, statistics=None)
    with pytest.raises(InputError, match=r"dataset needs the percentiles in .*dataset.json, which"):
        resolved(OF_DATA, dataclasses.replace(coloured, info=info))
    flat = colours(tmp_path / "flat", values=(7, 7, 7))
    with pytest.raises(InputError, match=r"percentiles; in .*flat both are 7"):
        resolved(OF_DATA, flat)


def ramp(high: int) -> np.ndarray:
    """Returns values with the percentiles 0, 10 and `high`, in random order."""
    values = np.arange(SIZE * SIZE, dtype=np.uint8) % 21
    values[:20] = high
    return np.random.default_rng(high).permutation(values).reshape(SIZE, SIZE, 1)


NOISE = np.random.default_rng(0).normal(12, 2, (SIZE, SIZE, 1)).round().astype(np.uint8)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory) -> tfseg.Dataset:
    """Two images with an instance, and one of noise without."""
    label = np.zeros((SIZE, SIZE), np.int32)
    label[4:9, 4:9] = 1
    samples = [
        {"image": ramp(90), "label": label, "id": "wide"},
        {"image": ramp(60), "label": label, "id": "narrow"},
        {"image": NOISE, "label": 0 * label, "id": "noise"},
    ]
    path = tmp_path_factory.mktemp("noisy") / "data"
    return tfseg.convert_samples({"train": samples, "val": samples}, path)


def stretched(image: np.ndarray, below: float, above: float) -> np.ndarray:
    """Returns an image in [0, 1], by the percentiles of NumPy at least this far from its median."""
    low, median, high = np.percentile(image, [1, 50, 99.8], method="nearest").astype(float)
    low, high = min(low, median - below), max(high, median + above)
    return np.clip((image - low) / (high - low), 0, 1)


def test_noise_is_stretched_no_further_than_images_with_instances(noisy):
    assert noisy.info.statistics.min_contrast == (10, 50)
    config = configured(())
    validated = validation_batches(noisy, config).as_numpy_iterator()
    for name, image in {"wide": ramp(90), "narrow": ramp(60), "noise": NOISE}.items():
        expected = stretched(image, 10, 50)
        assert np.ptp(expected) < 0.25 if name == "noise" else np.ptp(expected) == 1
        np.testing.assert_allclose(next(validated)[0][0], expected, atol=1e-6)
        np.testing.assert_allclose(replay(noisy, config, name, 0).image, expected, atol=1e-6)


def test_no_image_of_the_embedded_nuclei_gets_other_limits(sample):
    images, counts = [], Counts()
    for path in sorted(sample.glob("t*/images/*.png")):  # train and test
        images.append(read_image(path))
        counts += count(images[-1], read_label(path.parents[1] / "labels" / path.name), None)
    assert (len(images), counts.min_contrast()) == (60, (0, 33))
    least = Normalization(min_contrast=counts.min_contrast(), bits=8)
    for image in images:
        limits = least.limits(tf.constant(image)).numpy()
        np.testing.assert_array_equal(limits, Normalization().limits(tf.constant(image)))


def test_a_run_keeps_the_least_contrast_and_every_prediction_uses_it(noisy, tmp_path):
    tfseg.Trainer(configured(()), tmp_path / "run").fit(noisy)
    model = configs.read(tmp_path / "run" / "config.yaml").model
    assert (list(model.min_contrast), model.bits) == ([10, 50], 8)
    segmenter = tfseg.load(tmp_path / "run")
    unit = json.loads(segmenter.metadata().numpy())["units"]["images"]
    assert unit.endswith(
        "10 below and 50 above its median, in the unit of the training images, 8 bits"
    )
    normal = stretched(NOISE, 10, 50)[None].astype(np.float32)
    maps = segmenter.model(normal, training=False)
    outputs = np.concatenate([maps[name][0] for name in head_of(model).outputs], axis=-1)
    np.testing.assert_allclose(segmenter.maps(NOISE), outputs, atol=1e-5)


def test_the_least_contrast_of_a_mixture_is_that_of_any_set_in_one_unit(noisy, tmp_path):
    label = np.eye(SIZE, dtype=np.int32)
    deep = ramp(60).astype(np.uint16) * 100  # 10 and 50 times 100 from the median
    dataset = tfseg.convert_samples([{"image": deep, "label": label}], tmp_path / "deep")
    mixture = Mixture.join([noisy, dataset])
    assert resolved(ModelConfig(), mixture).min_contrast == (1000, 5000)  # below 2570 and 12850
    in_8_bits = resolved(ModelConfig(bits=8), mixture)
    assert in_8_bits.min_contrast == pytest.approx((1000 / 257, 5000 / 257))
    assert resolved(ModelConfig(limits=(0, 255)), mixture).min_contrast == ()
    assert resolved(ModelConfig(min_contrast=(1, 2)), mixture).min_contrast == (1, 2)


def test_a_set_that_does_not_state_its_contrast_is_trained_with_a_warning(noisy):
    statistics = dataclasses.replace(noisy.info.statistics, min_contrast=())
    for older in (statistics, None):
        dataset = dataclasses.replace(noisy, info=dataclasses.replace(noisy.info, statistics=older))
        with pytest.warns(UserWarning, match="does not state the contrast of its images"):
            assert Session(configured(()), dataset).config.model.min_contrast == ()


def test_a_wrong_contrast_or_depth_is_refused():
    for fields, message in (
        ({"min_contrast": (1,)}, r"empty or two numbers, below and above the median; got \[1\]"),
        (
            {"min_contrast": (1, -1)},
            r"Each of model.min_contrast must be a number in \[0, ",
        ),
        ({"min_contrast": 5}, r"must be a list, such as \[2, 30\]; got 5"),
        (
            {"bits": 12},
            "model.bits must be 8, 16, 32 for floats, or 0 for those of the data set; got 12",
        ),
    ):
        with pytest.raises(InputError, match=message):
            ModelConfig(**fields)
