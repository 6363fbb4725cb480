"""The examples run from the command line and leave what they say."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

EXAMPLES = Path(__file__).parents[1] / "examples"
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


def test_every_example_is_run_and_the_new_ones_fit_on_a_page():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*LEFT, "multi_gpu.py"}
    assert {path.name for path in EXAMPLES.glob("*.sh")} == {"multi_worker.sh"}
    scripts = [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.sh")]
    assert all(len(path.read_text("utf-8").splitlines()) < 80 for path in scripts)
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
