"""What a run may be resumed with: its values, its data, and never two at once."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import runs
from runs import CONFIG, arrays

import tfseg
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.mixture import Mixture
from tfseg.run_files import NETWORK
from tfseg.training.resuming import check_steps
from tfseg.training.run_folder import RunFolder

Trainer = functools.partial(tfseg.Trainer, network=runs.build)
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


def test_other_steps_under_a_schedule_that_depends_on_them_are_said(dataset, run):
    # 2 steps of warm-up; step 7 is in the middle of the other 8: half of 0.01, by the cosine
    message = (
        "train.steps is 10 instead of 6, on which optimizer.schedule cosine depends: the learning "
        "rate of step 7 is 0.005 instead of 0"
    )
    with pytest.warns(UserWarning, match=message):
        assert resumed(run, dataset, changed(train={"steps": 10})) == 10


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_other_steps_of_a_schedule_without_an_end_need_no_word(tmp_path, schedule):
    folder, config = RunFolder(tmp_path), changed(optimizer={"schedule": schedule})
    folder.write_config(config)
    longer = runs.changed(config, train={"steps": 10})
    check_steps(folder, longer, done=6, updates=6)


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


def test_a_folder_in_which_a_run_writes_is_refused(dataset, run):
    refused = []

    def start_another(row: dict) -> None:
        for resume in (False, True):
            with pytest.raises(InputError) as error:
                Trainer(CONFIG, run).fit(dataset, resume=resume)
            refused.append(str(error.value))

    (run / "lock").touch()  # as a killed run leaves it
    longer = changed(train={"steps": 7}, log={"log_every": 7})
    with pytest.warns(UserWarning, match="learning rate of step 7"):
        Trainer(longer, run).fit(dataset, resume=True, on_log=start_another)
    message = f"{run} is being written by another run. Wait for it to end, or choose another"
    assert refused == [f"{message} folder."] * 2
    assert int(arrays(run / "checkpoints" / "last.npz")["step"]) == 7
    assert not (run / "lock").exists()


def test_a_killed_run_that_left_only_its_lock_is_no_run(tmp_path):
    folder = RunFolder(tmp_path / "a" / "run")
    with folder.locked():
        assert folder.path.is_dir()
        folder.check_empty()
    assert not folder.path.parent.exists()


def test_a_resumed_run_needs_the_run_of_its_first_weights_no_longer(
    dataset, finished, run, tmp_path
):
    folder = RunFolder(run)
    config = runs.changed(folder.read_config(), train={"init": str(tmp_path / "gone")})
    folder.write_config(config)
    assert resumed(run, dataset, config) == 6
    last = Path("checkpoints", "last.npz")
    assert (run / last).read_bytes() == (finished / last).read_bytes()
    with pytest.raises(InputError, match="gone"):
        Trainer(config, tmp_path / "fresh").fit(dataset)


def test_a_value_that_decides_on_the_training_is_refused_with_both_values(dataset, run):
    other = dataclasses.replace(CONFIG, seed=4)
    with pytest.raises(InputError, match=r"seed must be 3 to resume the run, as in .*; got 4"):
        resumed(run, dataset, other)


def test_a_run_trains_in_another_thread(dataset, tmp_path):
    config = changed(train={"steps": 2})
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(lambda: Trainer(config, tmp_path / "run").fit(dataset))
        assert fit.result().steps == 2


@pytest.mark.filterwarnings("ignore:train.steps is 8")
@pytest.mark.parametrize("name", ["config.yaml", "run.json", "history.csv"])
def test_a_full_disk_leaves_the_files_before_and_is_said(dataset, run, name):
    files = [path for path in run.rglob("*") if path.is_file() and path.name != NETWORK]
    before = {path: path.read_bytes() for path in files}
    (run / f"{name}.partial").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"cannot be written: No space left on device\."):
        resumed(run, dataset, changed(train={"steps": 8}))
    # What is written before it: the best weights of step 8 will be written again.
    order = ["config.yaml", "run.json", "best.npz", "history.csv", "last.npz", "last-1.npz"]
    for path, content in before.items():
        assert (path.read_bytes() == content) is (order.index(path.name) >= order.index(name))
