"""README.md is correct: its scripts run, its commands parse, its files and names exist."""

from __future__ import annotations

import pydoc
import re
import runpy
import shlex
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseg import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^    tfseg (.*)$", README, re.MULTILINE)


def test_there_are_two_scripts_of_at_most_15_lines_the_demo_and_seven_commands():
    assert [len(script.strip().splitlines()) <= 15 for script in SCRIPTS] == [True, True]
    assert COMMANDS[0] == "demo" and len(COMMANDS) == 8


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_valid(command):
    module, _ = cli.parse(shlex.split(command))
    assert module.__name__.startswith("tfseg.commands.")


@pytest.mark.slow
def test_the_script_runs_to_an_exported_network(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    steps = "train=tfseg.TrainConfig(steps=1000, batch_size=8)"
    assert steps in SCRIPTS[0]
    script = SCRIPTS[0].replace(
        steps,
        "train=tfseg.TrainConfig(steps=2, batch_size=2), "
        "optimizer=tfseg.OptimizerConfig(warmup_steps=0)",
    )
    exec(compile(script, "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert re.search(r"^dice +0\.\d+", out, re.MULTILINE)
    assert re.search(r"^\d+ instances in 6 images$", out, re.MULTILINE)
    assert (tmp_path / "exported" / "saved_model.pb").is_file()
    assert len(list((tmp_path / "predicted" / "overlays").iterdir())) == 6


def test_the_three_lines_augment_a_dataset_of_the_user():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    pairs = tf.data.Dataset.from_tensors((image, image[..., 0].astype(np.int32)))
    names = {"dataset": pairs}
    exec(compile(SCRIPTS[1], "README.md", "exec"), names)
    labels = [label for _, label in names["dataset"].take(6).as_numpy_iterator()]
    assert len({label.tobytes() for label in labels}) > 2


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_link_leads_to_a_file_and_a_heading(page):
    links = re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        if path.startswith("https://"):
            continue
        assert (ROOT / path).is_file(), link
        if anchor:
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
            heads = [line.lstrip("# ") for line in lines if line.startswith("#")]
            plain = [re.sub(r"[^\w -]", "", head) for head in heads]
            assert anchor in [head.lower().replace(" ", "-") for head in plain], link


def test_the_layers_are_those_that_the_test_of_imports_enforces():
    layers = runpy.run_path(str(Path(__file__).with_name("test_layers.py")))["LAYERS"]
    diagram = re.search(r"```\n(\d +commands/.*?)```", README, re.DOTALL)[1]
    lines = re.split(r"^(\d) ", diagram, flags=re.MULTILINE)[1:]
    drawn = {
        int(number): set(re.findall(r"([\w/]+)(?:/|\.py)(?=\s)", rooms))
        for number, rooms in zip(lines[::2], lines[1::2], strict=True)
    }
    enforced = {
        number: {room.replace(".", "/") for room in rooms} - {"__main__", "sample"}
        for number, rooms in enumerate(layers, start=1)
    }
    assert drawn == enforced


@pytest.mark.parametrize(
    "name", ["augment.TRANSFORMS", "data.conversion.formats.NAMES", "heads.HEADS", "config.HEADS"]
)
def test_the_lists_for_extensions_exist(name):
    assert f"`{name}`" in CONTRIBUTING
    assert pydoc.locate(f"tfseg.{name}")
