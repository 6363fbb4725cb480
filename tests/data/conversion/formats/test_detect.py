"""Every format: detected, distinguished from the others, and converted."""

from __future__ import annotations

import itertools
import json
import pickle
import re
import struct
import zlib
from fnmatch import fnmatch
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from sources import IMAGE, LEFT, WITHOUT_CLASSES, WRITERS, coco

import tfseg
from tfseg import InputError, Reading, convert
from tfseg.cli import main
from tfseg.data.conversion.formats import NAMES
from tfseg.data.conversion.formats.detection import FORMATS, detect
from tfseg.data.dataset.info import INFO_FILE


def test_every_format_has_a_source_here():
    assert sorted(WRITERS) == sorted(NAMES)


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_recognised_and_its_data_set_is_without_a_fault(tmp_path, png, name):
    WRITERS[name](tmp_path / "files", png)
    assert detect(tmp_path / "files") == name
    dataset = convert(tmp_path / "files", tmp_path / "data")
    assert dataset.info.source_format == name
    without = ["train"] if name == "cityscapes" else []  # seven of its eight classes
    assert [finding.place for finding in tfseg.check(dataset.path)] == without
    (sample,) = dataset.samples("train").as_numpy_iterator()
    void = 1 if name == "coco_panoptic" else 0  # where no segment is, it is ignored
    np.testing.assert_array_equal(sample["label"], LEFT.astype(int) - void * (LEFT == 0))
    np.testing.assert_array_equal(sample["image"], IMAGE)
    named = dataset.info.class_names[sample["class_of"][0] - 1]
    known = {"cityscapes": "car"}
    assert named == known.get(name, "object" if name in WITHOUT_CLASSES else "cell")


@pytest.mark.parametrize("name", WRITERS)
def test_the_items_of_every_format_can_be_sent_to_another_process(tmp_path, png, name):
    WRITERS[name](tmp_path, png)
    (item,) = FORMATS[name].find(tmp_path, Reading()).splits["train"]
    (sent,) = pickle.loads(pickle.dumps([item]))
    expected, sample = (FORMATS[name].read(one, Reading()) for one in (item, sent))
    np.testing.assert_array_equal(sample.label, expected.label)


@pytest.mark.parametrize("name", WRITERS)
def test_a_class_name_is_only_for_formats_without_classes(tmp_path, png, name):
    WRITERS[name](tmp_path / "files", png)
    if name in WITHOUT_CLASSES:
        dataset = convert(tmp_path / "files", tmp_path / "data", class_name="nucleus")
        assert dataset.info.class_names == ("nucleus",)
    else:
        with pytest.raises(
            InputError, match=r"class_name is for formats without classes; \S+files"
        ):
            convert(tmp_path / "files", tmp_path / "data", class_name="nucleus")


# A valid PNG of a few bytes with 100,000 x 100,000 pixels in its header.
HUGE = imagecodecs.png_encode(np.zeros((1, 1), np.uint8))
HUGE = HUGE[:16] + struct.pack(">II", 100_000, 100_000) + HUGE[24:29]
HUGE += (
    struct.pack(">I", zlib.crc32(HUGE[12:29])) + imagecodecs.png_encode(np.zeros((1, 1), "u1"))[33:]
)
SPOILED = {
    "empty": b"",
    "huge": HUGE,
    "binary": bytes(range(256)) * 4,
    "NaN": b"[NaN, {}]",
    "deep": b'{"shapes":' * 100_000,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_file_of_every_format_may_be_anything_and_is_refused_in_one_line(
    tmp_path, png, contents, name
):
    source = tmp_path / "a b" / "ü 图 %20"
    WRITERS[name](source, png)
    files = sorted(path for path in source.rglob("*") if path.is_file())
    for file, (kind, data) in itertools.product(files, SPOILED.items()):
        sound = file.read_bytes()
        file.write_bytes(data)
        before = contents(tmp_path)
        with pytest.raises(InputError) as caught:
            convert(source, tmp_path / "data", format=name)
        assert "\n" not in str(caught.value), (file, kind)
        assert len(str(caught.value)) < 900, (file, kind)
        assert contents(tmp_path) == before, (file, kind)
        file.write_bytes(sound)
    assert convert(source, tmp_path / "data").info.source_format == name


def test_of_several_formats_in_one_folder_all_are_named(tmp_path, png):
    # These are not taken where the files of another format say what theirs are.
    hidden = {"semantic", "imagej_rois", "labelme", "predictions"}
    for name in WRITERS.keys() - hidden:
        WRITERS[name](tmp_path, png)
    names = " or ".join(name for name in FORMATS if name not in hidden)
    with pytest.raises(InputError, match=rf"could be {names}\. Say which with --format"):
        detect(tmp_path)
    WRITERS["semantic"](tmp_path, png)  # its table of classes says that there are no ids
    hidden = hidden - {"semantic"} | {"label_maps", "cellpose"}
    names = " or ".join(name for name in FORMATS if name not in hidden)
    with pytest.raises(InputError, match=rf"could be {names}\. Say which with --format"):
        detect(tmp_path)
    WRITERS["predictions"](tmp_path, png)  # which has the same instances in other formats
    assert detect(tmp_path) == "predictions"


PAGE = (Path(__file__).parents[4] / "docs" / "formats.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def tree(text):
    """Returns the files of the first tree in a section as patterns."""
    (first, *_) = re.findall(r"```\nSOURCE/\n(.*?)```", text, re.DOTALL)
    folders: list[str] = []
    for line in first.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        folders[depth:] = [re.sub(r"\b[A-Z]+(?=\b|_)", "*", line.strip())]
        if not line.endswith("/"):
            yield "".join(folders)


@pytest.mark.parametrize("name", WRITERS)
def test_the_page_has_the_tree_of_every_format(tmp_path, png, name):
    assert list(SECTIONS) == list(FORMATS)
    WRITERS[name](tmp_path, png)
    patterns = [pattern.rsplit(".", 1)[0] for pattern in tree(SECTIONS[name])]
    files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    others = {"codes"}  # of the tables of classes, another one
    stems = [path.with_suffix("").as_posix() for path in files]
    assert [
        stem for stem in stems if not any(fnmatch(stem, pattern) for pattern in patterns)
    ] == sorted(others & set(stems))


def test_the_script_of_the_page_works_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(script, "formats.md", "exec"), names)
    splits = names["dataset"].info.splits
    assert sum(split.num_images for split in splits.values()) == 8
    assert all(split.num_images % 2 == 0 for split in splits.values())


@pytest.mark.parametrize("option", [{"masks": "masks/{name}_*.png"}, {"components": True}])
def test_an_option_of_another_format_is_refused(tmp_path, png, option):
    coco(tmp_path, png)
    message = (
        rf"{next(iter(option))} is an option of the format [\w ,]+; the source is coco\. Leave it"
    )
    with pytest.raises(InputError, match=message):
        convert(tmp_path, tmp_path / "data", format="coco", reading=Reading(**option))


def test_crowds_are_for_formats_that_have_them(tmp_path, png):
    WRITERS["yolo"](tmp_path, png)
    with pytest.raises(
        InputError,
        match=r"crowd is an option of the format coco and coco_panoptic; the source is",
    ):
        convert(tmp_path, tmp_path / "data", format="yolo", reading=Reading(crowd="instance"))


def test_ignored_crowds_are_counted_and_said(tmp_path, png, capsys):
    coco(tmp_path / "files", png)
    path = tmp_path / "files" / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    (made,) = content["annotations"]
    content["annotations"] = [made, made | {"iscrowd": 1}, made | {"iscrowd": 1}]
    path.write_text(json.dumps(content))
    assert main(["convert", str(tmp_path / "files"), str(tmp_path / "data")]) == 0
    printed = capsys.readouterr().err
    assert "tfseg: crowds (iscrowd 1) whose pixels are ignored: 2\n" in printed
    assert "tfseg: instances_train2017.json: 2 of 2 crowds (iscrowd 1) have another" in printed
    assert main(["info", str(tmp_path / "data"), "--json"]) == 0
    stored = json.loads(capsys.readouterr().out)
    assert (stored["ignored_crowds"], len(stored["notes"])) == (2, 1)
    assert main(["info", str(tmp_path / "data")]) == 0
    assert "ignored crowds (iscrowd 1): 2" in capsys.readouterr().out
    given = ["convert", str(tmp_path / "files"), str(tmp_path / "all"), "--crowd", "instance"]
    assert main([*given, "--overlap", "first"]) == 0
    info = tfseg.Dataset.open(tmp_path / "all").info
    assert (info.hidden_instances, info.ignored_crowds, info.notes) == (2, 0, ())
    content["annotations"] = content["annotations"][1:]
    path.write_text(json.dumps(content))
    with pytest.raises(
        InputError, match=r"no instances: all 2 annotations are crowds \(iscrowd 1\), which are ign"
    ):
        convert(tmp_path / "files", tmp_path / "none")


def test_a_pattern_of_masks_says_the_format(tmp_path, png):
    png(tmp_path / "files" / "images" / "a.png", IMAGE)
    png(tmp_path / "files" / "masks" / "a_1.png", LEFT)
    with pytest.raises(
        InputError, match=r"none of the layouts .* --masks 'masks/\{name\}_\*\.png'"
    ):
        convert(tmp_path / "files", tmp_path / "data")
    reading = Reading(masks="masks/{name}_*.png")
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=reading)
    assert dataset.info.source_format == "instance_masks"
    assert dataset.info.splits["train"].num_instances == 1


def test_overlaps_and_hidden_instances_are_stored_and_the_policy_is_checked(tmp_path, png):
    coco(tmp_path / "files", png)
    path = tmp_path / "files" / "annotations" / "instances_train2017.json"
    content = json.loads(path.read_text())
    content["annotations"] *= 3
    path.write_text(json.dumps(content))
    dataset = convert(tmp_path / "files", tmp_path / "data")
    stored = json.loads((Path(dataset.path) / INFO_FILE).read_text())
    assert (stored["overlap_pixels"], stored["hidden_instances"]) == (8, 2)
    assert stored["class_names"] == ["cell"]
    with pytest.raises(InputError, match=r"a\.png must not overlap with overlap 'error'"):
        convert(tmp_path / "files", tmp_path / "other", reading=Reading(overlap="error"))
    assert not (tmp_path / "other").exists()
    with pytest.raises(InputError, match=r"overlap must be one of .*error.*; got"):
        Reading(overlap="largest")


def explained(source, capsys, *options):
    assert main(["convert", str(source), "--explain", *options]) == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["layout", "SOURCE"]
    return dict(line.split(maxsplit=1) for line in lines)


def test_what_a_source_has_of_every_layout_is_explained(tmp_path, png, capsys):
    WRITERS["label_maps"](tmp_path, png, {"a": [], "b": []})
    (tmp_path / "labels" / "b.png").unlink()
    lines = explained(tmp_path, capsys)
    assert list(lines) == ["label_maps", *(name for name in FORMATS if name != "label_maps")]
    assert lines["label_maps"] == (
        "recognised; images: train 2; 1 cannot be used, the first: images/b.png must have a label "
        "of the same name in labels; there is none. Add it, or take the image away."
    )
    assert lines["pascal_voc"].startswith("the source has no folder 'JPEGImages'. Expected: JPEG")
    assert lines["yolo"].startswith("the source must have one .yaml file with the names")


@pytest.mark.parametrize("name", WRITERS)
def test_the_recognised_layout_is_explained_first(tmp_path, png, capsys, name):
    WRITERS[name](tmp_path, png)
    lines = explained(tmp_path, capsys)
    assert lines.keys() == FORMATS.keys()
    recognised = [other for other, text in lines.items() if text.startswith("recognised")]
    assert recognised == list(lines)[: len(recognised)]
    assert set(recognised) == {name, *({"label_maps"} if name == "predictions" else ())}
    assert lines[name].startswith("recognised; images: train 1")


def test_a_recognised_layout_with_a_fault_is_explained_by_it(tmp_path, png, capsys):
    WRITERS["yolo"](tmp_path, png)
    (tmp_path / "data.yaml").write_text("names: []")
    text = explained(tmp_path, capsys)["yolo"]
    assert text.startswith("recognised, but data.yaml must have names")


def test_a_destination_is_needed_to_convert(tmp_path, png, capsys):
    WRITERS["yolo"](tmp_path, png)
    assert main(["convert", str(tmp_path)]) == 2
    assert "DEST must be given" in capsys.readouterr().err
