"""The picture of a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.drawing.curves import draw_history, plot_curves, read_history

TABLE = pd.DataFrame(
    {
        "step": [10, 20, 30],
        "loss": [1.0, 0.5, 0.25],
        "loss/center": [0.5, 0.3, 0.1],
        "val_loss": [np.nan, 0.6, 0.4],
    }
)


def drawn(table: pd.DataFrame, folder) -> np.ndarray:
    table.to_csv(folder / "history.csv", index=False)
    draw_history(folder / "history.csv", folder / "history.png")
    return np.asarray(Image.open(folder / "history.png").convert("RGB"))


@pytest.mark.parametrize("columns", [["step", "loss"], list(TABLE.columns)])
def test_a_picture_of_fixed_size_with_something_on_it(tmp_path, columns):
    picture = drawn(TABLE[columns], tmp_path)
    assert picture.shape == (480, 840, 3)
    assert (picture < 128).any()


def test_the_losses_change_the_picture(tmp_path):
    other = TABLE.assign(loss=[1.0, 0.9, 0.8])
    assert not np.array_equal(drawn(TABLE, tmp_path), drawn(other, tmp_path))


def test_no_figure_stays_open(tmp_path):
    from matplotlib import pyplot

    drawn(TABLE, tmp_path)
    assert pyplot.get_fignums() == []


def test_the_figure_has_a_line_for_every_loss_of_a_run(tmp_path):
    TABLE.to_csv(tmp_path / "history.csv", index=False)
    (axes,) = plot_curves(tmp_path).axes
    assert [line.get_label() for line in axes.lines] == ["center", "weighted sum", "val"]
    assert axes.lines[1].get_ydata().tolist() == [1.0, 0.5, 0.25]
    assert axes.lines[2].get_xdata().tolist() == [20, 30]


def test_what_is_no_history_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a history"):
        plot_curves(tmp_path)
    (tmp_path / "history.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match="must have the columns step and loss"):
        plot_curves(tmp_path / "history.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a history"),
        ("a,b\n1,2\n", "must have the columns step and loss"),
        ("step,loss\n2,abc\n", "must have numbers alone; got 'abc' as loss"),
        ("step,loss,val_loss\n2,1,\n4,1,x\n", "as val_loss"),
        ('"""', "cannot be read as a history"),
    ],
)
def test_what_is_no_table_of_numbers_is_no_history(tmp_path, text, message):
    (tmp_path / "history.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_history(tmp_path)


def test_columns_without_a_single_number_are_taken(tmp_path):
    (tmp_path / "history.csv").write_text("step,loss,val_loss\n2,1.5,\n")
    assert read_history(tmp_path)["loss"].tolist() == [1.5]
