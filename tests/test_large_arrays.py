"""Arrays in temporary files, and bands of rows: the same content, and nothing left behind."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from tfseg import large_arrays
from tfseg.checks import InputError


@pytest.fixture
def in_files(monkeypatch):
    """All arrays lie in files."""
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 0)


def test_a_small_array_is_in_memory():
    array = large_arrays.zeros((3, 4), np.int32)
    assert type(array) is np.ndarray and array.dtype == np.int32 and not array.any()


def test_a_large_array_is_in_a_file_without_a_name(in_files, tmp_path):
    array = large_arrays.zeros((30, 40), np.int32, tmp_path)
    assert isinstance(array, np.memmap) and array.shape == (30, 40) and not array.any()
    assert list(tmp_path.iterdir()) == []
    other = large_arrays.zeros_like(array, np.uint8)
    assert (other.dtype, other.shape) == (np.uint8, (30, 40))
    assert os.path.dirname(other.filename) == str(tmp_path)


def test_what_is_released_stays_in_the_file(in_files, tmp_path):
    array = large_arrays.zeros((300, 400), np.int32, tmp_path)
    array[:] = np.arange(array.size).reshape(array.shape)
    large_arrays.release(array)
    large_arrays.release(array[10:20])
    np.testing.assert_array_equal(array, np.arange(array.size).reshape(array.shape))


def test_a_private_map_keeps_what_is_written_to_it(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((300, 400), np.int32))
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[:] = 7
    assert [int(rows.min()) for _, rows in large_arrays.bands(private)] == [7]
    assert private.min() == 7


def test_a_disk_without_room_is_told_before_anything_is_written(in_files, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="No space left on device. Free 4800 bytes, or set TMPDIR"):
        large_arrays.zeros((30, 40), np.int32, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overlap", [0, 1, 3])
def test_bands_are_all_rows_once_and_those_that_overlap(monkeypatch, overlap):
    monkeypatch.setattr(large_arrays, "_BAND", 10)
    array = np.arange(7 * 4).reshape(7, 4)
    bands = list(large_arrays.bands(array, overlap=overlap))
    assert [top for top, _ in bands] == [0, 2, 4, 6]  # 10 // 4 rows
    for top, rows in bands:
        np.testing.assert_array_equal(rows, array[top : top + 2 + overlap])


def test_a_sample_has_the_pixels_of_its_rows_and_columns(monkeypatch):
    monkeypatch.setattr(large_arrays, "_BAND", 10)
    array = np.arange(7 * 4).reshape(7, 4)
    rows, columns = np.array([0, 1, 5, 6]), np.array([3, 0])
    np.testing.assert_array_equal(
        large_arrays.sample(array, rows, columns), array[np.ix_(rows, columns)]
    )
