"""Images and files of ids that two patterns name: which are paired, left out and refused."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from sources import IMAGE, LEFT

from tfseg import InputError, convert
from tfseg.cli import main
from tfseg.data.conversion.formats import present_files
from tfseg.data.conversion.formats.base import Reading
from tfseg.data.conversion.formats.patterns import Patterns


def write(source, *names):
    """Writes images, and ids where a name has `labels`, `rois` or `ids` in it."""
    for name in names:
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_label = any(word in name for word in ("labels", "rois", "ids"))
        tifffile.imwrite(path, LEFT if is_label else IMAGE[..., 0].astype(np.uint16))
    return source


def pairs(source, images, labels):
    splits = Patterns(images, labels).find(source, Reading()).splits
    return {
        split: [
            (
                item.id,
                item.image.relative_to(source).as_posix(),
                item.annotations.relative_to(source).as_posix(),
            )
            for item in items
        ]
        for split, items in splits.items()
    }


@pytest.mark.parametrize(
    ("images", "labels", "files"),
    [
        ("raw/{name}.tif", "rois/{name}_labels.tif", "raw/{}.tif rois/{}_labels.tif"),
        ("{name}.tif", "{name}_labels.tif", "{}.tif {}_labels.tif"),
        ("{name}_image.tif", "{name}.labels.tif", "{}_image.tif {}.labels.tif"),
        ("img_{name}.tif", "{name}_ids.tif", "img_{}.tif {}_ids.tif"),
        ("{name}/image.tif", "{name}/ids.tif", "{}/image.tif {}/ids.tif"),
        ("{name}/{name}.tif", "{name}/{name}_ids.tif", "{0}/{0}.tif {0}/{0}_ids.tif"),
        ("plate/w*_{name}.tif", "ids/{name}.*", "plate/w2_{}.tif ids/{}.tif"),
        ("[x]/{name}.tif", "[x]/ids_{name}.tif", "[x]/{}.tif [x]/ids_{}.tif"),
    ],
)
def test_two_patterns_pair_files_of_two_folders_or_one(tmp_path, images, labels, files):
    expected = [(id, *files.format(id, id).split()) for id in ("a", "b_2")]
    write(tmp_path, *(name for _, *names in expected for name in names))
    assert pairs(tmp_path, images, labels) == {"train": expected}


def test_a_mark_of_the_split_takes_the_usual_names_of_folders(tmp_path):
    write(tmp_path, "valid/raw/a.tif", "valid/ids/a.tif", "train/raw/a.tif", "train/ids/a.tif")
    made = pairs(tmp_path, "{split}/raw/{name}.tif", "{split}/ids/{name}.tif")
    assert made == {
        "train": [("a", "train/raw/a.tif", "train/ids/a.tif")],
        "val": [("a", "valid/raw/a.tif", "valid/ids/a.tif")],
    }


def test_files_without_a_partner_are_named_and_can_be_skipped(tmp_path):
    source = write(tmp_path / "files", "a.tif", "a_labels.tif", "b.tif", "c_labels.tif")
    options = {"images": "{name}.tif", "labels": "{name}_labels.tif"}
    rule = r"b\.tif must have the partner b_labels\.tif; there is none\. .* c_labels\.tif too\.$"
    with pytest.raises(InputError, match=rule):
        convert(source, tmp_path / "data", **options)
    dataset = convert(source, tmp_path / "data", **options, on_error="skip")
    assert dataset.info.skipped_images == 2
    rows = (tmp_path / "data" / "skipped.csv").read_text()
    assert "c_labels.tif must have the partner c.tif" in rows


def test_the_pixels_are_those_of_the_files_and_the_patterns_are_stored(tmp_path):
    source = write(tmp_path / "files", "raw/a.tif", "rois/a_labels.tif", "raw/b.png")
    patterns = {"images": "raw/{name}.tif", "labels": "rois/{name}_labels.tif"}
    dataset = convert(source, tmp_path / "data", **patterns, class_name="cell")
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["image"], IMAGE[..., :1])
    np.testing.assert_array_equal(sample["label"], LEFT)
    assert dataset.info.source_format == "label_maps"
    assert {name: dataset.info.options[name] for name in patterns} == patterns
    (note,) = dataset.info.notes
    assert note == "image files that fit neither pattern, and are left out: b.png"


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ("{name}.tif", None, r"must be given together; got '\{name\}\.tif' alone"),
        ("raw/a.tif", "{name}.tif", r"images must be a pattern with \{name\}; got 'raw/a\.tif'"),
        ("{name}.tif", "../{name}.tif", r"labels must be a pattern within the source; got"),
        ("/raw/{name}.tif", "{name}.tif", r"images must be a pattern within the source; got"),
        ("{split}/{name}.tif", "{name}.tif", r"both have \{split\}, or neither"),
        ("{name}.tif", "{name}.*", r"a\.tif must fit images or labels, not both"),
        ("{name}.tif", "{name}.txt", r"notes\.txt must be a file that ends in \.png, \.tif"),
        ("w1_{name}.tif", "{name}.tif", r"images must fit files of \S+; 'w1_\{name\}\.tif' fits"),
    ],
)
def test_patterns_that_fit_badly_are_refused_by_name(tmp_path, images, labels, message):
    source = write(tmp_path / "files", "a.tif", "a_labels.tif")
    (source / "notes.txt").write_text("")
    with pytest.raises(InputError, match=message):
        convert(source, tmp_path / "data", images=images, labels=labels)
    assert not (tmp_path / "data").exists()


def test_two_files_of_one_name_are_refused(tmp_path):
    write(tmp_path, "w1_a.tif", "w2_a.tif", "ids/a.tif")
    with pytest.raises(InputError, match=r"w1_a\.tif and \S+w2_a\.tif have one \{name\}, a\."):
        pairs(tmp_path, "w*_{name}.tif", "ids/{name}.tif")


def test_another_format_beside_patterns_and_options_of_another_one_are_refused(tmp_path):
    source = write(tmp_path / "files", "a.tif", "a_ids.tif")
    patterns = {"images": "{name}.tif", "labels": "{name}_ids.tif"}
    with pytest.raises(InputError, match=r"name files of label_maps; got the format coco"):
        convert(source, tmp_path / "data", **patterns, format="coco")
    with pytest.raises(InputError, match=r"masks is an option of the format instance_masks"):
        convert(source, tmp_path / "data", **patterns, reading=Reading(masks="{name}_*.png"))


def test_a_resumed_conversion_takes_no_shard_of_other_patterns(tmp_path, monkeypatch):
    source = write(tmp_path / "files", "a.tif", "one/a_ids.tif", "two/a_ids.tif")
    tifffile.imwrite(source / "two" / "a_ids.tif", 5 * LEFT)
    from tfseg.data.conversion import finished_shards, writer

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setattr(finished_shards, "forget", stop)
        convert(source, tmp_path / "data", images="{name}.tif", labels="one/{name}_ids.tif")
    assert writer.finished_shards is finished_shards and not (tmp_path / "data").exists()
    dataset = convert(source, tmp_path / "data", images="{name}.tif", labels="two/{name}_ids.tif")
    (sample,) = dataset.samples("train").as_numpy_iterator()
    assert sample["label"].max() == 5


def test_files_in_no_layout_are_described_in_five_lines_that_name_the_patterns(tmp_path, capsys):
    source = tmp_path / "files"
    for number in range(1, 4):
        write(source, f"raw/img_{number:02d}.tif", f"rois/img_{number:02d}_L.tif")
        write(source, f"raw/._img_{number:02d}.tif")
    for number in range(1, 4):
        tifffile.imwrite(source / "rois" / f"img_{number:02d}_L.tif", LEFT)
    assert main(["convert", str(source), str(tmp_path / "data")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) <= 5 and max(map(len, lines)) < 200 + len(str(tmp_path))
    assert lines[0].startswith(f"tfseg: error: {source} has none of the layouts that tfseg reads")
    assert lines[1:3] == [
        "  There are 3 raw/*.tif (such as img_01.tif, img_02.tif); "
        "3 rois/*.tif (such as img_01_L.tif, img_02_L.tif).",
        "  Say which files belong together: --images 'raw/{name}.tif' --labels 'rois/{name}_L.tif'",
    ]
    options = ["--images", "raw/{name}.tif", "--labels", "rois/{name}_L.tif"]
    assert main(["convert", str(source), "--explain", *options]) == 0
    assert "recognised; images: train 3" in capsys.readouterr().out
    assert main(["convert", str(source), str(tmp_path / "data"), *options]) == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["img1.tif", "img1_x.png"], "--images '{name}.tif' --labels '{name}_x.png'"),
        (["b/img1.tif", "a/img1.tif"], "--images 'a/{name}.tif' --labels 'b/{name}.tif'"),
        (["a_rois/img1.tif", "b/img1.tif"], "--images 'b/{name}.tif' --labels 'a_rois/{name}.tif'"),
        (["x.tif"], "for example --images 'raw/{name}.tif' --labels 'rois/{name}_labels.tif'"),
        ([], "for example --images 'raw/{name}.tif' --labels 'rois/{name}_labels.tif'"),
    ],
)
def test_patterns_are_suggested_by_the_names_that_are_there(tmp_path, files, expected):
    write(tmp_path, *files)
    assert present_files.suggested(tmp_path) == expected


def test_many_kinds_of_files_are_counted(tmp_path):
    write(tmp_path, *(f"{folder}/x.tif" for folder in "abcdef"))
    assert present_files.described(tmp_path).endswith(
        "1 d/*.tif (such as x.tif); and 2 other kinds"
    )
