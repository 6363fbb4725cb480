"""The training loop: what it leaves, how it stops, how it goes on."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import runs
from runs import arrays

import tfseg
from tfseg import config as configs
from tfseg.checks import InputError
from tfseg.networks import weights
from tfseg.training.session import Session


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """What `on_log` got in the run of `run_dir`."""
    return []


@pytest.fixture(scope="module")
def summary(config, dataset, run_dir: Path, rows) -> tfseg.TrainingSummary:
    return tfseg.Trainer(config, run_dir).fit(dataset, on_log=rows.append)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("runs") / "whole"


@pytest.fixture
def copy(summary, run_dir, tmp_path) -> Path:
    """A copy of the finished run, to be damaged."""
    return Path(shutil.copytree(run_dir, tmp_path / "copy"))


def assert_equal_arrays(first: Path, second: Path) -> None:
    one, two = arrays(first), arrays(second)
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(two[name], array)


def test_a_run_leaves_its_configuration_history_and_checkpoints(summary, run_dir, config):
    written = configs.read(run_dir / "config.yaml")
    of_data = {
        **{"channels": 1, "class_names": ("nucleus",), "min_contrast": (0, 61), "bits": 8},
        "normalization": "image",
    }
    assert written == runs.changed(config, model=of_data)
    table = pd.read_csv(run_dir / "history.csv")
    assert table["step"].tolist() == [2, 4, 6]
    # 2 samples a step, 6 images
    assert table["epoch"].tolist() == pytest.approx([4 / 6, 8 / 6, 2])
    assert np.isfinite(table.to_numpy()).all()
    assert sorted(path.name for path in (run_dir / "checkpoints").iterdir()) == [
        "best.npz",
        "last-1.npz",
        "last.npz",
    ]
    assert arrays(run_dir / "checkpoints" / "last.npz")["step"] == 6


def test_the_summary_agrees_with_the_history(summary, run_dir):
    table = pd.read_csv(run_dir / "history.csv")
    assert summary.steps == 6
    assert summary.loss == pytest.approx(table["loss"].iloc[-1])
    assert summary.best_validation_loss == pytest.approx(table["val_loss"].min())
    assert summary.images_per_second == pytest.approx(12 / summary.seconds)


def test_the_best_checkpoint_is_that_of_the_lowest_validation_loss(summary, run_dir):
    table = pd.read_csv(run_dir / "history.csv")
    best = arrays(run_dir / "checkpoints" / "best.npz")
    assert best["step"] == table["step"][table["val_loss"].idxmin()]
    assert best["loss"] == pytest.approx(table["val_loss"].min())


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero(summary, run_dir, config):
    rates = pd.read_csv(run_dir / "history.csv")["learning_rate"].tolist()
    # warm-up of 2 steps, then half a cosine over the other 4
    assert rates == pytest.approx(
        [config.optimizer.learning_rate, config.optimizer.learning_rate / 2, 0.0], abs=1e-9
    )


def test_progress_tells_the_steps_and_the_time_that_is_left(summary, rows):
    assert [(row["step"], row["steps"]) for row in rows] == [(2, 6), (4, 6), (6, 6)]
    assert rows[0]["seconds_left"] > rows[-1]["seconds_left"] == 0


def test_a_run_that_was_interrupted_ends_like_one_that_was_not(
    summary, run_dir, config, dataset, tmp_path
):
    def press_ctrl_c(row: dict) -> None:
        if row["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    trainer = tfseg.Trainer(config, tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(dataset, on_log=press_ctrl_c)
    last = tmp_path / "run" / "checkpoints" / "last.npz"
    assert arrays(last)["step"] == 2
    assert tfseg.load(tmp_path / "run").channels == 1

    resumed = tfseg.Trainer(config, tmp_path / "run").fit(dataset, resume=True)
    assert resumed.steps == 6
    assert_equal_arrays(run_dir / "checkpoints" / "last.npz", last)
    resumed, straight = (pd.read_csv(path / "history.csv") for path in (tmp_path / "run", run_dir))
    columns = [name for name in straight.columns if name != "images_per_second"]
    pd.testing.assert_frame_equal(resumed[columns], straight[columns])


def test_a_folder_with_something_in_it_is_left_alone(config, dataset, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"is not empty; resume the run in it \(--resume\) or"):
        tfseg.Trainer(config, tmp_path).fit(dataset)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_without_checkpoint_cannot_be_resumed(config, dataset, tmp_path):
    with pytest.raises(InputError, match=r"has no checkpoint last.npz; train it first"):
        tfseg.Trainer(config, tmp_path / "none").fit(dataset, resume=True)
    assert not (tmp_path / "none").exists()


def test_a_run_does_not_go_on_with_other_values(config, dataset, copy):
    other = runs.changed(config, train={"batch_size": 4})
    with pytest.raises(
        InputError, match=r"train.batch_size must be 2 to resume the run, as in .*yaml; got 4"
    ):
        tfseg.Trainer(other, copy).fit(dataset, resume=True)


def test_weights_of_another_architecture_are_refused(config, dataset, copy):
    other = runs.changed(config, model={"filters": (8, 24), "channels": 1})
    configs.write(other, copy / "config.yaml")
    with pytest.raises(InputError, match="belongs to another architecture"):
        tfseg.load(copy)


def _edit_last(run: Path, edit) -> None:
    """Rewrites the last checkpoint as if it were that of step 2, with `edit` applied."""
    path = run / "checkpoints" / "last.npz"
    content = arrays(path) | {"step": np.array(2)}
    edit(content)
    weights.write(path, content)


def test_a_loss_that_is_not_finite_stops_the_run_with_step_and_checkpoint(config, dataset, copy):
    model = Session(config, dataset).model
    index = next(i for i, v in enumerate(model.variables) if v.path.endswith("offset/kernel"))

    def overflow(content: dict) -> None:
        content[f"{index:05d}"][:] = np.float32(3e38)

    _edit_last(copy, overflow)
    last = copy / "checkpoints" / "last.npz"
    before = last.read_bytes()
    message = (
        r"The loss is (nan|inf) at step 3 of the samples \S+, \S+ \(nonfinite.csv\); "
        rf"the last good checkpoint is {re.escape(str(last))}"
    )
    with pytest.raises(InputError, match=message + r". Lower optimizer.learning_rate or"):
        tfseg.Trainer(config, copy).fit(dataset, resume=True)
    assert last.read_bytes() == before


def test_weights_that_overflow_after_a_finite_loss_are_not_kept(config, dataset, copy):
    session = Session(config, dataset)
    network = len(session.model.variables)

    def explode(content: dict) -> None:
        # AdamW moves the weights by momentum / sqrt(velocity), here by 1e38 times the rate
        for position, variable in enumerate(session.optimizer.variables, start=network):
            if variable.path.endswith("iteration"):
                content[f"{position:05d}"][...] = 2  # where the rate has its peak
            elif variable.path.endswith("momentum"):
                content[f"{position:05d}"][...] = np.float32(3e38)
            elif variable.path.endswith("velocity"):
                content[f"{position:05d}"][...] = 0

    _edit_last(copy, explode)
    config = runs.changed(config, train={"steps": 3})
    last = copy / "checkpoints" / "last.npz"
    before = last.read_bytes()
    with pytest.raises(
        InputError, match=r"was finite, but the weights became non-finite at step 3"
    ):
        tfseg.Trainer(config, copy).fit(dataset, resume=True)
    assert last.read_bytes() == before


def test_a_batch_that_the_replicas_cannot_share_is_refused(config, dataset, tmp_path):
    config = runs.changed(config, train={"batch_size": 3}, devices={"names": ("CPU:0", "CPU:1")})
    with pytest.raises(InputError, match=r"multiple of the 2 replicas; got 3. Use 4."):
        tfseg.Trainer(config, tmp_path / "run").fit(dataset)
    assert not (tmp_path / "run").exists()


def test_a_crop_larger_than_the_images_is_padded_and_said(config, dataset):
    config = dataclasses.replace(runs.changed(config, data={"crop_size": 288}), augment=())
    with pytest.warns(
        UserWarning, match=r"data.crop_size is 288, and some images of .* down to 256 pixels"
    ):
        session = Session(config, dataset)
    images, targets = next(session.training_input())
    assert images.shape[1:3] == (288, 288)
    counted = np.asarray(targets["foreground"]) >= 0
    assert counted.sum(axis=(1, 2, 3)).tolist() == [256 * 256] * 2


def test_channels_that_the_images_do_not_have_are_refused(config, dataset, tmp_path):
    config = runs.changed(config, model={"channels": 3})
    with pytest.raises(
        InputError, match=r"model.channels must be 1, as in .*; got 3. Leave it out"
    ):
        tfseg.Trainer(config, tmp_path / "run").fit(dataset)
