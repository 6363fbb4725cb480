"""tfseg evaluate, predict and demo."""

from __future__ import annotations

import hashlib
import html
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tfseg.cli import main

METRICS = {"dice", "iou", "ap50", "ap", "pq", "sq", "rq"}


def test_evaluate_writes_the_table_the_summary_and_its_options(tfseg, run_dir, dataset, tmp_path):
    result = tfseg("evaluate", run_dir, dataset, "--out", tmp_path / "scores", "--json")
    assert result.code == 0
    assert set(result.json) >= METRICS
    assert (result.json["split"], result.json["num_images"]) == ("val", 2)
    assert (result.json["ap50"], len(result.json["ap"])) == (result.json["ap"]["0.50"], 10)
    summary = json.loads((tmp_path / "scores" / "summary.json").read_text(encoding="utf-8"))
    assert all(summary[name] == result.json[name] for name in METRICS)
    assert len(pd.read_csv(tmp_path / "scores" / "per_image.csv")) == 2
    assert result.json["report"] == str(tmp_path / "scores" / "report.html")
    report = Path(result.json["report"]).read_text(encoding="utf-8")
    for title in ("Learning curves", "Speed", "Run configuration", "Data set"):
        assert f">{title}</h" in report
    digest = hashlib.sha256((dataset / "dataset.json").read_bytes()).hexdigest()
    data = {"path": str(dataset), "sha256": digest}
    model = dict(result.json["model"])
    thresholds = {"foreground_threshold": 0.5, "center_threshold": 0.15}
    assert model.pop("thresholds").items() >= thresholds.items()
    assert model == {
        "run": str(run_dir),
        "checkpoint": "best",
        "step": 4,
        "tuned": {},
        "data": [data],
    }
    options = json.loads((tmp_path / "scores" / "options.json").read_text(encoding="utf-8"))
    assert options == {
        "command": "evaluate",
        "dataset_sha256": digest,
        "model": result.json["model"],
        "run_dir": str(run_dir),
        "dataset": str(dataset),
        "split": "val",
        "checkpoint": "best",
        "tile": None,
        "tta": False,
    }


def test_evaluate_replaces_its_results_of_the_same_data_and_others_only_when_asked(
    tfseg, run_dir, dataset, tmp_path
):
    other, out = tmp_path / "other", tmp_path / "scores"
    shutil.copytree(dataset, other)
    shutil.copytree(run_dir / "checkpoints", tmp_path / "run" / "checkpoints")
    shutil.copy(run_dir / "config.yaml", tmp_path / "run")
    command = ("evaluate", run_dir, dataset, "--out", out)
    assert "must be a folder; it is a file." in tfseg(*command[:-1], run_dir / "config.yaml").err
    assert tfseg(*command).code == 0
    before = (out / "summary.json").read_bytes()
    assert tfseg(*command, "--empty=0.5").code == 0
    replaced = (out / "summary.json").read_bytes()
    assert replaced != before
    changed = (
        ("evaluate", run_dir, other),
        ("evaluate", tmp_path / "run", dataset),
        (*command[:3], "--split=train"),
        (*command[:3], "--checkpoint=last"),
    )
    for inputs in changed:
        refused = tfseg(*inputs, "--out", out)
        assert (refused.code, refused.out) == (2, "")
        assert (
            "scores already has summary.json, counts.csv, per_image.csv and 2 more" in refused.err
        )
    info = json.loads((dataset / "dataset.json").read_text(encoding="utf-8"))
    (other / "dataset.json").write_text(json.dumps(info), encoding="utf-8")  # other white space
    assert tfseg("evaluate", run_dir, other, "--out", out, "--overwrite").code == 0
    assert (out / "summary.json").read_bytes() == before
    options = json.loads((out / "options.json").read_text(encoding="utf-8"))
    assert options["dataset"] == str(other)
    (other / "dataset.json").write_text(json.dumps(info, indent=1), encoding="utf-8")
    assert "already has" in tfseg("evaluate", run_dir, other, "--out", out).err  # converted again


def test_no_command_writes_into_the_results_of_another(tfseg, run_dir, dataset, files, tmp_path):
    out = tmp_path / "out"
    image = files / "images" / "00.png"
    assert tfseg("predict", run_dir, image, "--out", out).code == 0
    evaluate = ("evaluate", run_dir, dataset, "--out", out, "--overwrite")
    assert "out has results of tfseg predict. Choose another folder." in tfseg(*evaluate).err
    refused = tfseg("predict", run_dir, image, "--out", out)
    assert "out already has labels, overlays, tables and" in refused.err
    again = tfseg("predict", run_dir, image, "--out", out, "--overwrite")
    assert (again.code, counts(again)) == (0, {"done": 1, "skipped": 0})


def test_evaluate_prints_every_metric_and_writes_beside_the_run(tfseg, run_dir, dataset):
    result = tfseg("evaluate", run_dir, dataset, "--split=train", "--checkpoint=last")
    assert result.code == 0
    assert {line.split()[0] for line in result.out.splitlines()} >= METRICS
    assert (run_dir / "evaluation-train" / "summary.json").is_file()


def test_evaluate_on_the_training_images_warns(tfseg, run_dir, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    result = tfseg("evaluate", run_dir, tmp_path / "data", "--out", tmp_path / "out")
    assert result.code == 0
    assert "tfseg: warning: no split test or val; scoring train" in result.err


def test_names_of_any_script_and_sets_without_background_go_from_convert_to_evaluate(
    tfseg, run_dir, tmp_path
):
    folder = tmp_path / """a 'quoted' "folder" of Größen 細胞 & <b>"""
    name = "ñ 'x' \"y\" 細胞"
    label = np.kron([[1, 2], [3, 4]], np.ones((20, 30), np.uint8)).astype(np.uint8)
    for kind, pixels in {"images": label * 50, "labels": label}.items():
        (folder / "files" / kind).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / "files" / kind / f"{name}.png")
    data, out = folder / "data", folder / "out"
    assert tfseg("convert", folder / "files", data).code == 0
    assert tfseg("check", data).code == 0
    result = tfseg("evaluate", run_dir, data, "--split=train", "--out", out, "--json")
    assert result.code == 0
    assert "every labelled pixel is foreground" in result.err
    assert (result.json["num_instances"], result.json["out"]) == (4, str(out))
    assert pd.read_csv(out / "per_image.csv")["id"].tolist() == [name]
    title = f"<h1>{run_dir.name} on data, split train, "
    assert title in (out / "report.html").read_text(encoding="utf-8")
    maps = ("--predictions", folder / "files" / "labels", "--labels", folder / "files" / "labels")
    assert tfseg("evaluate", *maps, "--out", out, "--overwrite", "--json").json["ap50"] == 1.0
    title = html.escape(f"{maps[1]} against {maps[3]}")
    assert f"<h1>{title}, " in (out / "report.html").read_text(encoding="utf-8")


def test_evaluate_predicts_in_tiles_as_predict_does(tfseg, run_dir, dataset, tmp_path):
    command = ("evaluate", run_dir, dataset, "--out", tmp_path / "out")
    result = tfseg(*command, "--tile=128")
    assert (result.code, result.out) == (2, "")
    assert "tile must be at least 256" in result.err
    assert not (tmp_path / "out").exists()
    printed = tfseg(*command, "--tile=256", "--tta", "--json").json
    assert (printed["tile"], printed["tta"]) == (256, True)


def test_evaluate_refuses_an_unknown_split_and_lists_the_valid_ones(tfseg, run_dir, dataset):
    result = tfseg("evaluate", run_dir, dataset, "--split=tset")
    assert (result.code, result.out) == (2, "")
    assert "has no split 'tset'; it has train, val. Choose one of them" in result.err
    assert not (run_dir / "evaluation-tset").exists()


@pytest.mark.parametrize("command", ["evaluate", "tune", "predict", "export"])
def test_run_and_data_that_are_swapped_are_told_apart(tfseg, run_dir, dataset, tmp_path, command):
    more = ("--out", tmp_path / "out") if command == "predict" else ()
    result = tfseg(command, dataset, run_dir, *more)
    assert (result.code, result.out) == (2, "")
    message = (
        f"{run_dir} is the folder of a run, not a data set. Give the data set, made by convert"
    )
    if command in ("predict", "export"):
        message = f"{dataset} is a data set: it has no config.yaml. Give the folder of a run"
    assert message in result.err


def test_tune_without_a_split_val_names_those_there_are(tfseg, run_dir, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    result = tfseg("tune", run_dir, tmp_path / "data")
    assert result.code == 2
    assert "has no split val, on which thresholds are chosen (never on test); it has train. " in (
        result.err
    )


def counts(result) -> dict[str, int]:
    """Returns the table that predict printed, without the number of instances."""
    rows = [line.split() for line in result.out.splitlines()[:-1]]
    return {name: int(count) for name, count in rows if name != "instances"}


def test_predict_skips_a_file_that_cannot_be_read(tfseg, run_dir, files, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes((files / "images" / "00.png").read_bytes()[:60])
    wide = tmp_path / "wide.png"
    Image.fromarray(np.full((33, 70, 3), 90, np.uint8)).save(wide)
    result = tfseg("predict", run_dir, files / "images", bad, wide, "--out", tmp_path / "out")
    assert result.code == 1
    assert f"tfseg: skipped {bad}: " in result.err
    assert counts(result) == {"done": 9, "skipped": 1}
    labels = {path.stem for path in (tmp_path / "out" / "labels").iterdir()}
    assert labels == {path.stem for path in (tmp_path / "out" / "overlays").iterdir()}
    assert labels == {f"{index:02d}" for index in range(8)} | {"wide"}
    assert np.asarray(Image.open(tmp_path / "out" / "labels" / "wide.png")).shape == (33, 70)
    assert (tmp_path / "out" / "options.json").is_file()


def test_predict_of_good_files_exits_with_0(tfseg, run_dir, files, tmp_path):
    image = files / "images" / "00.png"
    assert tfseg("predict", run_dir, image, "--out", tmp_path / "out").code == 0


def test_predict_says_that_it_turned_an_image_in_its_record_too(tfseg, run_dir, files, tmp_path):
    exif = Image.Exif()
    exif[274] = 8
    with Image.open(files / "images" / "00.png") as image:
        image.save(tmp_path / "a.png", exif=exif)
        size = image.size
    command = ("predict", run_dir, tmp_path / "a.png", "--out", tmp_path / "out")
    result = tfseg(*command)
    assert "by their orientation tags, with ids of the upright size: 1\n" in result.err
    with Image.open(tmp_path / "out" / "labels" / "a.png") as label:
        assert label.size == size[::-1]
    options = tmp_path / "out" / "options.json"
    assert json.loads(options.read_text(encoding="utf-8"))["orientation"] == "apply"
    refused = tfseg(*command, "--orientation=ignore", "--resume")
    assert "orientation was apply; got ignore" in refused.err
    ignored = tfseg(*command, "--orientation=ignore", "--overwrite")
    assert "orientation tags" not in ignored.err


def test_predict_resumes_with_the_same_options_only(tfseg, run_dir, files, tmp_path):
    out = tmp_path / "out"
    command = ("predict", run_dir, files / "images", "--out", out, "--tile=256", "--tta")
    assert tfseg(*command, "--min_area=3").code == 0
    (out / "labels" / "03.png").unlink()
    result = tfseg(*command, "--min_area=3", "--resume", "--format", "coco", "geojson")
    assert result.code == 0
    # no image has its polygons yet
    assert counts(result) == {"done": 8, "skipped": 0, "kept": 0}
    assert len(list((out / "geojson").iterdir())) == len(
        json.loads((out / "coco.json").read_text())["images"]
    )
    (out / "labels" / "03.png").unlink()
    command = (*command, "--resume", "--format", "coco", "geojson")
    result = tfseg(*command, "--min_area=3")
    assert counts(result) == {"done": 1, "skipped": 0, "kept": 7}
    result = tfseg(*command, "--min_area=4")
    assert (result.code, result.out) == (2, "")
    assert "min_area was 3; got 4. Give the same value, or --overwrite instead" in result.err


def test_a_prediction_resumed_after_tune_has_the_new_thresholds_alone(
    tfseg, run_dir, files, tmp_path, contents
):
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(run_dir / "checkpoints", run / "checkpoints")
    shutil.copy(run_dir / "config.yaml", run)
    command = ("predict", run, files / "images", "--tile=0", "--out")
    assert tfseg(*command, out).code == 0
    (run / "thresholds.yaml").write_text("head_options: {min_area: 300}", encoding="utf-8")
    resumed = tfseg(*command, out, "--resume")
    assert counts(resumed) == {"done": 8, "skipped": 0, "kept": 0}
    assert tfseg(*command, tmp_path / "fresh").code == 0
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--tile=128",
            "tile must be at least 256, or 0 for no tiles, because this network looks",
        ),
        ("--tile=100", "tile must be a multiple of 128, or 0 for no tiles; got 100. Use 128"),
        ("--min_area=-1", "min_area must be a whole number in"),
        ("--format=geojsn", "geojson"),
    ],
)
def test_predict_refuses_wrong_values_before_it_writes(
    tfseg, run_dir, files, tmp_path, option, message
):
    result = tfseg("predict", run_dir, files / "images", "--out", tmp_path / "out", option)
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert not (tmp_path / "out").exists()


def test_demo_refuses_a_folder_with_other_files(tfseg, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    result = tfseg("demo", "--out", tmp_path, "--overwrite")
    assert (result.code, result.out) == (2, "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_demo_replaces_an_earlier_demo_only_when_asked(tfseg, tmp_path):
    (tmp_path / "options.json").write_text('{"command": "demo"}', encoding="utf-8")
    result = tfseg("demo", "--out", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert "--overwrite" in result.err


def test_demo_refuses_a_file_and_impossible_steps(tfseg, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert "is a file" in tfseg("demo", "--out", tmp_path / "file").err
    result = tfseg("demo", "--out", tmp_path / "new", "--steps=0")
    assert result.code == 2
    assert "steps" in result.err
    assert not (tmp_path / "new").exists()


@pytest.fixture
def demo(tfseg, tmp_path: Path):
    """A demo of two steps: everything runs, the metrics mean nothing."""
    (tmp_path / "options.json").write_text('{"command": "demo"}', encoding="utf-8")
    return tfseg("demo", "--out", tmp_path, "--steps=2", "--overwrite", "--json")


@pytest.mark.filterwarnings("default:optimizer.warmup_steps is 0")
def test_demo_goes_from_the_sample_to_pictures_and_metrics(demo, tmp_path):
    assert demo.code == 0
    assert "optimizer.warmup_steps is 0, because the training has only 2 steps" in demo.err
    assert set(demo.json) >= METRICS | {"seconds", "pictures", "report"}
    assert demo.json["num_images"] == 12
    assert demo.json["pictures"] == str(tmp_path / "pictures")
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 12
    assert (tmp_path / "predicted" / "instances.csv").is_file() or not demo.json["num_predicted"]
    assert (tmp_path / "evaluation" / "per_image.csv").is_file()
    assert demo.json["report"] == str(tmp_path / "evaluation" / "report.html")
    assert (tmp_path / "evaluation" / "report.html").stat().st_size < 2_000_000


@pytest.mark.parametrize(
    ("steps", "dice", "ap50"),
    [
        # Measured: 0.896 and 0.676.
        pytest.param(200, 0.87, 0.60, marks=pytest.mark.slow),
        # Measured: 0.901 and 0.769, and in trainings that differ by the order of sums or by the
        # initial weights 0.901 to 0.902 and 0.753 to 0.779: there is room for other processors.
        pytest.param(1000, 0.88, 0.71, marks=pytest.mark.exhaustive),
    ],
)
def test_demo_reaches_its_metrics_on_the_test_images(tmp_path, steps, dice, ap50):
    assert main(["demo", "--out", str(tmp_path / "demo"), f"--steps={steps}"]) == 0
    summary = tmp_path / "demo" / "evaluation" / "summary.json"
    metrics = json.loads(summary.read_text(encoding="utf-8"))
    assert metrics["dice"] >= dice
    assert metrics["ap50"] >= ap50
