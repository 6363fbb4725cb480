"""The history: rows in memory, and a file that is replaced atomically."""

from __future__ import annotations

import pandas as pd
import pytest

from tfseg.checks import InputError
from tfseg.training.history import History


def test_rows_are_written_with_columns_that_only_some_of_them_have(tmp_path):
    history = History(tmp_path / "history.csv")
    history.rows += [{"step": 10, "loss": 2.0}, {"step": 20, "loss": 1.0, "val_loss": 3.0}]
    history.write()
    table = pd.read_csv(tmp_path / "history.csv")
    assert table.columns.tolist() == ["step", "loss", "val_loss"]
    assert table["val_loss"].isna().tolist() == [True, False]
    assert [path.name for path in tmp_path.iterdir()] == ["history.csv"]


def test_restoring_drops_what_comes_after_the_step(tmp_path):
    history = History(tmp_path / "history.csv")
    history.rows += [{"step": step, "loss": 1.0 / step} for step in (10, 20, 30)]
    history.write()
    again = History(tmp_path / "history.csv")
    again.restore(20)
    assert [row["step"] for row in again.rows] == [10, 20]
    again.rows.append({"step": 25, "loss": 0.5})
    again.write()
    assert pd.read_csv(tmp_path / "history.csv")["step"].tolist() == [10, 20, 25]


def test_rows_that_are_read_and_written_again_keep_every_bit(tmp_path):
    history = History(tmp_path / "history.csv")
    history.rows += [{"step": step, "loss": 1.0 / 3.0**step} for step in range(1, 60)]
    history.write()
    before = history.path.read_bytes()
    again = History(history.path)
    again.restore(100)
    again.write()
    assert history.path.read_bytes() == before


def test_a_run_stopped_before_its_first_row_has_no_file_and_can_be_restored(tmp_path):
    history = History(tmp_path / "history.csv")
    history.write()
    assert list(tmp_path.iterdir()) == []
    history.restore(0)
    assert history.rows == []


@pytest.mark.parametrize("text", [None, "", "a\n1\n", "step,loss\n2,x\n", "step,loss\n", '"""'])
def test_a_missing_or_damaged_history_is_refused_where_there_were_rows(tmp_path, text):
    history = History(tmp_path / "history.csv")
    if text is not None:
        history.path.write_text(text)
    with pytest.raises(
        InputError, match=r"history\.csv must be the history up to step 4 to resume"
    ):
        history.restore(4, pending=1)


def test_a_run_that_was_stopped_before_its_first_row_has_no_history_yet(tmp_path):
    history = History(tmp_path / "history.csv")
    history.restore(3, pending=3)
    assert history.rows == []
