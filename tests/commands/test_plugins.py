"""What is registered outside of the package goes through all commands, and only on request."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

from tfseg.commands import plugins
from tfseg.commands.train import _launch_processes
from tfseg.config import RunConfig
from tfseg.training import launch

PLUGIN = Path(__file__).with_name("five_plugins.py")
USE = ("--plugins", PLUGIN)


@pytest.fixture
def archives(tmp_path) -> Path:
    """A folder in the layout of the registered format: four images of two bright squares."""
    folder = tmp_path / "archives"
    folder.mkdir()
    for index in range(4):
        ids = np.zeros((64, 80), np.int32)
        ids[4 + index : 20 + index, 6:22], ids[30:50, 40 + index : 60 + index] = 1, 2
        np.savez(folder / f"{index}.npz", image=np.uint8(20 + 180 * (ids > 0))[..., None], ids=ids)
    return folder


def test_five_things_of_a_file_go_from_conversion_to_export(
    tfseg, archives, small, tmp_path, registrations
):
    data, run, out = (tmp_path / name for name in ("data", "run", "out"))
    command = [sys.executable, "-m", "tfseg", "convert", archives, data, "--val_fraction=0.5", *USE]
    converted = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "data set: " in converted.stdout and converted.stderr.count("\n") <= 2
    assert json.loads((data / "dataset.json").read_text("utf-8"))["source_format"] == "Archives"
    options = (
        *("--model.head=blobs", "--model.loss=dice + 0.5 * Hinge", "--train.steps=2"),
        *("--model.filters=[4,4]", "--optimizer.name=SGD", "--data.crop_size=32"),  # quick
        "--model.head_options={level: 0.4}",
        "--augment=[{name: OneOf, transforms: [{name: Darken, factor: 0.6}]}]",
    )
    trained = tfseg("train", data, run, *small, *options, *USE)
    assert (trained.code, trained.next) == (0, f"tune {run} {data}")
    stored = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert (stored["model"]["head"], stored["train"]["batch_size"]) == ("Blobs", 2)
    assert stored["plugins"] == {str(PLUGIN): ["head Blobs", "loss Hinge", "transform Darken"]}

    tuned = tfseg("tune", run, data, "--json", *USE).json
    assert set(tuned["chosen"]) == {"level"} and tuned["start"] == {"level": 0.4}
    scored = tfseg("evaluate", run, data, "--split=val", "--json", *USE).json
    assert scored["AreaRatio"] >= 0 and "AreaRatio" in scored["formulas"]
    evaluation = run / "evaluation-val"
    summary = json.loads((evaluation / "summary.json").read_text(encoding="utf-8"))
    assert summary["plugins"] == {str(PLUGIN): ["metric AreaRatio"]}
    assert scored["formulas"]["AreaRatio"] in (evaluation / "report.html").read_text("utf-8")

    picture = tmp_path / "a.png"
    image = np.load(archives / "0.npz")["image"]
    tf.io.write_file(str(picture), tf.io.encode_png(image))
    assert tfseg("predict", run, picture, "--out", out, *USE).code == 0
    assert tfseg("export", run, tmp_path / "exported", *USE).code == 0
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    described = json.loads(exported.metadata().numpy())
    assert described["plugins"] == {str(PLUGIN): ["head Blobs", "loss Hinge"]}
    labels = tf.io.decode_png(tf.io.read_file(str(out / "labels" / "a.png")), dtype=tf.uint16)
    np.testing.assert_array_equal(exported(image[None])["labels"][0], labels[..., 0])


def test_a_registered_metric_is_compared(tfseg, tmp_path, registrations):
    for name, size in (("a", 8), ("b", 16), ("truth", 16)):
        (tmp_path / name).mkdir()
        for index in range(2):
            ids = np.zeros((20, 20), np.int32)
            ids[2:18, :size] = 1
            np.save(tmp_path / name / f"{index}.npy", ids)
    folders = []
    for name in ("a", "b"):
        folders.append(tmp_path / f"{name}-scores")
        given = ("--predictions", tmp_path / name, "--labels", tmp_path / "truth")
        assert tfseg("evaluate", *given, "--out", folders[-1], *USE).code == 0
    compared = tfseg("compare", *folders, "--json", *USE).json["metrics"]["AreaRatio"]
    assert (compared["first"], compared["second"], compared["low"]) == (0.5, 1.0, 0.5)


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ("nowhere.py", "The plugin nowhere.py: there is no such file. Check the path."),
        ("no_module", "The plugin no_module: there is no module of this name. Install it,"),
        ("os.no_module", "The plugin os.no_module: there is no module"),
        ("bad.py", "The plugin bad.py: The head Bad must define decode, loss_weights, losses,"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named(tfseg, plugin, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "import tfseg\n@tfseg.register\nclass Bad(tfseg.heads.Head): outputs = {}\n"
    (tmp_path / "bad.py").write_text(text, encoding="utf-8")
    result = tfseg("info", "data", "--plugins", plugin)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"tfseg: error: {message}")
    assert str(tmp_path / "bad.py") not in sys.modules


def test_an_error_in_the_code_of_a_plugin_keeps_its_traceback(tmp_path):
    (tmp_path / "broken.py").write_text("import no_such_module\n", encoding="utf-8")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        plugins.load([str(tmp_path / "broken.py")])


def test_no_code_that_a_run_names_is_executed(tfseg, tmp_path):
    code = tmp_path / "code.py"
    code.write_text(f"open({str(tmp_path / 'executed')!r}, 'w')", encoding="utf-8")
    content = {"model": {"head": "Mine"}, "plugins": {str(code): ["head Mine"]}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for command in (
        ("train", "data", "run", "--from", tmp_path),
        ("predict", tmp_path, "a.png", "--out", tmp_path / "out"),
    ):
        (tmp_path / "a.png").touch()
        result = tfseg(*(tmp_path / "a.png" if part == "a.png" else part for part in command))
        assert result.code == 2
        assert (
            f"The head Mine must be registered, as it was by {code}. Give --plugins" in result.err
        )
    assert not (tmp_path / "executed").exists()


def test_an_installed_package_is_loaded_by_its_entry_point_but_not_for_help(
    tfseg, tmp_path, monkeypatch
):
    information = tmp_path / "mine-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Name: mine\nVersion: 1.0\n", encoding="utf-8")
    text = "[tfseg.plugins]\nmine = mine_parts\n"
    (information / "entry_points.txt").write_text(text, encoding="utf-8")
    (tmp_path / "mine_parts.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SystemExit):
        tfseg("info", "--help")
    assert "mine_parts" not in sys.modules
    assert tfseg("info", tmp_path / "none").code == 2
    assert sys.modules.pop("mine_parts").__file__ == str(tmp_path / "mine_parts.py")


def test_processes_that_are_launched_load_the_same_plugins(tmp_path, monkeypatch):
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    plugins.load(plugins.named(["train", "--plugins", "one.py", "a", "--plugins=two.py"]))
    commands = []
    monkeypatch.setattr(launch, "launch", lambda command, count: commands.append(command) or 0)
    assert _launch_processes(RunConfig(), ["data", "run"], 2) == 0
    (command,) = commands
    assert command[1:6] == ["-m", "tfseg", "train", "data", "run"]
    assert plugins.named(command) == [str(tmp_path / "one.py"), str(tmp_path / "two.py")]
    plugins.load([])
