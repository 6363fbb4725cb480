"""COCO's run lengths, against pycocotools and worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tfseg.run_lengths import (
    compress,
    decode,
    decode_box,
    decompress,
    encode,
    encode_ids,
)

coco = pytest.importorskip("pycocotools.mask")


def test_run_lengths_go_down_the_columns_beginning_outside():
    # 2 rows and 3 columns: 1 out, 2 in, 3 out
    assert decode(np.array([1, 2, 3]), (2, 3)).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    assert decode(np.array([0, 6]), (2, 3)).all()


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], "runs of 3 pixels for 2 x 3"),
        ([3, 4], "runs of 7 pixels"),
        ([7, -1], "a run of -1 pixels"),
        ([2**62, 2**62, 2**62, 2**62 + 6], "runs of 18446744073709551622 pixels"),
        ([], "runs of 0 pixels"),
    ],
)
def test_run_lengths_of_another_number_of_pixels_are_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        decode(np.array(counts, np.int64), (2, 3))


MASKS = arrays.arrays(np.uint8, st.tuples(*2 * [st.integers(1, 40)]), elements=st.integers(0, 1))


@given(MASKS)
def test_the_window_of_a_mask_is_the_least_one(mask):
    text = coco.encode(np.asfortranarray(mask))["counts"].decode()
    part, y, x = decode_box(decompress(text), mask.shape)
    again = np.zeros(mask.shape, bool)
    again[y : y + part.shape[0], x : x + part.shape[1]] = part
    np.testing.assert_array_equal(again, mask)
    if mask.any():
        assert all(side.any() for side in (part[0], part[-1], part[:, 0], part[:, -1]))


def test_the_window_of_a_small_mask_in_a_large_image_takes_little_memory():
    counts = encode(np.ones((3, 2), bool), y=70_000, x=90_000, shape=(100_000, 100_000))
    part, y, x = decode_box(counts, (100_000, 100_000))
    assert (part.shape, part.all(), y, x) == ((3, 2), True, 70_000, 90_000)


@given(MASKS)
def test_any_mask_of_pycocotools_is_decompressed_to_its_pixels(mask):
    text = coco.encode(np.asfortranarray(mask))["counts"].decode()
    np.testing.assert_array_equal(decode(decompress(text), mask.shape), mask)


def test_long_runs_are_decompressed_as_pycocotools_does():
    mask = np.zeros((900, 1200), np.uint8, order="F")
    mask[17:800, 3:1100], mask[100:200, 500:700] = 1, 0
    text = coco.encode(mask)["counts"].decode()
    np.testing.assert_array_equal(decode(decompress(text), mask.shape), mask)


@pytest.mark.parametrize("text", ["P", "~", "\x1f", "0P", " ", "P" * 30 + "0"])
def test_a_text_that_holds_no_run_lengths_is_refused(text):
    with pytest.raises(ValueError, match="run"):
        decompress(text)
    assert decompress("").size == 0


@given(st.lists(st.integers(0, 2**33), min_size=1, max_size=9))
def test_a_string_of_run_lengths_holds_them(counts):
    assert decompress(compress(np.array(counts))).tolist() == counts


@given(MASKS)
def test_a_mask_has_the_string_of_pycocotools(mask):
    pixels = np.argwhere(mask)
    if pixels.size:
        top, left = pixels.min(axis=0)
        counts = encode(mask[top:, left:] > 0, y=int(top), x=int(left), shape=mask.shape)
        assert compress(counts) == coco.encode(np.asfortranarray(mask))["counts"].decode()


@given(arrays.arrays(np.int32, (5, 6), elements=st.integers(-1, 3)))
def test_every_id_but_0_has_the_counts_of_its_mask(ids):
    counts = dict(encode_ids(ids))
    assert list(counts) == sorted({*ids.ravel().tolist()} - {0})
    for name in counts:
        np.testing.assert_array_equal(decode(counts[name], ids.shape), ids == name)
        assert counts[name].tolist() == encode(ids == name, y=0, x=0, shape=ids.shape).tolist()
