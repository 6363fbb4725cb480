"""tfseg evaluate on id maps of any tool, and tfseg compare, both without TensorFlow."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SQUARES = np.kron(np.arange(12).reshape(3, 4), np.ones((8, 8), int)).astype(np.uint16)


def write(folder: Path, *, lost: int, count: int = 4) -> Path:
    """Writes maps of 11 squares, without the first `lost` of them, or one more."""
    folder.mkdir()
    for index in range(count):
        predicted = np.where(lost + index % 2 >= SQUARES, 0, SQUARES)
        Image.fromarray(predicted.astype(np.uint16)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def maps(tmp_path) -> dict[str, Path]:
    """Folders with labels, a good prediction and a bad one."""
    lost = {"good": 1, "bad": 5}
    predicted = {name: write(tmp_path / name, lost=number) for name, number in lost.items()}
    labels = tmp_path / "labels"
    labels.mkdir()
    for index in range(4):
        Image.fromarray(SQUARES).save(labels / f"{index}.png")
    return predicted | {"labels": labels}


def arguments(maps: dict[str, Path], name: str, *more: object) -> list[object]:
    return ["evaluate", "--predictions", maps[name], "--labels", maps["labels"], *more]


def test_folders_of_id_maps_are_scored_beside_the_predictions(tfseg, maps):
    result = tfseg(*arguments(maps, "good"))
    assert result.code == 0
    assert result.out.startswith(
        f"{maps['good']} against {maps['labels']}: 4 images, 44 instances, 38 predicted\n"
    )
    out = maps["good"].with_name("good-evaluation")
    assert result.out.endswith(f"results: {out}\nreport: {out / 'report.html'}\n")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    title = rf"<h1>{maps['good']} against {maps['labels']}, \d{{4}}-\d\d-\d\d</h1>"
    assert re.search(title, (out / "report.html").read_text(encoding="utf-8"))
    # 1, 2, 1 and 2 of 11 are missing
    assert summary["ap50"] == 38 / 44
    assert summary["count_error"] == 1.5
    assert len(pd.read_csv(out / "per_image.csv")) == 4
    options = json.loads((out / "options.json").read_text(encoding="utf-8"))
    assert options["predictions"] == str(maps["good"])


def test_every_file_of_the_folders_is_scored_or_named(tfseg, maps):
    for folder in (maps["good"], maps["labels"]):
        Image.fromarray(SQUARES).save(folder / "c_masks.png")
    Image.fromarray(SQUARES).save(maps["labels"] / "c.png")  # the image of c_masks.png
    result = tfseg(*arguments(maps, "good"))
    assert result.out.startswith(
        f"{maps['good']} against {maps['labels']}: 5 images, 55 instances, 49 predicted\n"
    )
    path = maps["labels"] / "c.png"
    assert f"not scored, since they are no id maps of an image: {path}\n" in result.err


def test_every_choice_reaches_the_figures(tfseg, maps, tmp_path):
    (tmp_path / "groups.csv").write_text("id,group\n0,a\n1,a\n2,b\n3,b\n", encoding="utf-8")
    choices = ("--edge_instances=ignore", "--empty=0", "--boundary", "--coco", "--json")
    choices = (*choices, "--thresholds=[0.25,0.5]")
    groups = ("--groups", tmp_path / "groups.csv", "--out", tmp_path / "out")
    result = tfseg(*arguments(maps, "good", *choices, *groups))
    assert result.code == 0
    assert result.json["num_instances"] == 4 * 2  # all but 5 and 6 reach the edge
    assert result.json["conventions"]["empty"] == 0.0
    assert result.json["boundary_f"] == 1.0
    assert result.json["ap"] == {"0.25": 1.0, "0.50": 1.0}
    assert result.json["coco"]["ar"] == pytest.approx(1.0)
    assert result.json["coco"]["ap"] is None
    assert "COCO's AP is left out, because it ranks by score" in result.err
    assert result.json["intervals"]["ap50"] == [1.0, 1.0]
    assert pd.read_csv(tmp_path / "out" / "counts.csv")["group"].tolist() == ["a", "a", "b", "b"]


def test_images_of_the_same_names_are_in_the_report(tfseg, maps, tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(4):
        picture = np.where(SQUARES > 3, 200, 20).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "images" / f"{index}.jpg")
    result = tfseg(*arguments(maps, "good", "--images", tmp_path / "images", "--json"))
    assert result.code == 0
    text = Path(result.json["report"]).read_text(encoding="utf-8")
    assert "mean brightness" in text  # of the images
    (tmp_path / "images" / "2.jpg").unlink()
    result = tfseg(*arguments(maps, "good", "--images", tmp_path / "images"))
    assert (result.code, result.out) == (2, "")
    assert "there is none for 2." in result.err


def test_labels_of_other_names_are_the_fault_and_not_the_images(tfseg, maps):
    for path in maps["labels"].iterdir():
        path.rename(path.with_name(f"gt_{path.name}"))
    result = tfseg(*arguments(maps, "good", "--images", maps["good"]))
    assert result.code == 2
    assert "Every prediction must have a label of the same name" in result.err
    assert "none for 0, 1, 2 and 1 more, but one called gt_0, gt_1, gt_2 and 1 more" in result.err


@pytest.mark.parametrize("turned", [True, False])
def test_images_of_the_report_stand_like_their_labels(tfseg, maps, tmp_path, turned):
    (tmp_path / "images").mkdir()
    exif = Image.Exif()
    exif[274] = 6
    picture = SQUARES.astype(np.uint8)
    stored = np.rot90(picture) if turned else picture
    for index in range(4):
        Image.fromarray(stored).save(tmp_path / "images" / f"{index}.png", exif=exif)
    assert tfseg(*arguments(maps, "good", "--images", tmp_path / "images")).code == 0


def test_two_images_of_one_name_and_one_of_another_size_are_refused(tfseg, maps, tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(4):
        Image.fromarray(np.zeros((24, 30), np.uint8)).save(tmp_path / "images" / f"{index}.png")
    result = tfseg(*arguments(maps, "good", "--images", tmp_path / "images"))
    assert (result.code, result.out) == (2, "")
    assert "Image '0' must have the size of its label, (24, 32); got (24, 30)" in result.err
    Image.fromarray(np.zeros((24, 32), np.uint8)).save(tmp_path / "images" / "0.tif")
    result = tfseg(*arguments(maps, "good", "--images", tmp_path / "images"))
    assert result.code == 2
    assert "0.tif and 0.png are both '0'" in result.err


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_no_tensorflow_is_loaded(tfseg, maps, tmp_path, command):
    options = arguments(maps, "good", "--out", tmp_path / "first")
    if command == "compare":
        assert tfseg(*options).code == 0
        options = ["compare", tmp_path / "first", tmp_path / "first"]
    code = (
        "import sys\n"
        "from tfseg.cli import main\n"
        "assert main(sys.argv[1:]) == 0\n"
        "loaded = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert "results: " in result.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["run"],
        ["--predictions", "a"],
        ["--labels", "a"],
        ["run", "data", "--labels", "a"],
        ["run", "data", "--images", "a"],
        ["run", "--predictions", "a", "--labels", "b"],
        ["--predictions", "a", "--labels", "b", "--split", "test"],
        [],
    ],
    ids=" ".join,
)
def test_incomplete_and_contradictory_arguments_are_refused(tfseg, options):
    result = tfseg("evaluate", *options)
    assert (result.code, result.out) == (2, "")
    assert "give either RUN_DIR and DATA, or --predictions and --labels" in result.err


def test_maps_of_different_sizes_are_one_line_with_the_image(tfseg, maps):
    Image.fromarray(SQUARES[:5]).save(maps["good"] / "2.png")
    result = tfseg(*arguments(maps, "good"))
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert "Image '2': truth and prediction must have the same size" in line
    assert not maps["good"].with_name("good-evaluation").exists()


def test_a_prediction_of_nothing_has_figures(tfseg, maps, tmp_path):
    for index in range(4):
        Image.fromarray(SQUARES * 0).save(maps["good"] / f"{index}.png")
    result = tfseg(*arguments(maps, "good", "--boundary", "--coco", "--json"))
    assert result.code == 0
    assert (result.json["pq"], result.json["boundary_f"], result.json["coco"]["ap"]) == (0, 0, 0)


@pytest.fixture
def evaluations(tfseg, maps, tmp_path) -> tuple[Path, Path]:
    """The folders of the evaluations of both predictions."""
    for name in ("bad", "good"):
        assert tfseg(*arguments(maps, name, "--out", tmp_path / f"{name}-scores")).code == 0
    return tmp_path / "bad-scores", tmp_path / "good-scores"


def test_compare_prints_the_differences_with_intervals(tfseg, evaluations):
    result = tfseg("compare", *evaluations)
    assert result.code == 0
    rows = {line.split()[0]: line.split() for line in result.out.splitlines()}
    # recall: 22 / 44 of the bad one, 38 / 44 of the good one; each image differs by 4 / 11
    assert rows["recall_0.50"][1:] == ["0.5000", "0.8636", "0.3636", "0.3636", "0.3636", "*"]
    assert rows["sq"][1:] == ["1", "1", "0.0000", "0.0000", "0.0000"]
    names = {path.name for path in (evaluations[1] / "comparison").iterdir()}
    assert names == {"comparison.csv", "comparison.png", "options.json"}


def test_compare_as_json_has_every_figure(tfseg, evaluations, tmp_path):
    result = tfseg("compare", *evaluations, "--out", tmp_path / "out", "--seed=3", "--json")
    metrics = result.json["metrics"]
    assert metrics["ap_0.75"]["difference"] == pytest.approx(16 / 44)
    assert (result.json["seed"], result.json["out"]) == (3, str(tmp_path / "out"))
    assert len(pd.read_csv(tmp_path / "out" / "comparison.csv")) == len(metrics)


def test_compare_replaces_a_comparison_of_the_same_folders_and_others_only_when_asked(
    tfseg, evaluations, tmp_path, contents
):
    out = tmp_path / "out"
    command = ("compare", *evaluations, "--out", out, "--resamples=20")
    for options in ((), ("--seed=3",)):
        assert tfseg(*command, *options).code == 0
    before = contents(out)
    assert json.loads(before["options.json"])["seed"] == 3
    swapped = ("compare", *reversed(evaluations), "--out", out, "--resamples=20")
    refused = tfseg(*swapped)
    assert (refused.code, refused.out, contents(out)) == (2, "", before)
    assert "out already has comparison.csv, comparison.png. Choose" in refused.err
    assert tfseg(*swapped, "--overwrite").code == 0
    assert json.loads((out / "options.json").read_text())["second"] == str(evaluations[0])


def test_evaluate_of_other_files_needs_another_folder_or_overwrite(tfseg, maps, tmp_path):
    assert tfseg(*arguments(maps, "bad", "--out", tmp_path / "out")).code == 0
    assert tfseg(*arguments(maps, "bad", "--out", tmp_path / "out")).code == 0
    refused = tfseg(*arguments(maps, "good", "--out", tmp_path / "out"))
    assert "out already has summary.json, counts.csv, per_image.csv and 2 more" in refused.err
    assert tfseg(*arguments(maps, "good", "--out", tmp_path / "out", "--overwrite")).code == 0


def test_compare_refuses_a_folder_without_an_evaluation(tfseg, evaluations, maps):
    result = tfseg("compare", evaluations[0], maps["good"])
    assert (result.code, result.out) == (2, "")
    assert "has no evaluation" in result.err


def test_labels_without_background_are_said_to_make_dice_say_nothing(tfseg, maps):
    assert "dice" not in tfseg(*arguments(maps, "good")).err
    for path in maps["labels"].iterdir():
        Image.fromarray(SQUARES + np.uint16(1)).save(path)
    result = tfseg(*arguments(maps, "good"))
    assert result.err == (
        "tfseg: every labelled pixel is foreground, so that dice and iou say nothing about the "
        "instances; look at ap50 and pq\n"
    )
