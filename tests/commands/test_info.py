"""tfseg info."""

from __future__ import annotations

import json
import shutil

import numpy as np
from PIL import Image

from tfseg import convert_samples


def test_info_prints_the_content_of_the_data_set(tfseg, dataset):
    result = tfseg("info", dataset)
    assert (result.code, result.next) == (0, f"train {dataset} runs/first --train.minutes 20")
    rows = [line.split() for line in result.out.splitlines()]
    options = (
        "overlap smaller_wins, orientation apply, components False, crowd ignore, "
        "val_fraction 0.25, seed 0, shard_size 256, store png"
    )
    assert f"\noptions: {options}\n" in result.out
    # squares of 16 x 16 and 20 x 20 pixels, which touch neither each other nor the edge
    assert ["train", "6", "12", "1", "64"] in rows
    assert ["object", "8", "16"] in rows
    assert (
        "touching another instance: 0.0%, at the edge of the image: 0.0%\nsizes: 8 of 64x80\n"
        in result.out
    )
    (area,) = [row for row in rows if row[:2] == ["area,", "pixels"]]
    assert area[2:] == ["328", "72", "256", "256", "256", "256", "400", "400", "400"]
    (channel,) = [row for row in rows if row[:1] == ["channel"]]
    # 656 of 5120 pixels are 200, the others 20
    assert channel[2:] == ["43.06", "60.16", "20", "20", "20", "20", "20", "200", "200"]


def test_info_as_json_has_the_content_of_dataset_json(tfseg, dataset):
    result = tfseg("info", dataset, "--json")
    content = json.loads((dataset / "dataset.json").read_text())
    assert result.code == 0
    assert {name: result.json[name] for name in content} == content
    assert result.json["dataset"] == str(dataset)


def size(path):
    with Image.open(path) as picture:
        return picture.size


def test_info_draws_histograms_and_a_sheet_of_images(tfseg, dataset, tmp_path):
    result = tfseg("info", dataset, "--out", tmp_path / "new" / "info", "--count", 2)
    assert result.code == 0
    assert result.out.endswith(f"pictures: {tmp_path / 'new' / 'info'}\n")
    sizes = {path.name: size(path) for path in (tmp_path / "new" / "info").iterdir()}
    # a row of two pictures of 80 x 64, four times enlarged, below their ids, for both splits
    assert sizes == {"histograms.png": (1080, 720), "images.png": (644, 2 * (16 + 256 + 4))}
    command = ("info", dataset, "--out", tmp_path / "new" / "info", "--count", 1)
    assert "info already has images.png, histograms.png. Choose" in tfseg(*command).err
    assert size(tmp_path / "new" / "info" / "images.png")[0] == 644
    assert tfseg(*command, "--overwrite").code == 0
    assert size(tmp_path / "new" / "info" / "images.png")[0] < 644


def test_info_prints_the_classes_that_occur_and_names_those_that_do_not(tfseg, tmp_path):
    samples = [{"image": np.eye(4, dtype=np.uint8), "label": np.eye(4, dtype=int), "class_of": [2]}]
    names = ("cell", "dust", "fibre", "spore", "yeast", "mite")
    convert_samples(samples, tmp_path / "data", class_names=names)
    out = tfseg("info", tmp_path / "data").out
    assert "\nclass  images  instances\ndust        1          1\n" in out
    assert "\nclasses without instances: cell, fibre, spore and 2 more\n" in out


def test_info_of_an_older_data_set_prints_a_note_about_its_statistics(tfseg, dataset, tmp_path):
    shutil.copytree(dataset, tmp_path / "data")
    content = json.loads((dataset / "dataset.json").read_text())
    del content["statistics"], content["skipped_images"]
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(content | {"version": "1.1"}))
    result = tfseg("info", tmp_path / "data")
    assert result.code == 0
    assert "train" in result.out
    assert "area" not in result.out
    assert "has no statistics, because an older version wrote it; convert it again" in result.err


def test_info_of_something_else_is_bad_input_and_draws_nothing(tfseg, dataset, tmp_path):
    assert tfseg("info", tmp_path, "--out", tmp_path / "info").code == 2
    assert tfseg("info", dataset, "--out", tmp_path / "info", "--count", "0").code == 2
    assert not (tmp_path / "info").exists()
