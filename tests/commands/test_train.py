"""tfseg train, bench and export, and how they stop."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfseg import config
from tfseg.cli import parse
from tfseg.data.files.images import read_image
from tfseg.inference.segmenter import load
from tfseg.training.interrupt import Terminated
from tfseg.training.trainer import Trainer


def test_train_leaves_the_configuration_the_history_and_both_checkpoints(run_dir):
    written = config.read(run_dir / "config.yaml")
    assert (written.train.steps, written.train.batch_size, written.data.crop_size) == (4, 2, 64)
    assert pd.read_csv(run_dir / "history.csv")["step"].tolist() == [2, 4]
    names = {path.stem for path in (run_dir / "checkpoints").iterdir()}
    assert {"best", "last"} <= names


def test_train_prints_one_object_and_its_progress_elsewhere(tfseg, dataset, small, tmp_path):
    result = tfseg("train", dataset, tmp_path / "run", "--json", "--augment=[]", *small)
    assert result.code == 0
    assert result.json["run_dir"] == str(tmp_path / "run")
    assert result.json["steps"] == 4
    assert result.json["loss"] > 0
    assert "train 4/4  loss " in result.err
    assert re.search(
        r"foreground \d\.\d+  center \d\.\d+  offset \d\.\d+  val_loss \d+\.\d+  val_pq \d\.\d+  "
        r"\d+\.\d images/s  data \d+%  0:00 left",
        result.err,
    )


@pytest.mark.slow
def test_a_dry_run_of_another_run_tells_what_it_would_take_and_writes_nothing(
    tfseg, dataset, run_dir, tmp_path
):
    result = tfseg("train", dataset, tmp_path / "run", "--from", run_dir, "--dry_run", "--json")
    assert result.code == 0
    assert result.json["images"] == [2, 64, 64, 1]
    assert result.json["steps"] == 4
    assert result.json["total_seconds"] > 4 * result.json["step_seconds"]
    assert list(tmp_path.iterdir()) == []


def test_steps_to_profile_are_a_range(tfseg, dataset, tmp_path):
    result = tfseg("train", dataset, tmp_path / "run", "--profile", "5", "3")
    assert (result.code, result.out) == (2, "")
    assert "--profile must be (a, b) with 1 <= a <= b" in result.err


def test_train_does_not_write_over_a_run(tfseg, dataset, run_dir, small):
    before = (run_dir / "history.csv").read_bytes()
    result = tfseg("train", dataset, run_dir, *small)
    assert (result.code, result.out) == (2, "")
    assert "--resume" in result.err
    assert (run_dir / "history.csv").read_bytes() == before


def test_an_unknown_backbone_is_refused_with_the_nearest(tfseg, dataset, tmp_path):
    network = ("--model.architecture", "unet", "--model.backbone", "resnet81")
    result = tfseg("train", dataset, tmp_path / "run", *network)
    assert (result.code, result.out) == (2, "")
    assert "resnet81" in result.err
    assert "Did you mean 'resnet" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupted_run_says_how_to_go_on(tfseg, dataset, tmp_path, monkeypatch, kind, code):
    def fit(self, *_, **__):
        (self.run_dir / "checkpoints").mkdir(parents=True)
        raise kind

    monkeypatch.setattr(Trainer, "fit", fit)
    result = tfseg("train", dataset, tmp_path / "run")
    run = tmp_path / "run"
    command = f"tfseg train {dataset} {run} --resume"
    assert result == (code, "", f"tfseg: interrupted; resume with: {command}\n")


@pytest.mark.filterwarnings("always")
def test_resume_alone_keeps_the_values_of_the_run_and_takes_only_what_may_change(
    tfseg, dataset, run_dir, tmp_path
):
    run = shutil.copytree(run_dir, tmp_path / "run")
    before = (run / "config.yaml").read_bytes()
    assert tfseg("train", dataset, run, "--resume", "--json").json["steps"] == 4
    assert (run / "config.yaml").read_bytes() == before

    (tmp_path / "more.yaml").write_text("train: {steps: 6}\nlog: {keep: 1}\n", encoding="utf-8")
    more = ("--config", tmp_path / "more.yaml", "--log.keep=3")
    result = tfseg("train", dataset, run, "--resume", "--json", *more)
    assert result.json["steps"] == 6
    assert "train.steps is 6 instead of 4, on which optimizer.schedule cosine depends" in result.err
    old, new = (config.flat(config.read(folder / "config.yaml")) for folder in (run_dir, run))
    differing = {name: new[name] for name in new if new[name] != old[name]}
    assert differing == {"train.steps": 6, "log.keep": 3}

    refused = tfseg("train", dataset, run, "--resume", "--data.crop_size=32")
    assert refused.code == 2
    assert "data.crop_size must be 64 to resume the run" in refused.err


@pytest.mark.filterwarnings("always")
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_a_checkpoint_from_which_the_run_goes_on(
    tfseg, dataset, small, tmp_path, number
):
    run = tmp_path / "run"
    arguments = ["train", str(dataset), str(run), *small, "--log.checkpoint_every=1"]
    arguments += ["--augment=[]"]
    command = [sys.executable, "-m", "tfseg", *arguments, "--train.steps=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(run / "history.csv", process)
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1].startswith(
        f"tfseg: interrupted; resume with: tfseg train {dataset}"
    )
    reached = pd.read_csv(run / "history.csv")["step"].iloc[-1]
    resumed = tfseg(*arguments, "--resume", f"--train.steps={reached + 1}", "--json")
    assert resumed.code == 0
    assert resumed.json["steps"] == reached + 1


def test_an_interrupt_before_the_first_checkpoint_does_not_promise_one(
    tfseg, dataset, tmp_path, monkeypatch
):
    def fit(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "fit", fit)
    result = tfseg("train", dataset, tmp_path / "run")
    assert result == (130, "", "tfseg: interrupted before the first checkpoint\n")


def wait_for(path: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + 300
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.2)


def test_several_data_sets_are_trained_on_in_the_shares_asked_for(tfseg, dataset, small, tmp_path):
    mixed = ("--data.weights=[2,1]", "--data.cache=memory", *small, "--train.steps=2")
    mixed += ("--augment=[]",)
    result = tfseg("train", dataset, dataset, tmp_path / "run", "--json", *mixed)
    assert result.code == 0, result.err
    # 12 images of 64 x 80 pixels, one byte and four of ids each
    assert "decoded images are kept: about 0.307 MB (memory)" in result.err
    assert result.json["steps"] == 2
    refused = tfseg("train", dataset, tmp_path / "other", *mixed)
    assert refused.code == 2
    assert "data.weights are for several data sets" in refused.err


def test_bench_has_the_speed_of_each_stage_and_the_bottleneck(tfseg, dataset, small):
    options = ("--batches=1", "--repeats=2", "--input_only", *small)
    result = tfseg("bench", dataset, "--json", *options)
    assert result.code == 0
    names = [row["stage"] for row in result.json["stages"]]
    assert names == ["read", "decode", "crop", "augment", "batch", "targets"]
    for row in result.json["stages"]:
        for speed in (row["alone"], row["cumulative"]):
            assert 0 < speed["low"] <= speed["median"] <= speed["high"]
    assert result.json["bottleneck"] in names
    assert "--" in result.json["remedy"]
    assert result.json["config"]["data"]["crop_size"] == 64
    result = tfseg("bench", dataset, *options)
    assert result.next == f"train {dataset} runs/first --train.minutes 20"
    table = result.out.splitlines()
    assert [line.split()[0] for line in table] == ["stage", *names, "bottleneck:"]


def test_export_writes_a_model_that_finds_what_predict_finds(tfseg, run_dir, files, tmp_path):
    result = tfseg("export", run_dir, tmp_path / "exported")
    assert (result.code, result.out) == (0, f"SavedModel: {tmp_path / 'exported'}\n")
    assert f"tfseg: next: tf.saved_model.load('{tmp_path / 'exported'}')" in result.err
    image = read_image(files / "images" / "00.png")
    exported = tf.saved_model.load(os.fspath(tmp_path / "exported"))
    origin = json.loads(exported.metadata().numpy())["origin"]
    assert (origin["run"], origin["checkpoint"], origin["step"]) == (str(run_dir), "best", 4)
    label = exported(tf.constant(image[None]))["labels"][0]
    np.testing.assert_array_equal(label, load(run_dir).predict(image).labels)
    refused = tfseg("export", run_dir, tmp_path / "exported")
    assert refused.code == 2
    assert "--overwrite" in refused.err


@pytest.mark.parametrize("command", ["evaluate", "predict", "export"])
def test_a_folder_without_a_run_is_named(tfseg, dataset, files, tmp_path, command):
    rest = {
        "evaluate": [dataset],
        "predict": [files / "images", "--out", tmp_path / "out"],
        "export": [tmp_path / "out"],
    }
    result = tfseg(command, tmp_path / "no-run", *rest[command])
    assert (result.code, result.out) == (2, "")
    assert str(tmp_path / "no-run") in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_launched_processes_train_one_run_and_stop_with_a_checkpoint(
    tfseg, dataset, small, tmp_path
):
    run = tmp_path / "run"
    arguments = ["train", str(dataset), str(run), *small, "--log.checkpoint_every=1"]
    arguments += ["--augment=[]"]
    command = [sys.executable, "-m", "tfseg", *arguments, "--launch=2", "--train.steps=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(run / "history.csv", process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 143
    # Not always the last line: TensorFlow has its say in a process that outlives the chief.
    for number in range(2):
        assert err.count(f"[{number}] tfseg: interrupted; resume with: tfseg") == 1
    reached = pd.read_csv(run / "history.csv")["step"].iloc[-1]
    goes_on = [*arguments, "--resume", f"--train.steps={reached + 1}", "--json", "--launch=2"]
    result = subprocess.run(
        [sys.executable, "-m", "tfseg", *goes_on], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["steps"] == reached + 1
    assert (run / "curves.png").is_file()


@pytest.mark.slow
def test_what_launched_processes_refuse_is_refused_with_their_exit_code(dataset, small, tmp_path):
    command = [sys.executable, "-m", "tfseg", "train", str(dataset), str(tmp_path / "run"), *small]
    result = subprocess.run(
        [*command, "--launch=2", "--train.batch_size=3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "[1] tfseg: error: train.batch_size must be a multiple of the 2" in result.stderr
    assert not (tmp_path / "run").exists()


def test_fewer_than_one_process_is_refused(tfseg, dataset, tmp_path):
    result = tfseg("train", dataset, tmp_path / "run", "--launch=0")
    assert (result.code, result.out) == (2, "")
    assert "--launch must be a whole number in [1, 64]; got 0" in result.err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("history.csv", None, "must be the history up to step 4 to resume the run"),
        ("run.json", '{"starts": [', "must be the record of the earlier starts of the run"),
    ],
)
def test_a_run_with_a_lost_or_cut_file_is_resumed_only_when_that_is_mended(
    tfseg, dataset, run_dir, tmp_path, name, content, message
):
    run = shutil.copytree(run_dir, tmp_path / "run")
    (run / name).unlink() if content is None else (run / name).write_text(content)
    result = tfseg("train", dataset, run, "--resume")
    assert result.code == 2
    assert f"{run / name} {message}" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("given", ["steps=7", "epochs=3.0", "minutes=2.0"])
def test_a_length_given_to_a_resumed_run_replaces_its_own_in_any_unit(tmp_path, given):
    length = config.TrainConfig(steps=4000, progress=((4000, 1.0, 4000),), patience=50)
    written = config.RunConfig(train=length)
    config.write(written, tmp_path / "config.yaml")
    _, values = parse(["train", "data", str(tmp_path), "--resume", f"--train.{given}"])
    train = config.to_dict(values["config"])["train"]
    name, _, value = given.partition("=")
    expected = {"steps": None, "epochs": 0.0, "minutes": 0.0} | {name: float(value)}
    assert {key: train[key] for key in expected} == expected
    assert (train["patience"], train["progress"]) == (50, [])
