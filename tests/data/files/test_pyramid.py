"""Pyramids of ids: what tifffile reads of them, level by level."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from tfseg.checks import InputError
from tfseg.data.files import pyramid
from tfseg.data.files.images import read_label
from tfseg.data.files.pyramid import write_pyramid


@pytest.fixture
def label(monkeypatch):
    monkeypatch.setattr(pyramid, "TILE", 16)
    return np.random.default_rng(0).integers(0, 2**20, (50, 71), np.int32)


def test_a_level_has_every_second_pixel_of_the_one_before(label, tmp_path):
    path = write_pyramid(tmp_path / "a.b", label)
    assert path == tmp_path / "a.b.tif"
    with tifffile.TiffFile(path) as file:
        assert file.is_ome and not file.is_bigtiff and len(file.pages) == 1
        levels = file.series[0].levels
        assert [level.shape for level in levels] == [(50, 71), (25, 36), (13, 18), (7, 9)]
        for number, level in enumerate(levels):
            page = level.keyframe
            assert (page.is_tiled, page.dtype, page.compression.name) == (
                True,
                np.uint32,
                "ADOBE_DEFLATE",
            )
            step = 2**number
            np.testing.assert_array_equal(level.asarray(), label[::step, ::step])
    np.testing.assert_array_equal(read_label(path), label)


def test_the_same_ids_give_the_same_bytes(label, tmp_path):
    first = write_pyramid(tmp_path / "a", label).read_bytes()
    assert write_pyramid(tmp_path / "a", label).read_bytes() == first


def test_what_may_be_longer_than_32_bits_reach_is_a_big_tiff(label, tmp_path, monkeypatch):
    monkeypatch.setattr(pyramid, "_LARGEST_TIFF", 4 * label.size)
    path = write_pyramid(tmp_path / "a", label)
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
    np.testing.assert_array_equal(read_label(path), label)


def test_a_folder_that_is_missing_is_told(label, tmp_path):
    with pytest.raises(InputError, match=r"a.tif cannot be written: .*Choose another folder"):
        write_pyramid(tmp_path / "none" / "a", label)
