"""Images at the pixel size of a network, window by window, and ids back at their size."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tifffile

import tfseg
from tfseg.checks import InputError
from tfseg.config import ModelConfig
from tfseg.data.files.images import read_label
from tfseg.inference.resampled import Resampled, nearest_ids, side_at
from tfseg.inference.segmenter import Segmenter
from tfseg.networks.build import build_model

NOISE = np.random.default_rng(0).integers(0, 256, (37, 50, 2), np.uint8)


def floats(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.float32)


def resampled(image: np.ndarray, factor: float) -> Resampled:
    return Resampled(image, factor, floats)


def test_blocks_of_a_whole_factor_are_means_worked_out_by_hand():
    image = np.array([[0, 2, 8, 1], [4, 6, 2, 1], [1, 3, 5, 5]], np.uint8)[..., None]
    # The last block has one row. round(3 / 2) is 2.
    np.testing.assert_array_equal(resampled(image, 2.0)[:, :][..., 0], [[3, 3], [2, 5]])
    half = resampled(image[:1, :2], 0.5)[:, :][..., 0]  # centres at -1/4, 1/4, 3/4 and 5/4
    np.testing.assert_allclose(half, [[0, 0.5, 1.5, 2]] * 2)


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.3, 1.7, 2.0, 3.3, 40.0])
def test_windows_fit_together(factor):
    image = resampled(NOISE, factor)
    height, width, _ = image.shape
    assert (height, width) == (max(1, round(37 / factor)), max(1, round(50 / factor)))
    everything = image[:, :]
    assert everything.shape == image.shape
    for top in range(0, height, 7):
        for left in range(0, width, 11):
            window = slice(top, top + 7), slice(left, left + 11)
            np.testing.assert_array_equal(image[window], everything[window])


@pytest.mark.parametrize("factor", [0.4, 0.7, 1.3, 1.7, 2.0, 3.3])
def test_pixels_are_where_they_are_in_the_world(factor):
    y, x = np.arange(61)[:, None], np.arange(70)
    image = (y + 0.5 + 10 * (x + 0.5))[..., None].astype(np.float32)
    values = resampled(image, factor)[:, :][..., 0]
    centre_y, centre_x = ((np.arange(side) + 0.5) * factor for side in values.shape)
    inner = slice(2, -4)  # the outermost pixels are repeated
    expected = centre_y[:, None] + 10 * centre_x
    np.testing.assert_allclose(values[inner, inner], expected[inner, inner], rtol=1e-5)


def test_ids_are_those_of_the_nearest_pixel():
    label = np.arange(1, 13).reshape(3, 4)
    doubled = nearest_ids(label, (6, 8), 0.5)
    np.testing.assert_array_equal(doubled, label.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(nearest_ids(doubled, (3, 4), 2.0), label)
    # Centres of three pixels along four are at 2/3, 2 and 10/3.
    np.testing.assert_array_equal(nearest_ids(label, (3, 3), 4 / 3)[0], [1, 3, 4])
    assert side_at(1, 40.0) == 1


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    """A network of 0.5 micrometres that sees little."""
    model_config = ModelConfig(
        filters=(4, 6), channels=1, limits=(0, 255), bits=8, head_options={"min_area": 0}
    )
    model = build_model(model_config, seed=3)
    return Segmenter(model, model_config, pixel_size="0.5um")


COARSE = np.random.default_rng(5).integers(0, 256, (70, 90, 1), np.uint8)
FINE = COARSE.repeat(2, axis=0).repeat(2, axis=1)


def test_ids_of_a_finer_image_are_those_of_the_coarse_one_at_its_size(segmenter):
    coarse = segmenter.predict(COARSE, pixel_size=0.5)
    assert len(coarse.scores) > 2
    np.testing.assert_array_equal(coarse.labels, segmenter(COARSE)["labels"])
    fine = segmenter.predict(FINE, pixel_size="250nm")
    np.testing.assert_array_equal(fine.labels, coarse.labels.repeat(2, axis=0).repeat(2, axis=1))
    np.testing.assert_array_equal(fine.scores, coarse.scores)
    maps = segmenter.maps(FINE, pixel_size=0.25)
    np.testing.assert_allclose(maps, segmenter.maps(COARSE, pixel_size=0.5), atol=1e-4)
    tiled = Segmenter(segmenter.model, segmenter.model_config, tile=128, pixel_size=0.125)
    larger = np.tile(COARSE, (4, 3, 1))
    expected = Segmenter(segmenter.model, segmenter.model_config, pixel_size=0.125)
    np.testing.assert_allclose(
        tiled.maps(larger, pixel_size=0.1), expected.maps(larger, pixel_size=0.1), atol=1e-4
    )


def test_a_network_without_a_pixel_size_ignores_that_of_an_image(segmenter):
    plain = Segmenter(segmenter.model, segmenter.model_config)
    instances, doubt = plain.predict_with_doubt(COARSE, pixel_size=7.0)
    np.testing.assert_array_equal(instances.labels, plain.predict(COARSE).labels)
    assert doubt == ""
    assert plain.digest() != segmenter.digest()


def test_an_image_without_a_pixel_size_is_taken_as_it_is_with_a_doubt(segmenter):
    instances, doubt = segmenter.predict_with_doubt(COARSE)
    np.testing.assert_array_equal(
        instances.labels, segmenter.predict(COARSE, pixel_size=0.5).labels
    )
    assert doubt == (
        "has no pixel size, so it is taken as it is, as if it had that of the network, 0.5 \u00b5m"
    )
    with pytest.raises(InputError, match="pixel_size must be a length above 0"):
        segmenter.predict(COARSE, pixel_size=-1)


def test_files_are_predicted_by_the_pixel_sizes_that_they_state(segmenter, tmp_path):
    options = {"imagej": True, "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "coarse.tif", COARSE[..., 0], resolution=(2, 2), **options)
    tifffile.imwrite(tmp_path / "fine.tif", FINE[..., 0], resolution=(4, 4), **options)
    screen = {"resolution": (72, 72), "resolutionunit": "INCH"}
    tifffile.imwrite(tmp_path / "screen.tif", COARSE[..., 0], **screen)
    files = [tmp_path / f"{name}.tif" for name in ("coarse", "fine", "screen")]
    report = tfseg.predict_files(segmenter, files, tmp_path / "out", verbose=False)
    assert report.resampled == [files[1]]
    ((path, doubt),) = report.doubts
    assert path == files[2]
    assert doubt.startswith("has no pixel size")
    assert "; it states 72 dots per inch" in doubt
    labels = [read_label(tmp_path / "out" / "labels" / f"{file.stem}.png") for file in files]
    expected = segmenter.predict(COARSE, pixel_size=0.5).labels
    np.testing.assert_array_equal(labels[0], expected)
    np.testing.assert_array_equal(labels[1], expected.repeat(2, axis=0).repeat(2, axis=1))
    given = tfseg.predict_files(
        segmenter, files[2:], tmp_path / "given", pixel_size="1um", verbose=False
    )
    assert (given.resampled, given.doubts) == (files[2:], [])
    again = tfseg.predict_files(
        segmenter, files[2:], tmp_path / "given", pixel_size=0.5, resume=True, verbose=False
    )
    assert (again.done, again.resampled) == (files[2:], [])


@pytest.mark.slow
def test_an_export_states_the_pixel_size(segmenter, tmp_path):
    saved = tf.saved_model.load(str(tfseg.export(segmenter, tmp_path / "saved")))
    about = json.loads(saved.metadata().numpy())
    assert about["pixel_size"] == 0.5
    assert about["units"]["images"].endswith(", of 0.5 \u00b5m a pixel")
    plain = Segmenter(segmenter.model, segmenter.model_config)
    assert json.loads(plain.metadata().numpy())["pixel_size"] == 0
