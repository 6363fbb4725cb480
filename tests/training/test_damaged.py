"""A damaged record met in training: the run says which, or goes on without it."""

from __future__ import annotations

import shutil

import pytest
import runs

import tfseg
from tfseg.checks import InputError
from tfseg.data.dataset.index import Index


@pytest.fixture
def damaged(dataset, tmp_path) -> tfseg.Dataset:
    """A copy of the data set whose second training record has a bit flipped."""
    copy = tfseg.Dataset.open(shutil.copytree(dataset.path, tmp_path / "data"))
    index = Index.read(copy, "train")
    with open(index.paths[index.shards[1]], "r+b") as file:
        file.seek(int(index.offsets[1]) + 500)
        (value,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([value ^ 1]))
    return copy


def test_a_damaged_record_stops_the_run_by_its_name(config, damaged, tmp_path):
    message = r"record 1 \(sample '.*'\) is damaged. .*--data.on_corrupt skip"
    with pytest.raises(InputError, match=message):
        tfseg.Trainer(config, tmp_path / "run").fit(damaged)


def test_a_damaged_record_is_left_out_where_that_is_asked_for(config, damaged, tmp_path):
    config = runs.changed(config, data={"on_corrupt": "skip"})
    with pytest.warns(UserWarning, match="is damaged and left out; 1 of 6 records"):
        summary = tfseg.Trainer(config, tmp_path / "run").fit(damaged)
    assert summary.steps == config.train.steps
