"""The examples run from the command line and leave what they say."""

from __future__ import annotations

import csv
import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import tfseg
from tfseg import augment
from tfseg.cli import main

EXAMPLES = Path(__file__).parents[1] / "examples"
PARTS = ("own_head.py", "own_loss.py", "own_transform.py")  # that tfseg.register takes
OWN = ("own_encoder.py", "own_network.py", "own_loop.py")
NOTEBOOK = EXAMPLES / "nuclei.ipynb"
LEFT = {
    "train_nuclei.py": ("run/checkpoints/best.npz", "evaluation/summary.json", "exported"),
    "keras_fit.py": ("model.keras",),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEFT)
def test_an_example_runs_and_prints_its_figures(name, tmp_path):
    command = [sys.executable, str(EXAMPLES / name), str(tmp_path / "out"), "--steps=2"]
    result = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert result.returncode == 0, result.stderr
    assert "dice" in result.stdout
    assert all((tmp_path / "out" / path).exists() for path in LEFT[name])


@pytest.mark.exhaustive
def test_plain_keras_trains_on_two_replicas(tmp_path):
    main = runpy.run_path(str(EXAMPLES / "keras_fit.py"))["main"]
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    evaluation = main(tmp_path, 2, strategy)
    assert evaluation.summary()["num_images"] == 12
    assert (tmp_path / "model.keras").is_file()


def run(*command: object) -> str:
    """Returns what a command printed."""
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_several_devices_end_with_the_loss_of_one(tmp_path):
    out = run(sys.executable, EXAMPLES / "multi_gpu.py", tmp_path / "out", "--steps=2")
    rows = re.findall(r"^(CPU:.*): loss ([\d.]+), .* images/s$", out, re.MULTILINE)
    assert [devices for devices, _ in rows] == ["CPU:0", "CPU:0, CPU:1"]
    one, both = (float(loss) for _, loss in rows)
    assert both == pytest.approx(one, rel=1e-3)
    for name in ("one", "all"):
        assert (tmp_path / "out" / name / "checkpoints" / "last.npz").is_file()


@pytest.mark.slow
def test_two_processes_train_and_the_same_command_goes_on(tmp_path):
    command = ("bash", EXAMPLES / "multi_worker.sh", tmp_path / "out")
    assert re.search(r"^steps +2$", run(*command, 2), re.MULTILINE)
    assert re.search(r"^steps +2$", run(*command, 2), re.MULTILINE)
    assert (tmp_path / "out" / "run" / "checkpoints" / "last.npz").is_file()


def test_the_three_parts_train_together_by_name(tmp_path, registrations):
    assert main(["convert", str(tfseg.sample.path() / "other"), str(tmp_path / "data")]) == 0
    options = [f"--plugins={EXAMPLES / name}" for name in PARTS]
    options += ["--model.head=Inside", "--model.loss=bce + Hinge", "--model.filters=[4,4]"]
    options += ["--augment=[{name: Posterize, levels: [3, 8], p: 1.0}]", "--optimizer.name=SGD"]
    options += ["--data.crop_size=32", "--train.batch_size=2", "--optimizer.warmup_steps=0"]
    run_dir = tmp_path / "run"
    assert main(["train", str(tmp_path / "data"), str(run_dir), "--train.steps=2", *options]) == 0
    (row,) = csv.DictReader((run_dir / "history.csv").read_text("utf-8").splitlines())
    assert float(row["loss/foreground"]) > 0 and float(row["loss/inside"]) > 0
    # of three levels 0, 0.5 and 1 is what is left of 0.2, 0.4 and 0.8
    posterize = augment.from_spec([{"name": "Posterize", "levels": (3, 3)}])[0]
    changed = posterize.change(tf.constant([0.2, 0.4, 0.8]), {"levels": tf.constant(3)})
    assert changed.numpy().tolist() == [0.0, 0.5, 1.0]


def test_a_network_of_its_own_is_trained_and_scored(tmp_path):
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=32),
        train=tfseg.TrainConfig(steps=1, batch_size=1),
        optimizer=tfseg.OptimizerConfig(name="SGD", warmup_steps=0, freeze_encoder=1),
    )
    evaluation = runpy.run_path(str(EXAMPLES / "own_network.py"))["main"](tmp_path, config)
    assert evaluation.summary()["num_images"] == 12
    assert (tmp_path / "run" / "config.network.json").is_file()


def test_an_encoder_of_keras_hub_is_trained_and_predicts(dataset, tmp_path):
    pytest.importorskip("keras_hub", reason="comes with the extra dev")
    network = runpy.run_path(str(EXAMPLES / "own_encoder.py"))["network"]
    config = tfseg.RunConfig(
        data=tfseg.DataConfig(crop_size=64),
        augment=(),
        train=tfseg.TrainConfig(steps=1, batch_size=1),
        optimizer=tfseg.OptimizerConfig(name="SGD", warmup_steps=0),
    )
    tfseg.Trainer(config, tmp_path / "run", network=network).fit(dataset)
    (sample,) = dataset.samples("val").take(1).as_numpy_iterator()
    instances = tfseg.load(tmp_path / "run").predict(sample["image"])
    assert instances.labels.shape == sample["label"].shape


def test_a_loop_of_its_own_learns(dataset):
    losses, segmenter = runpy.run_path(str(EXAMPLES / "own_loop.py"))["loop"](dataset, 6)
    assert len(losses) == 6 and losses[-1] < losses[0]
    assert tfseg.evaluate(segmenter, dataset, "val").summary()["num_images"] == 2


def test_every_example_is_run_and_the_new_ones_fit_on_a_page():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*LEFT, *PARTS, *OWN, "multi_gpu.py"}
    assert {path.name for path in EXAMPLES.glob("*.sh")} == {"multi_worker.sh"}
    scripts = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.sh")]
    assert all(len(path.read_text("utf-8").splitlines()) < 80 for path in scripts)
    assert all(
        len((EXAMPLES / name).read_text("utf-8").splitlines()) < 40 for name in (*PARTS, *OWN)
    )
    assert [path.name for path in EXAMPLES.glob("*.ipynb")] == [NOTEBOOK.name]


def shown(cells: list[dict]) -> dict[str, int]:
    """Returns how many outputs of a notebook show what."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    return {
        "plots": sum("image/png" in output.get("data", {}) for output in outputs),
        "images": sum(page.count("data:image/jpeg;base64,") for page in pages),
        "tables": sum("<table" in page for page in pages),
        "bars": sum("<progress" in page for page in pages),
        "errors": sum(output["output_type"] == "error" for output in outputs),
    }


# Three images of the data set, and the instances; the data set, an evaluation, three of pandas.
SHOWN = {"plots": 5, "images": 4, "tables": 5, "bars": 3, "errors": 0}


def test_the_notebook_has_its_pictures_and_is_small():
    text = NOTEBOOK.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    assert shown(cells) == SHOWN
    assert "train 200/200  loss " in text
    assert '"name": "stderr"' not in text
    assert NOTEBOOK.stat().st_size < 2_000_000


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    client = pytest.importorskip("nbclient").NotebookClient
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert "STEPS = 200" in text
    notebook = nbformat.reads(text.replace("STEPS = 200", "STEPS = 2"), as_version=4)
    for cell in notebook.cells:
        cell.pop("outputs", None)
        if cell.cell_type == "code":
            cell.outputs = []
    resources = {"metadata": {"path": str(tmp_path)}}
    client(notebook, timeout=900, kernel_name="python3", resources=resources).execute()
    assert shown(notebook.cells) == SHOWN
    assert notebook.cells[-1].outputs[-1]["text"].startswith("report.html: ")
