"""What is registered outside of the package goes through all commands, and only on request."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml

PLUGIN = Path(__file__).with_name("five_plugins.py")
USE = ("--plugins", PLUGIN)
FIVE = {"head Blobs", "loss Hinge", "transform Darken", "metric AreaRatio", "format Archives"}


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
    assert tfseg("convert", archives, data, "--val_fraction=0.5", *USE).code == 0
    assert "from Archives" in tfseg("info", data).out
    options = (
        *("--model.head=blobs", "--model.loss=dice + 0.5 * Hinge", "--train.steps=2"),
        "--model.head_options={level: 0.4}",
        "--augment=[{name: OneOf, transforms: [{name: Darken, factor: 0.6}]}]",
    )
    trained = tfseg("train", data, run, *small, *options, *USE)
    assert trained.code == 0
    stored = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    assert stored["model"]["head"] == "Blobs"
    assert stored["plugins"] == {str(PLUGIN): ["head Blobs", "loss Hinge", "transform Darken"]}

    tuned = tfseg("tune", run, data, "--json", *USE).json
    assert set(tuned["chosen"]) == {"level"} and tuned["start"] == {"level": 0.4}
    scored = tfseg("evaluate", run, data, "--json", *USE).json
    table = tfseg("evaluate", run, data, *USE).out
    predicted = scored["AreaRatio"] * scored["num_instances"]
    assert scored["formulas"]["AreaRatio"] in table
    assert predicted >= 0 and set(scored["intervals"]) >= {"AreaRatio", "dice"}
    summary = json.loads((run / "evaluation-val" / "summary.json").read_text(encoding="utf-8"))
    assert summary["plugins"] == {str(PLUGIN): ["metric AreaRatio"]}
    assert "AreaRatio" in (run / "evaluation-val" / "report.html").read_text(encoding="utf-8")
    compared = tfseg("compare", *[run / "evaluation-val"] * 2, "--out", tmp_path / "c", *USE)
    assert "AreaRatio" in compared.out

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
