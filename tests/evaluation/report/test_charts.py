"""Charts: where points lie, what the axes say, and that values without a position are left out."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from tfseg.evaluation.report import charts


def test_an_axis_maps_its_bounds_to_its_ends():
    assert charts.Axis(0, 2, 100, 0)([0, 1, 2]).tolist() == [100, 50, 0]
    assert charts.Axis(0.01, 100, 0, 4, log=True)([0.1, 100]) == pytest.approx([1, 4])


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 7, [0, 2, 4, 6]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low, high, ticks):
    assert charts.Axis(low, high, 0, 1).ticks == pytest.approx(ticks)


def test_a_logarithmic_axis_has_powers_of_ten_or_their_simple_parts():
    assert charts.Axis(0.02, 3000, 0, 1, log=True).ticks == pytest.approx([0.1, 1, 10, 100, 1000])
    assert charts.Axis(0.3, 4, 0, 1, log=True).ticks == pytest.approx([0.5, 1, 2])


def test_an_axis_of_one_value_has_a_position_for_it():
    assert np.isfinite(charts.Axis(3, 3, 0, 1)([3])).all()
    assert np.isfinite(charts.Axis(3, 3, 0, 1, log=True)([3])).all()


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<p>{text}</p>")


def test_points_that_are_not_finite_or_have_no_logarithm_are_left_out():
    values = ([0, 1, 2, 3], [1.0, np.nan, 0.0, 10.0])
    text = charts.lines(
        {"a<b": values}, labels=("x", "y"), limits=((0, 3), (1, 10)), log=True, dots=True
    )
    assert len(parsed(text).findall(".//circle")) == 2
    (points,) = re.findall(r'points="([^"]*)"', text)
    assert len(points.split()) == 2


def test_long_lines_are_thinned_and_keep_their_ends():
    x = np.arange(10_000)
    text = charts.lines({"a": (x, x)}, labels=("x", "y"), limits=((0, 9999), (0, 9999)))
    (points,) = re.findall(r'points="([^"]*)"', text)
    assert len(points.split()) == 400
    assert (points.split()[0], points.split()[-1]) == ("46.0,190.0", "348.0,10.0")


def test_several_lines_have_a_legend_and_one_has_none():
    line, limits = ([0, 1], [0, 1]), ((0, 1), (0, 1))
    two = charts.lines({"a": line, "b": line}, labels=("x", "y"), limits=limits)
    assert len(parsed(two).findall(".//li")) == 2
    assert not parsed(charts.lines({"a": line}, labels=("x", "y"), limits=limits)).findall(".//li")


@pytest.mark.parametrize("values", [[3], [0, 0, 0], [1, 2, 2, 5], np.linspace(0, 1, 50)])
def test_a_histogram_counts_every_value(values):
    titles = [title.text for title in parsed(charts.histogram(values, label="x")).iter("title")]
    assert sum(int(text.rpartition(" ")[2]) for text in titles) == len(values)


def test_whole_numbers_have_a_bin_each():
    drawn = parsed(charts.histogram([1, 2, 2, 4], label="x"))
    titles = [title.text for title in drawn.iter("title")]
    assert [text.rpartition(" ")[2] for text in titles] == ["1", "2", "0", "1"]


def test_shares_say_their_numbers_and_leave_out_what_is_0():
    counts = pd.DataFrame({"found": [3, 0], "wrong class": [1, 2]}, ["a", "b"])
    bars = parsed(charts.shares(counts, title="row")).findall(".//div")
    assert [bar.get("aria-label") for bar in bars] == ["found 3, wrong class 1", "wrong class 2"]
    assert [span.text for span in bars[0]] == ["75%", "25%"]


def test_numbers_beside_the_shares_are_no_part_of_the_bar():
    counts = pd.DataFrame({"found": [3], "missed": [1], "split": [2]}, ["a"])
    drawn = parsed(charts.shares(counts, title="row", numbers=["split"]))
    assert [cell.text for cell in drawn.iter("td")][:2] == ["4", "2"]
    assert [bar.get("aria-label") for bar in drawn.findall(".//div")] == ["found 3, missed 1"]


def test_a_matrix_is_as_dark_as_the_share_of_the_row():
    text = charts.matrix(pd.DataFrame([[3, 1], [0, 0]], ["a", "b"], ["a", "b"]), corner="c")
    assert re.findall(r"--share:([\d.]+)", text) == ["0.750", "0.250", "0.000", "0.000"]
