"""What a run may be resumed with: its values, its data, and never two at once."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import runs
from runs import CONFIG, arrays

import tfseg
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.mixture import Mixture

Trainer = functools.partial(tfseg.Trainer, build=runs.build)
changed = functools.partial(runs.changed, CONFIG)


@pytest.fixture(scope="module")
def finished(dataset, tmp_path_factory) -> Path:
    """A run of six steps."""
    run = tmp_path_factory.mktemp("runs") / "run"
    Trainer(CONFIG, run).fit(dataset)
    return run


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def resumed(run: Path, dataset: tfseg.Dataset, config: RunConfig = CONFIG) -> int:
    """Resumes the run, and returns the number of its steps."""
    return Trainer(config, run).fit(dataset, resume=True).steps


def step_of(run: Path) -> int:
    return int(arrays(run / "checkpoints" / "last.npz")["step"])


def test_other_steps_under_a_schedule_that_depends_on_them_are_said(dataset, run):
    # 2 steps of warm-up; step 7 is in the middle of the other 8: half of 0.01, by the cosine
    message = (
        "train.steps is 10 instead of 6, on which optimizer.schedule cosine depends: the learning "
        "rate of step 7 is 0.005 instead of 0"
    )
    with pytest.warns(UserWarning, match=message):
        assert resumed(run, dataset, changed(train={"steps": 10})) == 10


def test_other_steps_of_a_constant_rate_need_no_word(dataset, tmp_path):
    config = changed(optimizer={"schedule": "constant"})
    Trainer(config, tmp_path / "run").fit(dataset)
    assert resumed(tmp_path / "run", dataset, runs.changed(config, train={"steps": 7})) == 7


def test_fewer_steps_than_the_run_has_done_are_refused(dataset, run, contents):
    before = contents(run)
    with pytest.raises(InputError, match=r"train.steps must be at least 6, .* has done; got 4"):
        resumed(run, dataset, changed(train={"steps": 4}))
    assert contents(run) == before


@pytest.fixture(scope="module")
def others(dataset, tmp_path_factory) -> dict[str, tfseg.Dataset]:
    """The data set at another path, in other shards, and with other records, but as many."""
    folder, files = tmp_path_factory.mktemp("others"), dataset.path.parent / "files"
    convert = functools.partial(tfseg.convert, class_name="nucleus")
    swapped = folder / "files"
    shutil.copytree(files, swapped)
    for kind in ("images", "labels"):
        train, val = (sorted((swapped / split / kind).iterdir())[0] for split in ("train", "val"))
        train.rename(swapped / "val" / kind / train.name)
        val.rename(swapped / "train" / kind / val.name)
    return {
        "moved": tfseg.Dataset.open(shutil.copytree(dataset.path, folder / "moved")),
        "sharded": convert(files, folder / "sharded", shard_size=2),
        "swapped": convert(swapped, folder / "swapped"),
    }


@pytest.mark.parametrize("name", ["moved", "sharded"])
def test_the_same_records_elsewhere_or_in_other_shards_are_the_same_data(
    dataset, run, others, name
):
    assert resumed(run, others[name]) == 6
    (entry,) = json.loads((run / "run.json").read_text(encoding="utf-8"))["data"]
    assert entry["path"] == str(others[name].path)
    assert resumed(run, dataset) == 6


def test_as_many_records_of_other_content_are_refused(dataset, run, others, contents):
    before = contents(run)
    message = (
        r"other images or labels among the 6 of the split train, other images or labels among the "
        rf"2 of the split val in .*swapped; it was trained on {dataset.path}\. Give these data, or"
    )
    with pytest.raises(InputError, match=message):
        resumed(run, others["swapped"], changed(train={"steps": 7}))
    assert contents(run) == before


def test_another_number_of_data_sets_is_refused(dataset, run):
    with pytest.raises(InputError, match=r"got .* \+ .*; it was trained on"):
        resumed(run, Mixture.join([dataset, dataset]))


def test_without_its_record_a_run_is_resumed_and_this_is_said(run, others):
    (run / "run.json").unlink()
    with pytest.warns(UserWarning, match=r"run.json is missing, so the data were not compared"):
        assert resumed(run, others["swapped"]) == 6
    assert len(json.loads((run / "run.json").read_text(encoding="utf-8"))["starts"]) == 1


def test_a_cut_record_is_named(dataset, run):
    (run / "run.json").write_text('{"starts": [], "data": [{"path": "a"}]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"run.json must be the record .* Restore or remove it"):
        resumed(run, dataset)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_which_a_run_writes_is_refused(dataset, tmp_path, resume):
    refused = []

    def start_another(row: dict) -> None:
        if row["step"] == 4:
            with pytest.raises(InputError) as error:
                Trainer(CONFIG, tmp_path / "run").fit(dataset, resume=resume)
            refused.append(str(error.value))

    Trainer(CONFIG, tmp_path / "run").fit(dataset, on_log=start_another)
    assert refused == [
        f"{tmp_path / 'run'} is being written by another run. Wait for it to end, or choose "
        "another folder."
    ]
    assert step_of(tmp_path / "run") == 6
    assert not (tmp_path / "run" / "lock").exists()


def test_the_lock_of_a_killed_run_is_no_obstacle(dataset, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").touch()
    config = changed(train={"steps": 2})
    Trainer(config, tmp_path / "run").fit(dataset)
    (tmp_path / "run" / "lock").touch()
    assert resumed(tmp_path / "run", dataset, config) == 2


def test_a_resumed_run_needs_the_run_of_its_first_weights_no_longer(dataset, finished, tmp_path):
    first = Path(shutil.copytree(finished, tmp_path / "first"))
    config = changed(train={"init": str(first), "steps": 2})
    Trainer(config, tmp_path / "run").fit(dataset)
    before = arrays(tmp_path / "run" / "checkpoints" / "last.npz")
    shutil.rmtree(first)
    assert resumed(tmp_path / "run", dataset, config) == 2
    after = arrays(tmp_path / "run" / "checkpoints" / "last.npz")
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)


def test_a_value_that_decides_on_the_training_is_refused_with_both_values(dataset, run):
    other = dataclasses.replace(CONFIG, seed=4)
    with pytest.raises(InputError, match=r"seed must be 3 to resume the run, as in .*; got 4"):
        resumed(run, dataset, other)
