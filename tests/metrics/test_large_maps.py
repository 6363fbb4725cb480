"""Metrics of maps that are read in bands of rows are those of arrays, to the last bit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg import large_arrays
from tfseg.checks import InputError
from tfseg.drawing.colors import neighbours
from tfseg.evaluation.report.outcomes import outcomes
from tfseg.metrics import Conventions, Pair, evaluate_pairs
from tfseg.metrics.conventions import edge_ids
from tfseg.metrics.matching import overlaps

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 8))
POLICIES = ("keep", "ignore")


class Read(large_arrays.Windows):
    """A map that is read by windows, which are counted, and never at once."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self.shape, self.dtype = array, array.shape, array.dtype
        self.most = 0  # rows read together

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        pixels = self._array[window]
        self.most = max(self.most, len(pixels))
        return pixels

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        raise AssertionError("all of it was read")


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    ids = st.sampled_from([0, 1, 2, 3, 2**31 - 1])
    truth = draw(arrays(np.int32, shape, elements=st.one_of(st.just(-1), ids)))
    return truth, draw(arrays(np.int32, shape, elements=ids))


def in_bands(monkeypatch: pytest.MonkeyPatch, pixels: int) -> None:
    monkeypatch.setattr(large_arrays, "_BAND", pixels)


@given(maps(), st.integers(1, 40))
def test_the_table_of_overlaps_is_the_same_with_its_order(pair, pixels):
    expected = overlaps(*pair)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch, pixels)
        table = overlaps(*map(Read, pair))
    for one, other in zip(table, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(max_examples=25)  # each takes 0.1 s
@given(maps(), st.integers(1, 40), st.sampled_from(POLICIES))
def test_metrics_and_outcomes_are_the_same(pair, pixels, policy):
    conventions = Conventions(edge_instances=policy)
    scored = [Pair("a", *pair), Pair("b", *map(Read, pair))]
    expected = evaluate_pairs(scored[:1], conventions=conventions)
    tables = outcomes(scored[0], conventions)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch, pixels)
        evaluation = evaluate_pairs(scored[1:], conventions=conventions)
        windowed = outcomes(scored[1], conventions)
    drop = {"columns": ["id", "image"], "errors": "ignore"}
    for one, other in (
        (evaluation.counts, expected.counts),
        (evaluation.instances, expected.instances),
    ):
        pd.testing.assert_frame_equal(one.drop(**drop), other.drop(**drop))
    for one, other in zip(windowed, tables, strict=True):
        pd.testing.assert_frame_equal(one, other)


@given(maps(), st.integers(1, 40))
def test_an_edge_policy_without_the_map_is_that_of_the_changed_map(pair, pixels):
    truth, prediction = pair
    at_edge = edge_ids(truth)
    changed = np.where(np.isin(truth, at_edge[at_edge > 0]), -1, truth)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch, pixels)
        table = Conventions(edge_instances="ignore").overlaps(Read(truth), Read(prediction))
    for one, other in zip(table, overlaps(changed, prediction), strict=True):
        np.testing.assert_array_equal(one, other)


@given(arrays(np.int32, SHAPES, elements=st.integers(-1, 5)), st.integers(1, 3))
def test_neighbours_are_the_same(label, reach):
    expected = neighbours(label, reach=reach)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch, 1)
        np.testing.assert_array_equal(neighbours(Read(label), reach=reach), expected)


def test_few_rows_are_read_together(monkeypatch):
    label = np.repeat(np.arange(40, dtype=np.int32), 10).reshape(40, 10)
    truth, prediction = Read(label), Read(label)
    in_bands(monkeypatch, 50)
    assert evaluate_pairs([("a", truth, prediction)]).metrics()["pq"] == 1
    outcomes(Pair("a", truth, prediction), Conventions())
    assert (truth.most, prediction.most) == (6, 5)  # 50 // 10, and one that bands share


def test_an_id_out_of_range_in_a_later_band_is_refused(monkeypatch):
    in_bands(monkeypatch, 1)
    label = np.zeros((4, 3), np.int64)
    label[3, 2] = 2**31
    with pytest.raises(InputError, match="prediction must have ids from 0 to 2147483647"):
        overlaps(np.zeros((4, 3), int), Read(label))


@pytest.mark.parametrize("name", ["boundary", "coco"])
def test_what_takes_maps_at_once_refuses_large_ones(name):
    label = Read(np.broadcast_to(np.int32(0), (20_000, 20_000)))
    conventions = Conventions(**{name: True})
    if name == "coco":
        pytest.importorskip("pycocotools")
    message = "'a': boundary and coco take maps of at most 100000000 pixels, .* 20000 x 20000"
    with pytest.raises(InputError, match=message):
        evaluate_pairs([("a", label, label)], conventions=conventions)
