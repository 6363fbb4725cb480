"""tfseg convert and tfseg check."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image


def test_convert_prints_the_splits_with_their_counts(tfseg, files, tmp_path):
    result = tfseg("convert", files, tmp_path / "data", "--val_fraction=0.25", "--class_name=cell")
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["split", "images", "instances", "shards"]
    assert sorted(rows[1:3]) == [["train", "6", "12", "1"], ["val", "2", "4", "1"]]
    assert rows[3] == ["data", "set:", str(tmp_path / "data")]
    assert result.next == f"check {tmp_path / 'data'}"
    assert re.search(r"convert 8/8  \d+\.\d images/s  0:00 left", result.err)


def test_convert_prints_classes_and_overlaps(tfseg, tmp_path):
    ring = [0, 0, 2, 0, 2, 4, 0, 4]  # 8 pixels
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 6}],
        "annotations": [
            {"image_id": 1, "category_id": id, "segmentation": [ring]} for id in (1, 2)
        ],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "dog"}],
    }
    (tmp_path / "files").mkdir()
    Image.fromarray(np.zeros((4, 6), np.uint8)).save(tmp_path / "files" / "a.png")
    (tmp_path / "files" / "all.json").write_text(json.dumps(content))
    result = tfseg("convert", tmp_path / "files", tmp_path / "data", "--overlap=first")
    assert result.code == 0
    assert "classes: cell, dog\n" in result.out
    assert "tfseg: pixels of overlapping instances (first): 8\n" in result.err
    assert "outside the image, or too small): 1\n" in result.err
    refused = tfseg("convert", tmp_path / "files", tmp_path / "other", "--overlap=error")
    assert (refused.code, len(refused.err.splitlines())) == (2, 1)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("choice", ["apply", "ignore"])
def test_convert_says_what_it_turned_and_what_it_left(tfseg, files, tmp_path, choice):
    copied = shutil.copytree(files, tmp_path / "files")
    exif = Image.Exif()
    exif[274] = 3
    for index in (2, 5):
        path = copied / "images" / f"{index:02d}.png"
        with Image.open(path) as image:
            image.save(path, exif=exif)
    result = tfseg("convert", copied, tmp_path / "data", "--orientation", choice)
    turned = "tfseg: images turned upright by their orientation tags: 2\n"
    left = "tfseg: images left as stored, though they have an orientation tag (the sizes of their "
    assert result.code == 0
    assert (turned in result.err, left in result.err) == (choice == "apply", choice == "ignore")
    info = tfseg("info", tmp_path / "data")
    assert f"options: overlap smaller_wins, orientation {choice}" in info.out
    line = {"apply": "images turned upright by their orientation tags: 2\n"}.get(
        choice, "images left as stored, though they have such a tag: 2\n"
    )
    assert line in info.out


def test_convert_splits_by_a_table_and_by_groups(tfseg, files, tmp_path):
    rows = [f"{index:02d},{'train' if index < 5 else 'test'}" for index in range(8)]
    (tmp_path / "splits.csv").write_text("\n".join(["id,split", *rows]))
    (tmp_path / "groups.csv").write_text("\n".join(["id,group", *rows]))
    table = ("--split_table", tmp_path / "splits.csv")
    result = tfseg("convert", files, tmp_path / "one", *table, "--groups", tmp_path / "groups.csv")
    assert result.code == 0
    assert [line.split()[:2] for line in result.out.splitlines()[1:3]] == [
        ["train", "5"],
        ["test", "3"],
    ]
    refused = tfseg("convert", files, tmp_path / "two", *table, "--groups", "^0")
    assert refused.code == 2
    assert "Group '0' must be in one split; it is in train and in test." in refused.err


def test_convert_leaves_nothing_where_the_source_is_missing(tfseg, tmp_path):
    result = tfseg("convert", tmp_path / "no", tmp_path / "data")
    assert (result.code, result.out) == (2, "")
    assert str(tmp_path / "no") in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_convert_replaces_a_data_set_only_when_asked(tfseg, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    refused = tfseg("convert", files, tmp_path / "data")
    assert refused.code == 2
    assert "--overwrite" in refused.err or "overwrite" in refused.err
    assert tfseg("convert", files, tmp_path / "data", "--overwrite").code == 0


def test_convert_stores_images_as_asked_and_options_of_beam_need_beam(tfseg, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data", "--store=raw").code == 0
    content = json.loads((tmp_path / "data" / "dataset.json").read_text())
    assert content["image_formats"] == ["raw"]
    refused = tfseg("convert", files, tmp_path / "other", "--store=gif")
    assert (refused.code, "got 'gif'" in refused.err) == (2, True)
    refused = tfseg("convert", files, tmp_path / "other", "--beam_options=--runner=DirectRunner")
    assert (refused.code, "--beam_options need --runner beam" in refused.err) == (2, True)
    assert not (tmp_path / "other").exists()


def test_convert_skips_when_asked_names_the_list_and_exits_with_1(tfseg, files, tmp_path):
    copied = shutil.copytree(files, tmp_path / "files")
    (copied / "images" / "03.png").write_bytes(b"")
    assert tfseg("convert", copied, tmp_path / "data").code == 2
    result = tfseg("convert", copied, tmp_path / "data", "--on_error=skip")
    assert result.code == 1
    assert result.out.splitlines()[1].split() == ["train", "7", "14", "1"]
    listed = tmp_path / "data" / "skipped.csv"
    assert f"tfseg: skipped images, listed in {listed}: 1\n" in result.err
    assert listed.read_text().splitlines()[1].startswith('images/03.png,"images/03.png ')


def test_check_of_a_good_data_set_finds_no_error(tfseg, dataset):
    result = tfseg("check", dataset, "--json")
    assert result.code == 0
    assert result.json["errors"] == 0
    assert result.json["splits"] == {
        "train": {"images": 6, "instances": 12},
        "val": {"images": 2, "instances": 4},
    }


def test_check_prints_a_table_by_default(tfseg, dataset):
    result = tfseg("check", dataset)
    assert result.code == 0
    assert result.out.startswith("split  images  instances\n")
    assert "0 errors" in result.out
    assert result.next == f"train {dataset} runs/first --train.minutes 20"


@pytest.mark.parametrize("as_json", [False, True])
def test_check_of_a_damaged_shard_names_it_and_exits_with_1(tfseg, files, tmp_path, as_json):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    (shard,) = tmp_path.glob("data/**/*.tfrecord*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    result = tfseg("check", tmp_path / "data", *(["--json"] if as_json else []))
    assert result.code == 1
    assert shard.name in result.out
    if as_json:
        assert result.json["errors"] >= 1


def test_check_quick_looks_at_the_files_alone(tfseg, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    (shard,) = tmp_path.glob("data/*.tfrecord")
    assert tfseg("check", tmp_path / "data", "--quick").code == 0
    shard.unlink()
    result = tfseg("check", tmp_path / "data", "--quick", "--json")
    assert result.code == 1
    assert result.json["findings"] == [
        {
            "level": "error",
            "place": shard.name,
            "message": "The file is missing.",
            "remedy": "Convert the data again.",
        }
    ]


def test_check_of_something_else_is_bad_input(tfseg, tmp_path):
    result = tfseg("check", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert str(tmp_path) in result.err
