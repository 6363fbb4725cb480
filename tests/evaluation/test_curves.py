"""The picture of a training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfseg.evaluation.curves import draw_history

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
