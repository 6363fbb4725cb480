"""The table of overlaps and the matching, against hand-worked tables, brute force, pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import Overlaps, match, overlaps

# truth, prediction: few ids on few pixels, so that ties and chains of overlaps are common
MAPS = st.tuples(
    arrays(np.int32, (4, 5), elements=st.integers(-1, 4)),
    arrays(np.int32, (4, 5), elements=st.integers(0, 4)),
)
IOUS = st.sampled_from([0.1, 0.2, 0.25, 1 / 3, 0.4, 0.5, 0.6, 0.75, 1.0])


def pair_ious(table: Overlaps) -> dict[tuple[int, int], float]:
    truth = table.truth_ids[table.truth_index].tolist()
    predicted = table.predicted_ids[table.predicted_index].tolist()
    return dict(zip(zip(truth, predicted, strict=True), table.iou.tolist(), strict=True))


def slow_ious(truth: np.ndarray, prediction: np.ndarray) -> dict[tuple[int, int], float]:
    counted = truth != -1
    ious = {}
    for true in set(truth[truth > 0].tolist()):
        for predicted in set(prediction[prediction > 0].tolist()):
            a, b = counted & (truth == true), counted & (prediction == predicted)
            if (a & b).any():
                ious[true, predicted] = int((a & b).sum()) / int((a | b).sum())
    return ious


def most_matches(pairs: list[tuple[int, int]]) -> int:
    """Returns the size of the largest one-to-one choice of pairs, by trying all."""
    if not pairs:
        return 0
    (truth, predicted), rest = pairs[0], pairs[1:]
    free = [pair for pair in rest if pair[0] != truth and pair[1] != predicted]
    return max(most_matches(rest), 1 + most_matches(free))


def test_the_table_of_a_hand_worked_example():
    truth = np.array([[1, 1, 1, 0, 4], [1, 1, 1, 0, 4], [0, 0, 0, 0, 4]])
    prediction = np.array([[9, 9, 0, 0, 2], [9, 9, 2, 2, 2], [0, 0, 0, 7, 0]])
    # areas: 1 has 6 pixels, 4 has 3; 2 has 4 pixels, 7 has 1, 9 has 4
    # (1, 9) shares 4: 4 / (6 + 4 - 4) = 2/3;  (1, 2) shares 1: 1 / (6 + 4 - 1) = 1/9
    # (4, 2) shares 2: 2 / (3 + 4 - 2) = 2/5;  7 shares nothing
    table = overlaps(truth, prediction)
    assert table.truth_ids.tolist() == [1, 4]
    assert table.truth_areas.tolist() == [6, 3]
    # in the order of their first pixels
    assert table.predicted_ids.tolist() == [9, 2, 7]
    assert table.predicted_areas.tolist() == [4, 4, 1]
    assert (table.predicted_ignored.tolist(), table.num_pixels) == ([0, 0, 0], 15)
    assert pair_ious(table) == {(1, 9): 4 / 6, (1, 2): 1 / 9, (4, 2): 2 / 5}
    assert sorted(table.intersection.tolist()) == [1, 2, 4]


def test_an_ignored_pixel_counts_in_neither_map():
    truth = np.array([[1, 1, -1, -1], [0, 0, -1, -1]])
    prediction = np.array([[3, 3, 3, 3], [0, 0, 5, 5]])
    # without the ignored half: truth 1 = prediction 3 = 2 pixels, and prediction 5 is not there
    table = overlaps(truth, prediction)
    assert table.predicted_ids.tolist() == [3]
    assert table.predicted_areas.tolist() == [2]
    assert table.predicted_ignored.tolist() == [2]
    assert table.num_pixels == 4
    assert pair_ious(table) == {(1, 3): 1.0}


@given(MAPS)
def test_the_table_agrees_with_a_loop_over_all_ids(maps):
    truth, prediction = maps
    table = overlaps(truth, prediction)
    counted = truth != -1
    assert pair_ious(table) == slow_ious(truth, prediction)
    assert table.truth_areas.tolist() == [int((truth == i).sum()) for i in table.truth_ids]
    assert table.predicted_areas.tolist() == [
        int((counted & (prediction == i)).sum()) for i in table.predicted_ids
    ]
    assert set(table.truth_ids.tolist()) == set(truth[truth > 0].tolist())
    assert set(table.predicted_ids.tolist()) == set(prediction[counted & (prediction > 0)].tolist())


@given(MAPS, IOUS)
def test_no_one_to_one_choice_of_pairs_is_larger_than_the_matching(maps, threshold):
    table = overlaps(*maps)
    chosen = match(table, threshold)
    allowed = [pair for pair, iou in slow_ious(*maps).items() if iou >= threshold]
    pairs = [list(pair_ious(table))[index] for index in chosen]
    assert len(pairs) == most_matches(allowed)
    assert set(pairs) <= set(allowed)
    assert [len(set(ids)) for ids in zip(*pairs, strict=True)] in ([], [len(pairs)] * 2)


@given(MAPS)
def test_a_higher_threshold_matches_no_more(maps):
    table = overlaps(*maps)
    sizes = [len(match(table, threshold)) for threshold in np.linspace(0.05, 1.0, 20)]
    assert sizes == sorted(sizes, reverse=True)


@given(MAPS)
def test_above_one_half_all_pairs_are_matched(maps):
    table = overlaps(*maps)
    above = np.flatnonzero(table.iou > 0.5)
    assert match(table, np.nextafter(0.5, 1.0)).tolist() == above.tolist()


@given(MAPS)
def test_exchanging_truth_and_prediction_transposes_the_table(maps):
    truth, prediction = (np.maximum(ids, 0) for ids in maps)
    forward, backward = overlaps(truth, prediction), overlaps(prediction, truth)
    assert pair_ious(backward) == {(b, a): iou for (a, b), iou in pair_ious(forward).items()}


def test_the_matching_leaves_a_shared_partner_to_whoever_has_no_other():
    truth = np.array([[1, 1, 1, 1, 2, 2, 2, 2]])
    prediction = np.array([[7, 7, 5, 5, 5, 5, 0, 0]])
    # IoU: (1, 5) = 2/6, (2, 5) = 2/6, (1, 7) = 2/4. Taking (1, 5) first would leave 2 and 7 alone.
    table = overlaps(truth, prediction)
    pairs = [list(pair_ious(table))[index] for index in match(table, 0.3)]
    assert sorted(pairs) == [(1, 7), (2, 5)]


def test_two_halves_of_one_instance_are_one_match_at_one_half():
    table = overlaps(np.array([[1, 1, 1, 1]]), np.array([[1, 1, 2, 2]]))
    assert table.iou.tolist() == [0.5, 0.5]
    assert len(match(table, 0.5)) == 1
    assert len(match(table, 0.51)) == 0


def test_ids_up_to_the_largest_stay_apart():
    high = 2**31 - 1
    truth = np.array([[high, high - 1, 2**16, 1]])
    prediction = np.array([[high - 1, high, 1, 2**16]])
    expected = {(high, high - 1), (high - 1, high), (2**16, 1), (1, 2**16)}
    for dtype in (np.int32, np.uint32, np.int64, np.uint64):
        table = overlaps(truth.astype(dtype), prediction.astype(dtype))
        assert pair_ious(table) == dict.fromkeys(expected, 1.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_every_integer_type_and_every_memory_layout_gives_the_same_table(dtype):
    draw = np.random.default_rng(0)
    truth, prediction = draw.integers(0, 9, (2, 12, 10))
    expected = overlaps(truth, prediction)
    fortran = np.asfortranarray(truth.astype(dtype))
    strided = np.repeat(prediction.astype(dtype), 2, axis=1)[:, ::2]
    for ours, theirs in zip(overlaps(fortran, strided), expected, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 4)])
def test_maps_without_instances_have_an_empty_table(shape):
    table = overlaps(np.zeros(shape, np.int32), np.zeros(shape, np.int32))
    *arrays, num_pixels = table
    assert [len(values) for values in arrays] == [0] * len(arrays)
    assert num_pixels == np.prod(shape)
    assert match(table, 0.5).tolist() == []


def test_the_ious_are_those_of_pycocotools():
    mask = pytest.importorskip("pycocotools.mask")
    draw = np.random.default_rng(3)
    truth, prediction = np.repeat(np.repeat(draw.integers(0, 12, (2, 8, 9)), 5, 1), 4, 2)
    prediction = np.roll(prediction, 2, axis=1)
    prediction[:20] = truth[:20]
    table = overlaps(truth, prediction)

    def encoded(ids: np.ndarray, names: np.ndarray) -> list[dict]:
        planes = (ids[..., None] == names).astype(np.uint8)
        return mask.encode(np.asfortranarray(planes))

    dense = np.zeros((len(table.predicted_ids), len(table.truth_ids)))
    dense[table.predicted_index, table.truth_index] = table.iou
    theirs = mask.iou(
        encoded(prediction, table.predicted_ids),
        encoded(truth, table.truth_ids),
        [0] * len(table.truth_ids),
    )
    assert dense.shape == (11, 11)
    assert np.array_equal(dense, theirs)


ZEROS = np.zeros((4, 5), np.int32)


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        (ZEROS, ZEROS.T, r"same size .*\(4, 5\) and \(5, 4\)"),
        (ZEROS.astype(np.float32), ZEROS, r"truth must .* integer type; got float32 \[4, 5\]"),
        (ZEROS, ZEROS > 0, r"prediction must .* integer type; got bool"),
        (ZEROS, ZEROS[..., None], r"prediction must .*\[H, W\].* \[4, 5, 1\]"),
        (ZEROS, ZEROS - 1, r"prediction must have ids from 0 .*; got -1 to -1"),
        (ZEROS - 2, ZEROS, r"truth must have ids from -1 .*-1 = ignored.*; got -2 to -2"),
        (ZEROS, ZEROS + np.int64(2**31), r"to 2147483647 .*; got 2147483648 to 2147483648"),
    ],
)
def test_maps_that_cannot_be_compared_are_refused(truth, prediction, message):
    with pytest.raises(InputError, match=message):
        overlaps(truth, prediction)
