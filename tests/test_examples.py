"""The examples run from the command line and leave what they say."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

EXAMPLES = Path(__file__).parents[1] / "examples"
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


@pytest.mark.slow
def test_plain_keras_trains_on_two_replicas(tmp_path):
    main = runpy.run_path(str(EXAMPLES / "keras_fit.py"))["main"]
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    evaluation = main(tmp_path, 2, strategy)
    assert evaluation.summary()["num_images"] == 12
    assert (tmp_path / "model.keras").is_file()


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(LEFT)
