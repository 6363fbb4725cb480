"""The same picture gives the same instances by every way in; unusual pixels are said or refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image
from scipy import ndimage

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.cli import main
from tfseg.config import ModelConfig, RunConfig
from tfseg.data.files import limits
from tfseg.data.pipeline.normalization import resolved
from tfseg.evaluation.evaluate import evaluate
from tfseg.networks.build import build_model
from tfseg.training import checkpoint

SIZE = 160  # larger than a tile of 128
DISCS = {(20, 30): 8, (70, 66): 3, (120, 140): 12}  # centres and radii


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A network for which an object is what is brighter than 0.5."""
    images, inner = keras.Input((None, None, 1)), keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(1, 1)
    convolution = keras.Model(inner, layer(inner))  # inside another model, as in `build_model`
    model = keras.Model(images, {"foreground": convolution(images)})
    layer.set_weights([np.full((1, 1, 1, 1), 20.0), np.array([-10.0])])
    return model


@pytest.fixture(scope="module")
def segmenter(network) -> Callable[..., tfseg.Segmenter]:
    """A function from tile and intensities of the model to a segmenter of `network`."""

    def of(tile: int = 0, **intensities) -> tfseg.Segmenter:
        config = ModelConfig(
            channels=1, head="semantic", head_options={"min_area": 0}, **intensities
        )
        return tfseg.Segmenter(network, config, tile=tile)

    return of


def picture(ground: int, bright: int, dtype: type = np.uint8) -> np.ndarray:
    """Returns `[SIZE, SIZE, 1]`: discs of one value on a ground of another."""
    rows, columns = np.indices((SIZE, SIZE))
    image = np.full((SIZE, SIZE, 1), ground, dtype)
    for (y, x), radius in DISCS.items():
        image[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = bright
    return image


def noise(ground: float = 12, size: int = SIZE) -> np.ndarray:
    values = np.random.default_rng(0).normal(ground, 2, (size, size, 1))
    return values.round().astype(np.uint8)


def objects(normal: np.ndarray) -> np.ndarray:
    """Returns the ids that `network` must find in an image with values in [0, 1]."""
    return ndimage.label(normal[..., 0] > 0.5)[0]


def ways(
    segmenter: Callable[..., tfseg.Segmenter], image: np.ndarray, folder: Path, **intensities
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the ids of an image by each way in, with the name of the way."""
    untiled, tiled = segmenter(**intensities), segmenter(tile=128, **intensities)
    yield "predict", untiled.predict_with_doubt(image)[0].labels
    yield "tiles", tiled.predict_with_doubt(image)[0].labels
    tifffile.imwrite(folder / "a.tif", image[..., 0])
    for name, one in (("files", untiled), ("tiles of files", tiled)):
        tfseg.predict_files(one, [folder / "a.tif"], folder / name)
        yield name, np.asarray(Image.open(folder / name / "labels" / "a.png"))
    yield "call", untiled(tf.constant(image[None]))["labels"][0].numpy()
    signature = {"uint8": "serving_default", "uint16": "uint16", "float32": "float"}[
        image.dtype.name
    ]
    exported = tf.saved_model.load(str(tfseg.export(untiled, folder / "exported")))
    yield "export", exported.signatures[signature](images=tf.constant(image[None]))["labels"][0]


def assert_found(predicted: np.ndarray, expected: np.ndarray, way: str) -> None:
    """Asserts that the ids are those expected, up to their order."""
    pairs = np.unique(np.stack([np.ravel(predicted), np.ravel(expected)]), axis=1)
    assert len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1])), way


NOISY = np.where(picture(0, 1), 120, noise())
WAYS = {
    "noise": (NOISY, {"min_contrast": (0, 50), "bits": 8}, (NOISY - 8.0) / 54 > 0.5),
    "16 bits at a network of 8": (
        picture(50 * 257, 200 * 257, np.uint16),
        {"limits": (0, 255), "bits": 8},
        picture(0, 1),
    ),
    "8 bits at a network of 16": (
        picture(50, 200),
        {"limits": (0, 65535), "bits": 16},
        picture(0, 1),
    ),
    "the percentiles are equal": (
        np.where(picture(0, 1).cumsum(0) <= 3, picture(12, 160), 12).astype(np.uint8),
        {},
        picture(0, 1) * (picture(0, 1).cumsum(0) <= 3),
    ),
    "floats": (picture(0, 1).astype(np.float32) * 0.8, {"bits": 8}, picture(0, 1)),
}


@pytest.mark.parametrize("case", WAYS)
def test_every_way_in_gives_the_same_instances(segmenter, monkeypatch, tmp_path, case):
    monkeypatch.setattr(limits, "LARGE", 1)  # so that the tiles of the file are read
    image, intensities, expected = WAYS[case]
    assert objects(expected).max() >= 3
    for way, predicted in ways(segmenter, image, tmp_path, **intensities):
        assert_found(predicted, objects(expected), way)


def test_8_bits_of_a_set_of_8_and_16_are_predicted_as_they_are_evaluated(segmenter, tmp_path):
    images = {"eight": picture(50, 200), "deep": picture(9000, 60000, np.uint16)}
    label = objects(picture(0, 1)).astype(np.int32)
    samples = [{"image": image, "label": label, "id": id} for id, image in images.items()]
    dataset = tfseg.convert_samples({"test": samples, "train": samples[:1]}, tmp_path / "data")
    model = resolved(ModelConfig(limits=(0.0, 65535.0)), dataset)
    assert model.bits == 16
    network = segmenter(limits=model.limits, bits=model.bits)
    assert evaluate(network, dataset, "test").summary()["ap50"] == 1
    for image in images.values():
        np.testing.assert_array_equal(network.predict(image).labels, label)


def test_noise_has_no_objects_and_is_said(segmenter):
    image = noise()
    stretched, _ = segmenter().predict_with_doubt(image)
    assert stretched.labels.max() > 100
    limited, doubt = segmenter(min_contrast=(0, 50), bits=8).predict_with_doubt(image)
    assert limited.labels.max() == 0
    low, median, high = np.percentile(image, [1, 50, 99.8], method="nearest").astype(int)
    assert doubt.startswith(f"has {(high - low) / (median + 50 - low):.0%} of the contrast that")


@pytest.mark.parametrize("size", [256, 320])  # the disc has more or less than 0.2 % of the pixels
def test_a_small_object_on_a_flat_ground_is_found(segmenter, size):
    image = np.full((size, size, 1), 12, np.uint8)
    rows, columns = np.indices((size, size))
    image[(rows - 99) ** 2 + (columns - 120) ** 2 <= 7**2] = 160
    predicted, doubt = segmenter().predict_with_doubt(image)
    np.testing.assert_array_equal(predicted.labels, objects(image / 255.0))
    assert doubt == (
        ""
        if size == 256
        else "has the value 12 in nearly all pixels, so its lowest and highest values, 12 and 160, "
        "become 0 and 1"
    )


WRONG = {
    "nan": (np.nan, "1 of the 4 read are NaN, infinite or too large for float32. Replace them"),
    "inf": (-np.inf, "1 of the 4 read are NaN, infinite or too large"),
    "too large": (1e300, "1 of the 4 read are NaN, infinite or too large"),
}


@pytest.mark.parametrize("case", WRONG)
def test_pixels_that_are_not_finite_are_refused(segmenter, tmp_path, case):
    value, message = WRONG[case]
    image = np.array([[0, value], [2, 3]])
    with pytest.raises(InputError, match=f"The image must have finite pixels; {message}"):
        segmenter().predict(image[..., None])
    tifffile.imwrite(tmp_path / "a.tif", image)
    ((path, reason),) = tfseg.predict_files(segmenter(), [tmp_path], tmp_path / "out").skipped
    assert path == tmp_path / "a.tif"
    assert reason.startswith(f"{path} must have finite pixels; {message}")
    sample = {"image": image, "label": np.ones((2, 2), int), "id": "first"}
    with pytest.raises(InputError, match=f"'first' must have finite pixels; {message}"):
        tfseg.convert_samples([sample], tmp_path / "data")
    if case != "too large":
        with pytest.raises(InputError, match="must have finite pixels; got NaN or infinite ones"):
            segmenter()(tf.constant(image[None, ..., None], tf.float32))


REFUSED = {
    "rows": (np.zeros((0, 5, 1), np.uint8), "must have pixels; got [0, 5, 1]."),
    "columns": (np.zeros((5, 0, 3), np.float32), "must have pixels; got [5, 0, 3]."),
    "complex": (np.zeros((5, 5, 1), complex), "must have real numbers as pixels; got complex128."),
    "texts": (np.full((5, 5, 1), "a"), "must have real numbers as pixels; got <U1."),
    "below 0": (np.full((5, 5, 1), -1), "must have pixels from 0 to 65535, or floats; got int64"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_array_without_real_pixels_is_refused(segmenter, case):
    image, message = REFUSED[case]
    with pytest.raises(InputError, match=re.escape(f"The image {message}")):
        segmenter().predict(image)


TAKEN = {
    "bool": (picture(0, 1).astype(bool), (0, 255)),
    "int64": (picture(30, 60000, np.int64), (0, 255)),
    "float16 beyond 1": (picture(20, 90).astype(np.float16), (0, 100)),
    "float64": (picture(0, 1).astype(float), (0, 1)),
    "percentiles of floats": (picture(0, 1) * 1e-6 + 3, ()),
    "negative": (picture(0, 1).astype(np.float32) - 1.0, ()),
}


@pytest.mark.parametrize("case", TAKEN)
def test_an_array_of_any_real_type_is_taken_in_its_unit(segmenter, case):
    image, limits = TAKEN[case]
    predicted, doubt = segmenter(limits=limits, bits=8).predict_with_doubt(image)
    assert (predicted.labels.max(), doubt) == (3, "")


def test_values_outside_the_limits_are_said(segmenter):
    network = segmenter(limits=(0, 255), bits=8)
    message = (
        "The image has values from 0 to 0.8, which become 0 to 0.00314 by the limits 0 and 255 of "
        "the network; give it in the unit of the training images, values of 8 bits."
    )
    with pytest.warns(UserWarning, match=re.escape(message)):
        predicted = network.predict(picture(0, 1) * 0.8)
    assert predicted.labels.max() == 0
    dark = segmenter(tile=128, limits=(0, 255), bits=8).predict_with_doubt(
        picture(0, 100, np.uint16)
    )
    assert "values from 0 to 0.389105, which become 0 to 0.00153" in dark[1]


def test_the_command_names_the_files_with_a_doubt(tmp_path, capsys):
    run, files = tmp_path / "run", tmp_path / "files"
    run.mkdir()
    files.mkdir()
    model = ModelConfig(channels=1, filters=(4, 4))
    configs.write(RunConfig(model=model), run / "config.yaml")
    variables = build_model(model, seed=1).variables
    checkpoint.save(run / "checkpoints" / "best.npz", variables, step=1, loss=0.0)
    for name, image in {"flat": picture(7, 7), "good": picture(12, 160)}.items():
        Image.fromarray(image[..., 0]).save(files / f"{name}.png")
    assert main(["predict", str(run), str(files), "--out", str(tmp_path / "out")]) == 0
    text = f"{files / 'flat.png'} has the value 7 in all pixels, so it shows nothing\n"
    error = capsys.readouterr().err
    assert error.count(text) == 1
    assert "good.png" not in error
