"""What the README says is so: its scripts run, its commands parse, its files and names exist."""

from __future__ import annotations

import json
import pydoc
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseg import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPTS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
COMMANDS = re.findall(r"^    tfseg (.*)$", README, re.MULTILINE)


def test_there_are_two_scripts_of_at_most_15_lines_and_a_line_for_most_commands():
    assert [len(script.strip().splitlines()) <= 15 for script in SCRIPTS] == [True, True]
    assert len(COMMANDS) == 7


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


def test_the_three_lines_augment_somebodys_own_dataset():
    image = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    own = tf.data.Dataset.from_tensors((image, image[..., 0].astype(np.int32)))
    names = {"dataset": own}
    exec(compile(SCRIPTS[1], "README.md", "exec"), names)
    drawn = [label for _, label in names["dataset"].take(6).as_numpy_iterator()]
    assert len({label.tobytes() for label in drawn}) > 2


def test_the_table_of_speed_is_that_of_the_benchmark():
    results = json.loads((ROOT / "benchmarks/results/augmentation.json").read_text())["results"]
    table = README.partition("| 512 x 512 x 3 and 100 ids |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    assert len(rows) >= 8
    for question, own, *others in rows:
        measured = results[question.replace("p = ", "p=")]
        assert own == f"{measured['tfseg']['milliseconds_per_image']['median']:.1f} ms"
        for peer, ratio in zip(("albumentationsx", "albumentations"), others, strict=True):
            assert ratio == f"{measured[peer]['ratio']['median']:.2f}"


def test_the_sentences_about_speed_are_those_of_the_benchmark():
    results = json.loads((ROOT / "benchmarks/results/augmentation.json").read_text())["results"]
    ratio = {
        (question, name): row["ratio"]["median"]
        for question, rows in results.items()
        for name, row in rows.items()
    }
    text = " ".join(README.split())
    addons = ratio["five geometric", "tensorflow-addons"]
    assert f"a warp each, take {addons:.1f} times as long" in text
    assert f"preprocessing layers {ratio['Keras layers', 'keras']:.1f} times as long" in text
    workers = ratio["workers of Dataset.map", "one worker"]
    assert f"makes it {workers:.2f} times as fast" in text
    assert round(ratio["ids in the image", "1000 ids"], 2) == 1.0
    assert "1,000 ids cost what 10 do" in text
    both = "flips and ShiftScaleRotate"
    assert f"torchvision's take {ratio[both, 'torchvision']:.1f} times" in text
    assert f"kornia's {ratio[both, 'kornia']:.1f} times" in text


def test_what_the_other_processor_had_is_that_of_the_benchmark():
    path = ROOT / "benchmarks/results/augmentation-another-processor.json"
    results = json.loads(path.read_text())["results"]
    ratio = {
        name: rows["albumentationsx"]["ratio"]["median"]
        for name, rows in results.items()
        if "albumentationsx" in rows
    }
    single = [value for name, value in ratio.items() if " alone" in name]
    text = " ".join(README.split())
    assert f"by {min(single):.2f} to {max(single):.2f}" in text
    assert f'"all nine, p = 1" had {ratio["all nine, p=1"]:.2f}' in text


@pytest.mark.parametrize("name", ["accuracy", "accuracy-105-minutes"])
def test_the_accuracy_is_that_of_the_benchmark(name):
    results = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text())["results"]
    training = results["training"]["center_offset"]
    steps = f"{training['steps']:,}"
    assert re.search(rf"\b{steps} steps \(", README)
    rows = {"all": "all 100", "dark": "82 dark ones", "coloured": "16 coloured ones"}
    for part, text in rows.items():
        own = results[part]["center_offset, tuned and tta"]
        assert str(own["num_images"]) in text
        figures = f"{own['ap50']:.3f} | {own['pq']:.3f} | {own['dice']:.3f}"
        assert f"| {text} | {steps} | {figures} |" in README


def test_every_linked_place_is_there():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        path, _, place = link.partition("#")
        assert (ROOT / path).is_file(), link
        if place:
            lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
            heads = [line.lstrip("# ") for line in lines if line.startswith("#")]
            assert place in [head.lower().replace(" ", "-") for head in heads], link


def test_every_module_of_the_layers_is_there_and_none_is_left_out():
    diagram = re.search(r"```\n(5 .*?)```", README, re.DOTALL)[1]
    named = set(re.findall(r"\b(\w+)(?:/|\.py)", diagram))
    package = ROOT / "tfseg"
    there = {path.stem for path in package.glob("*.py")}
    there |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert named == there - {"__init__", "__main__", "sample", "version"}


@pytest.mark.parametrize("name", ["augment.TRANSFORMS", "data.formats.FORMATS", "heads.HEADS"])
def test_the_places_for_extensions_exist(name):
    assert f"`{name}`" in README.replace("`config.HEADS`", "")
    value = pydoc.locate(f"tfseg.{name}")
    assert value
