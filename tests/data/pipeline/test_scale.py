"""Crops of images with several pixel sizes: one scene gives one crop at any magnification."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.checks import InputError
from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline.batches import training_batches, validation_batches
from tfseg.data.pipeline.replay import replay
from tfseg.data.pipeline.scale import Reads, Scale
from tfseg.data.pipeline.visibility import Areas

SIZE = 32
CONFIG = RunConfig(
    data=DataConfig(crop_size=SIZE),
    augment=(),
    model=ModelConfig(limits=(0, 1)),
    train=TrainConfig(batch_size=1),
)


def config(pixel_size: float | str, **changes: Any) -> RunConfig:
    data = dataclasses.replace(CONFIG.data, pixel_size=pixel_size)
    return dataclasses.replace(CONFIG, data=data, **changes)


def scene(pixel_size: float, side: float = 40.0) -> dict[str, Any]:
    """Returns an image of a square `side` x `side`, seen from its middle, with this pixel size.

    The image rises with y and falls with x; ids are squares of 8 x 8. All are taken at the centres
    of pixels, which is the mean of a pixel where the image is linear.
    """
    count = round(side / pixel_size)
    centre = (np.arange(count) + 0.5 - count / 2) * pixel_size
    image = 0.5 + 0.01 * centre[:, None] - 0.005 * centre
    tile = np.floor(centre / 8).astype(int) + 5
    label = (tile[:, None] * 10 + tile).astype(np.int32)
    return {"image": image.astype(np.float32), "label": label, "pixel_size": pixel_size}


def dataset(folder: Path, *samples: dict[str, Any]) -> Dataset:
    parts = {"train": list(samples), "val": list(samples)}
    return tfseg.convert_samples(parts, folder, pixel_size=None)


@pytest.mark.parametrize(
    ("pixel_size", "block", "factor", "inside", "margin"),
    [
        # A crop of 10 with a margin of 2, at 1 micrometre, has 14 pixels. The largest factor that
        # is left to the field is 1.25: a window has ceil(1.25 x 13) + 1 = 18 pixels along a side.
        (1.0, 1, 1.0, 10, 4),  # 18 pixels
        (0.5, 2, 1.0, 20, 8),  # 36 pixels
        (0.8, 1, 1.25, 12, 3),  # 12.5 pixels, rounded, and even as 18 is
        (4.0, 1, 0.25, 2, 8),  # 2.5 pixels
        (0.3, 3, 10 / 9, 34, 10),  # 33.3 pixels, and even as 54 is
    ],
)
def test_what_a_crop_reads_worked_out_by_hand(pixel_size, block, factor, inside, margin):
    scale = Scale(1.0, 1.25)
    assert scale.side(14) == 18
    sample = {"pixel_size": tf.constant(pixel_size)}
    reads = scale.reads(sample, 10, 2)
    assert [int(reads.block), int(reads.size), int(reads.margin)] == [block, inside, margin]
    assert float(reads.factor) == pytest.approx(factor)
    for other in range(5):  # what is drawn does not depend on the margin
        read = scale.reads(sample, 10, other)
        assert int(read.size) == inside
        assert int(read.size) + 2 * int(read.margin) == block * scale.side(10 + 2 * other)
    assert Scale(1.0, 1.0).side(15) == 15


def test_the_side_of_windows_follows_the_pixel_sizes_of_the_data_set(tmp_path):
    data = dataset(tmp_path / "data", *(scene(size) for size in (0.25, 0.5, 2.0)))
    assert data.info.pixel_sizes == {"0.25": 2, "0.5": 2, "2": 2}
    assert Scale.of(data, config("0.5um").data) == Scale(0.5, 1.0)  # 2, 1 and 0.25 pixels
    assert Scale.of(data, config(0.6).data) == Scale(0.6, 1.2)  # 2.4 / 2, 1.2 and 0.3
    assert Scale.of(data, CONFIG.data) is None


def test_two_magnifications_of_a_scene_give_the_same_crop(tmp_path):
    """Blocks of 2 x 2 pixels are means, and ids those of one of the four, which are equal here."""
    coarse = {"image": 0.9 * np.random.default_rng(0).random((50, 60, 3), np.float32)}
    coarse["label"] = np.random.default_rng(1).integers(0, 9, (50, 60)).astype(np.int32)
    fine = {name: array.repeat(2, axis=0).repeat(2, axis=1) for name, array in coarse.items()}
    fine["image"][::2] += 0.001  # the mean of a block is 0.0005 more
    data = dataset(tmp_path / "data", coarse | {"pixel_size": 0.5}, fine | {"pixel_size": 0.25})
    first, second = validation_batches(data, config(0.5)).as_numpy_iterator()
    np.testing.assert_allclose(second[0], first[0] + 0.0005, atol=1e-6)
    np.testing.assert_array_equal(second[1], first[1])


@pytest.mark.parametrize(("pixel_size", "wanted"), [(0.2, 0.5), (1.0, 0.7), (0.25, 1.3)])
def test_pixels_are_where_they_are_in_the_world(tmp_path, wanted, pixel_size):
    data = dataset(tmp_path / "data", scene(pixel_size, side=(SIZE + 4) * wanted))
    small = config(wanted, model=ModelConfig(limits=(-1, 1)))
    ((images, labels, _),) = validation_batches(data, small).take(1).as_numpy_iterator()
    centre = (np.arange(SIZE) - (SIZE - 1) / 2) * wanted
    # The crop may lie half a pixel of the image from the middle, along each axis.
    expected = (0.5 + 0.01 * centre[:, None] - 0.005 * centre + 1) / 2
    difference = images[0, ..., 0] - expected
    assert np.ptp(difference) < 2e-5
    assert abs(difference.mean()) <= 0.0075 * pixel_size / 2 + 1e-5
    tile = np.floor(centre / 8).astype(int) + 5
    ids = tile[:, None] * 10 + tile
    near = np.abs((centre / 8 + 0.5) % 1 - 0.5) * 8 > pixel_size + wanted  # not at a border of ids
    inner = near[:, None] & near
    np.testing.assert_array_equal(labels[0][inner], ids[inner])


@pytest.mark.slow
def test_without_a_pixel_size_and_at_that_of_all_images_batches_are_the_same(tmp_path):
    data = dataset(tmp_path / "data", scene(0.5), scene(0.5))
    augment = ({"name": "HorizontalFlip", "p": 1.0}, {"name": "ElasticTransform", "p": 1.0})
    runs = [config(size, augment=augment) for size in (0.5, 0.0)]
    for batches in (training_batches, validation_batches):
        on, off = (batches(data, run).take(2).as_numpy_iterator() for run in runs)
        for with_size, without in zip(on, off, strict=True):
            for one, other in zip(with_size, without, strict=True):
                np.testing.assert_array_equal(one, other)


def test_transforms_share_the_field_with_the_pixel_size(tmp_path):
    """A mirrored crop is the mirror of the crop, which a second interpolation would blur."""
    data = dataset(tmp_path / "data", scene(0.31))
    plain, mirrored = (
        replay(data, config(1.0, augment=augment), "000000", 0)
        for augment in ((), ({"name": "HorizontalFlip", "p": 1.0},))
    )
    assert mirrored.corner == plain.corner
    np.testing.assert_allclose(mirrored.image, plain.image[:, ::-1], atol=1e-6)
    np.testing.assert_array_equal(mirrored.label, plain.label[:, ::-1])


def test_crops_of_several_magnifications_are_batched_and_aimed_at_instances(tmp_path):
    label = np.zeros((160, 160), np.int32)
    label[150:158, 3:9] = 7
    fine = {"image": (label > 0).astype(np.float32), "label": label, "pixel_size": 0.25}
    data = dataset(tmp_path / "data", fine, scene(1.0))
    run = config(0.5, train=TrainConfig(batch_size=2))
    data_config = dataclasses.replace(run.data, foreground_share=1.0, min_visibility=0.4)
    run = dataclasses.replace(run, data=data_config)
    counts = []
    for images, labels in training_batches(data, run).take(4).as_numpy_iterator():
        assert images.shape == (2, SIZE, SIZE, 1)
        counts += np.count_nonzero(labels == 7, axis=(1, 2)).tolist()
    # 8 x 6 pixels, at half the size 12; of what is cut off, less than 0.4 is ignored.
    assert set(counts) <= {0, *range(5, 13)}
    assert sum(count > 0 for count in counts) >= 3  # of four crops that are aimed at it
    assert any(0 < count < 12 for count in counts)


def test_areas_are_those_at_the_pixel_size_of_crops():
    areas = Areas(tf.constant([3, 5]), tf.constant([72, 18]))
    assert Reads(4, 0).areas(areas) is areas
    scaled = Reads(4, 0, tf.constant(2), tf.constant(1.5)).areas(areas)  # 3 pixels along one
    np.testing.assert_allclose(scaled.pixels, [8, 2])


def test_images_without_a_pixel_size_are_refused_by_name(tmp_path):
    unknown = scene(0.5) | {"pixel_size": 0, "id": "slide-7"}
    data = dataset(tmp_path / "data", scene(0.5), unknown)
    assert (data.info.pixel_sizes, data.info.num_without_pixel_size) == ({"0.5": 2}, 2)
    with pytest.raises(
        InputError,
        match=r"pixel_size 0.5 .m needs .* has 2 without: train/slide-7, val/slide-7. Convert them "
        "with --pixel_size",
    ):
        training_batches(data, config(0.5))
