"""The picture and the table of a comparison."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.evaluation.comparison import draw_differences, headline_rows, write_comparison

TABLE = pd.DataFrame(
    {
        "metric": ["ap_0.50", "pq", "dice", "seg", "aji"],
        "first": [0.5, 0.5, 0.5, 0.5, 0.5],
        "second": [0.6, 0.6, 0.4, 0.51, np.nan],
        "difference": [0.1, 0.1, -0.1, 0.01, np.nan],
        "low": [0.05, 0.05, -0.2, -0.05, np.nan],
        "high": [0.2, 0.15, -0.02, 0.06, np.nan],
        "distinct": [True, True, True, False, False],
    }
)


def colors(table: pd.DataFrame, folder) -> set[tuple[int, int, int]]:
    draw_differences(table, folder / "picture.png", names=("A", "B"))
    picture = np.asarray(Image.open(folder / "picture.png").convert("RGB"))
    return set(map(tuple, picture.reshape(-1, 3).tolist()))


BETTER, WORSE, NEITHER = (0, 114, 178), (213, 94, 0), (119, 119, 119)


def test_better_worse_and_neither_have_colours_of_their_own(tmp_path):
    assert {BETTER, WORSE, NEITHER} <= colors(TABLE, tmp_path)
    assert WORSE not in colors(TABLE[:2], tmp_path)
    assert not {BETTER, WORSE} & colors(TABLE[3:4], tmp_path)


def test_the_headline_metrics_come_in_their_order():
    assert headline_rows(TABLE)["metric"].tolist() == ["dice", "pq", "aji", "seg"]


def test_table_and_picture_are_written_and_nothing_else(tmp_path):
    write_comparison(TABLE, tmp_path / "new", names=("A", "B"))
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["comparison.csv", "comparison.png"]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "new" / "comparison.csv"), TABLE)


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file cannot be written"):
        write_comparison(TABLE, tmp_path / "file", names=("A", "B"))


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot

    draw_differences(TABLE, tmp_path / "picture.png", names=("A", "B"))
    assert pyplot.get_fignums() == []
