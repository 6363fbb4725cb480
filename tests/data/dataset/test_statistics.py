"""The statistics of dataset.json, against hand-worked numbers and NumPy."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg import Dataset, convert, convert_samples, large_arrays
from tfseg.data.dataset.counts import Counts, count
from tfseg.data.dataset.records import instance_areas
from tfseg.data.dataset.statistics import PERCENTILES, Distribution, Statistics

LABEL = np.array(
    [
        [1, 1, 0, 0, 0, 0],
        [1, 2, 0, 5, 0, 0],
        [0, 0, 3, 0, 0, 0],
        [0, 0, 0, 0, -1, 4],
        [0, 7, 0, 0, 0, -1],
    ],
    np.int32,
)


def test_the_statistics_of_a_small_label_are_those_counted_by_hand():
    image = np.zeros((5, 6, 1), np.uint8)
    image[0, :3, 0] = 10, 20, 30
    counts = count(image, LABEL, np.array([2, 1, 2, 2, 2, 2]))
    counts += count(np.full((2, 3, 1), 255, np.uint8), np.zeros((2, 3), np.int32), None)
    statistics = Statistics.of(counts, num_classes=3)
    assert statistics.sizes == {"2x3": 1, "5x6": 1}
    assert (statistics.class_images, statistics.class_instances) == ((1, 1, 0), (1, 5, 0))
    # 1 and 2 touch; 2 and 3 over a corner only, and 4 touches ignored pixels only. At the border
    # are 1, 4 and 7; of the six areas, one is 3 and the others are 1.
    assert (statistics.touching_share, statistics.border_share) == (2 / 6, 3 / 6)
    assert (statistics.area.mean, statistics.area.std**2) == (
        8 / 6,
        pytest.approx(14 / 6 - (8 / 6) ** 2),
    )
    assert list(statistics.area.percentiles) == ["0", "1", "25", "50", "75", "99", "100"]
    assert list(statistics.area.percentiles.values()) == [1, 1, 1, 1, 1, 3, 3]
    assert statistics.instances_per_image.percentiles["50"] == 0
    assert statistics.instances_per_image.mean == 3
    # 36 pixels: 27 of 0, 10, 20, 30 and six of 255
    (channel,) = statistics.channels
    assert channel.mean == (60 + 6 * 255) / 36
    assert channel.percentiles == {"0": 0, "1": 0, "25": 0, "50": 0, "75": 0, "99": 255, "100": 255}


def test_the_least_contrast_is_that_of_images_with_instances():
    ids = np.eye(10, dtype=np.int32)
    ramp = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)  # 1, 50 (of 49.5, to even) and 99
    dark = ramp // 2  # 0, 25 and 49
    narrow = count(100 + ramp // 20, np.zeros_like(ids), None)
    constant = count(np.full_like(ramp, 9), ids, None)
    counts = count(ramp, ids, None) + narrow + constant
    assert counts.min_contrast() == (49, 49)
    counts += count(np.repeat(dark, 3, axis=-1), ids, None)
    assert counts.min_contrast() == (25, 24)
    counts += count(np.flip(ramp).astype(np.uint16) * 100, ids, None)  # 49 and 49 times 100
    assert counts.min_contrast() == (49 * 100, 49 * 100)  # below 25 and 24 times 257
    assert Counts.from_content(json.loads(json.dumps(counts.to_content()))) == counts
    assert constant.min_contrast() == narrow.min_contrast() == ()


@given(
    arrays.arrays(
        np.int32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(-1, 4)
    )
)
def test_touching_and_cut_instances_are_those_found_pixel_by_pixel(label):
    height, width = label.shape
    touching, cut = set(), set()
    for (y, x), id in np.ndenumerate(label):
        if id > 0 and (y in (0, height - 1) or x in (0, width - 1)):
            cut.add(id)
        for i, j in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            inside = 0 <= i < height and 0 <= j < width
            if inside and id > 0 and label[i, j] > 0 and label[i, j] != id:
                touching.add(id)
    counts = count(np.zeros((*label.shape, 1), np.uint8), label, None)
    assert (counts.touching, counts.at_border) == (len(touching), len(cut))
    assert counts.num_instances == np.unique(label[label > 0]).size


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=300))
def test_a_distribution_agrees_with_numpy(numbers):
    distribution = Distribution.of(Counter(numbers))
    assert distribution.mean == pytest.approx(np.mean(numbers), rel=1e-12)
    assert distribution.std == pytest.approx(np.std(numbers), rel=1e-9, abs=1e-9)
    for share in PERCENTILES:
        # The least number for which the share of those up to it is not below.
        enough = [
            n for n in sorted(numbers) if 100 * sum(m <= n for m in numbers) >= share * len(numbers)
        ]
        assert distribution.percentiles[str(share)] == enough[0]


def test_pixel_values_are_those_of_the_samples_as_they_are_read(tmp_path):
    draw = np.random.default_rng(0)
    label = np.pad(np.ones((3, 3), np.int32), 2)
    images = [
        draw.integers(0, 256, (7, 7, 1), np.uint8),
        draw.integers(0, 256, (7, 7, 3), np.uint8),
        draw.integers(0, 65536, (7, 7, 3), np.uint16),
        draw.integers(0, 65536, (7, 7), np.uint16),
    ]
    dataset = convert_samples([(image, label) for image in images], tmp_path / "data")
    stored = np.stack([sample["image"] for sample in dataset.samples("train").as_numpy_iterator()])
    statistics = dataset.info.statistics
    assert len(statistics.channels) == 3
    for index, channel in enumerate(statistics.channels):
        values = stored[..., index].astype(np.float64)
        assert channel.mean == pytest.approx(values.mean(), rel=1e-12)
        assert channel.std == pytest.approx(values.std(), rel=1e-12)
        assert list(channel.percentiles.values()) == [
            np.percentile(values, share, method="inverted_cdf") for share in PERCENTILES
        ]
    assert statistics.sizes == {"7x7": 4}
    assert (statistics.area.mean, statistics.touching_share, statistics.border_share) == (9, 0, 0)


def test_of_many_sizes_the_most_frequent_are_named(tmp_path):
    samples = [
        (np.zeros((8, width), np.uint8), np.ones((8, width), np.int32))
        for width in (*range(10, 40), 39, 38, 39)
    ]
    sizes = convert_samples(samples, tmp_path / "data").info.statistics.sizes
    assert list(sizes.items())[:3] == [("8x39", 3), ("8x38", 2), ("8x10", 1)]
    assert len(sizes) == 21
    assert (sizes["other"], sum(sizes.values())) == (10, 33)


def test_the_statistics_are_of_all_splits_and_read_again(tmp_path, write):
    write(tmp_path / "files", ["train/a", "val/b"])
    dataset = convert(tmp_path / "files", tmp_path / "data")
    statistics = Dataset.open(dataset.path).info.statistics
    assert statistics == dataset.info.statistics
    assert (statistics.sizes, statistics.class_images, statistics.class_instances) == (
        {"20x24": 2},
        (2,),
        (4,),
    )
    assert statistics.area.mean == 50  # 36 and 64 pixels


class Windows:
    """An image that can only be read by slices of rows and columns."""

    def __init__(self, image):
        self.image, self.shape, self.dtype = image, image.shape, image.dtype

    def __getitem__(self, window):
        rows, columns = window
        assert isinstance(rows, slice) and isinstance(columns, slice)
        return self.image[rows, columns]


@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.float32]),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3])),
        elements=st.integers(0, 200),
    ),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 7, 20]),
    st.booleans(),
)
def test_an_image_in_windows_has_the_counts_of_the_array(image, seed, block, repeated):
    if repeated:
        image[:] = image[..., :1]
    draw = np.random.default_rng(seed)
    label = draw.choice(np.array([-1, 0, 0, 1, 2, 3, 2**31 - 1], np.int32), image.shape[:2])
    names = ("one", "two") if image.shape[-1] == 2 else ()
    expected = count(image, label, None, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(large_arrays, "_BAND", block)
        assert count(Windows(image), label, None, names) == expected
        ids, areas = instance_areas(label)
    distinct, numbers = np.unique(label[label > 0], return_counts=True)
    assert (ids.tolist(), areas.tolist()) == (distinct.tolist(), numbers.tolist())
