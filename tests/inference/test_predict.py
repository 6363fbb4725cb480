"""Prediction of files: the results of every file, and files that fail."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import tfseg
from tfseg.checks import InputError
from tfseg.data.files import limits, tiff_windows
from tfseg.data.files.images import read_image, read_label
from tfseg.drawing.overlays import overlay
from tfseg.evaluation.coco_results import results_pairs
from tfseg.evaluation.label_folders import folder_pairs
from tfseg.inference import predict, result_folder
from tfseg.inference.cleanup import Cleanup
from tfseg.networks.build import build_model


@pytest.fixture
def files(image, tmp_path) -> Path:
    """Three images of different types."""
    folder = tmp_path / "files"
    folder.mkdir()
    grey = image[..., 0]
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(np.repeat(image[:50], 3, axis=-1)).save(folder / "colour.png")
    Image.fromarray(grey.astype(np.uint16) * 250).save(folder / "deep.tif")
    return folder


def test_every_file_gets_ids_an_overlay_and_rows(segmenter, files, tmp_path):
    calls = []
    out = tmp_path / "out"
    report = tfseg.predict_files(
        segmenter, [files], out, on_progress=lambda done, total: calls.append((done, total))
    )
    assert [path.name for path in report.done] == ["colour.png", "deep.tif", "grey.png"]
    assert (report.skipped, calls) == ([], [(1, 3), (2, 3), (3, 3)])
    table = pd.read_csv(out / "instances.csv")
    assert len(table) == report.num_instances
    for path in report.done:
        label = read_label(out / "labels" / f"{path.stem}.png")
        predicted = segmenter.predict(read_image(path))
        np.testing.assert_array_equal(label, predicted.labels)
        rows = table[table["image"] == path.name]
        assert rows["id"].tolist() == list(range(1, label.max() + 1))
        pd.testing.assert_frame_equal(
            rows.drop(columns=["image", "area_um2", "diameter_um"]).reset_index(drop=True),
            predicted.to_pandas(),
            check_dtype=False,  # a file has no int32
            check_exact=True,
        )
        areas = np.bincount(label.ravel(), minlength=label.max() + 1)[1:]
        assert rows["area"].tolist() == areas.tolist()
        overlay = np.asarray(Image.open(out / "overlays" / f"{path.stem}.png"))
        assert overlay.shape == (*label.shape, 3)
    assert not list(out.rglob("*.partial"))


@pytest.mark.parametrize("orientation", ["apply", "ignore"])
def test_results_are_of_the_upright_picture(segmenter, image, tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(image[..., 0]).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(image[..., 0]).save(tmp_path / "b.png")
    report = tfseg.predict_files(
        segmenter,
        [tmp_path / "a.png", tmp_path / "b.png"],
        tmp_path / "out",
        orientation=orientation,
        formats=["coco"],
    )
    turned = orientation == "apply"
    assert report.turned == ([tmp_path / "a.png"] if turned else [])
    label = read_label(tmp_path / "out" / "labels" / "a.png")
    viewed = np.rot90(image, -1) if turned else image  # clockwise
    np.testing.assert_array_equal(label, segmenter.predict(np.ascontiguousarray(viewed)).labels)
    (described, _) = json.loads((tmp_path / "out" / "coco.json").read_text())["images"]
    assert (described["height"], described["width"]) == viewed.shape[:2]
    with Image.open(tmp_path / "out" / "overlays" / "a.png") as drawn:
        assert drawn.size == viewed.shape[1::-1]
    with pytest.raises(InputError, match="orientation must be"):
        tfseg.predict_files(segmenter, [tmp_path], tmp_path / "out", orientation="upright")


FILES = {
    "labels": ".png",
    "overlays": ".png",
    "tables": ".csv",
    "summaries": ".csv",
    "geojson": ".geojson",
    "digests": ".txt",
}


@pytest.mark.parametrize("missing", FILES)
def test_incomplete_results_are_predicted_again(segmenter, files, tmp_path, missing):
    out = tmp_path / "out"
    formats = ["geojson", "coco_results"]
    tfseg.predict_files(segmenter, [files], out, formats=formats)
    content = {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    stamps = {path: path.stat().st_mtime_ns for path in content}
    (out / missing / f"deep{FILES[missing]}").unlink()
    calls = []
    report = tfseg.predict_files(
        segmenter,
        [files],
        out,
        formats=formats,
        resume=True,
        on_progress=lambda *progress: calls.append(progress),
    )
    assert [path.name for path in report.done] == ["deep.tif"]
    assert [path.name for path in report.kept] == ["colour.png", "grey.png"]
    assert calls == [(3, 3)]
    assert {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()} == content
    for path, stamp in stamps.items():
        if path.stem in ("grey", "colour"):
            assert path.stat().st_mtime_ns == stamp


def test_an_image_of_other_content_is_predicted_again(segmenter, files, tmp_path):
    out = tmp_path / "out"
    tfseg.predict_files(segmenter, [files], out)
    shutil.copy(files / "colour.png", files / "grey.png")  # the name and the suffix stay
    report = tfseg.predict_files(segmenter, [files], out, resume=True)
    assert [path.name for path in report.done] == ["grey.png"]
    again = tfseg.predict_files(segmenter, [files], out, resume=True)
    assert (again.done, len(again.kept)) == ([], 3)
    paths = sorted(files.iterdir())
    (files / "grey.png").unlink()
    gone = tfseg.predict_files(segmenter, paths, out, resume=True)
    assert [path.name for path, _ in gone.skipped] == ["grey.png"]
    assert not list(out.rglob("grey.*"))  # the tables are of what the folder has
    assert set(pd.read_csv(out / "instances.csv")["image"]) == {"colour.png", "deep.tif"}


def changed_weight(segmenter: tfseg.Segmenter) -> tfseg.Segmenter:
    model = build_model(segmenter.model_config)
    model.set_weights(segmenter.model.get_weights())
    variable = model.variables[-1]
    variable.assign(np.nextafter(np.asarray(variable), 9))
    return tfseg.Segmenter(model, segmenter.model_config)


def changed_threshold(segmenter: tfseg.Segmenter) -> tfseg.Segmenter:
    config = dataclasses.replace(segmenter.model_config, head_options={"min_area": 6})
    return tfseg.Segmenter(segmenter.model, config)


def changed_tile(segmenter: tfseg.Segmenter) -> tfseg.Segmenter:
    return tfseg.Segmenter(segmenter.model, segmenter.model_config, tile=640)


@pytest.mark.parametrize("change", [changed_weight, changed_threshold, changed_tile, None])
def test_results_of_other_weights_thresholds_or_options_are_made_again(
    segmenter, files, tmp_path, change
):
    out, image = tmp_path / "out", files / "grey.png"
    tfseg.predict_files(segmenter, [image], out)
    other = change(segmenter) if change else segmenter
    cleanup = None if change else Cleanup(min_area=1)
    report = tfseg.predict_files(other, [image], out, cleanup=cleanup, resume=True)
    assert (report.done, report.kept) == ([image], [])
    report = tfseg.predict_files(other, [image], out, cleanup=cleanup, resume=True)
    assert (report.done, report.kept) == ([], [image])


def test_results_of_another_orientation_are_made_again(segmenter, files, tmp_path):
    out, image = tmp_path / "out", files / "grey.png"
    tfseg.predict_files(segmenter, [image], out)
    for done, kept in (([image], []), ([], [image])):
        report = tfseg.predict_files(segmenter, [image], out, resume=True, orientation="ignore")
        assert (report.done, report.kept) == (done, kept)


def test_results_are_replaced_only_when_asked_and_then_all_of_them(
    segmenter, files, tmp_path, contents
):
    out, one = tmp_path / "out", [files / "grey.png"]
    tfseg.predict_files(segmenter, [files], out, formats=["geojson", "coco"])
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    before = contents(out)
    with pytest.raises(InputError, match=r"out already has labels, .* or replace that with --over"):
        tfseg.predict_files(segmenter, one, out)
    with pytest.raises(InputError, match="resume and overwrite exclude each other"):
        tfseg.predict_files(segmenter, one, out, resume=True, overwrite=True)
    assert contents(out) == before
    report = tfseg.predict_files(segmenter, one, out, overwrite=True)
    assert (report.done, report.kept) == (one, [])
    tfseg.predict_files(segmenter, one, tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh") | {"notes.txt": b"mine"}


def test_a_resumed_prediction_leaves_no_results_out_of_its_tables(
    segmenter, files, tmp_path, contents
):
    out = tmp_path / "out"
    tfseg.predict_files(segmenter, [files], out, formats=["geojson"])
    (out / "labels" / "grey.png.partial").write_bytes(b"of a killed prediction")
    before = contents(out)
    with pytest.raises(InputError, match=r"not renew: digests/colour\.txt, .* too, or choose"):
        tfseg.predict_files(segmenter, [files / "grey.png"], out, formats=["geojson"], resume=True)
    with pytest.raises(InputError, match=r"would not renew: geojson/colour\.geojson, .*formats"):
        tfseg.predict_files(segmenter, [files], out, resume=True)
    assert contents(out) == before
    assert len(tfseg.predict_files(segmenter, [files], out, formats=["geojson"], resume=True).kept)


@pytest.mark.parametrize("how", [{"resume": True}, {"overwrite": True}])
def test_labels_that_no_prediction_wrote_are_never_replaced(segmenter, files, tmp_path, how):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "grey.png").write_bytes(b"drawn by hand")
    with pytest.raises(InputError, match="has labels, and not of a prediction"):
        tfseg.predict_files(segmenter, [files], tmp_path, **how)
    assert (tmp_path / "labels" / "grey.png").read_bytes() == b"drawn by hand"


@pytest.mark.parametrize("last", ["write_label", "write_picture"])
def test_an_interrupted_prediction_leaves_no_id_map_of_incomplete_results(
    segmenter, files, tmp_path, monkeypatch, last
):
    out = tmp_path / "out"
    tfseg.predict_files(segmenter, [files], out)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"tfseg.inference.result_folder.{last}", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        tfseg.predict_files(segmenter, [files], out, overwrite=True)
    monkeypatch.undo()
    assert list((out / "labels").iterdir()) == []
    assert not (out / "instances.csv").exists()
    report = tfseg.predict_files(segmenter, [files], out, resume=True)
    assert len(report.done) == 3


def test_all_formats_contain_the_instances_of_the_table(segmenter, files, tmp_path):
    (files / "cut.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    formats = ("coco", "coco_results", "geojson")
    report = tfseg.predict_files(segmenter, [files], out, formats=formats)
    table = pd.read_csv(out / "instances.csv")
    assert report.num_instances == len(table) > 3
    results = json.loads((out / "coco_results.json").read_text())
    assert [entry["file_name"] for entry in results] == table["image"].tolist()
    np.testing.assert_allclose([entry["score"] for entry in results], table["score"], atol=1e-6)
    truth = json.loads((out / "coco.json").read_text())
    names = [entry["file_name"] for entry in truth["images"]]
    assert names == ["colour.png", "deep.tif", "grey.png"]
    assert (truth["images"][0]["height"], truth["images"][0]["width"]) == (50, 100)
    assert [entry["segmentation"] for entry in truth["annotations"]] == [
        entry["segmentation"] for entry in results
    ]
    for path in report.done:
        features = json.loads((out / "geojson" / f"{path.stem}.geojson").read_text())["features"]
        names = [int(entry["properties"]["name"]) for entry in features]
        assert names == table["id"][table["image"] == path.name].tolist()


def test_the_results_are_read_back_by_the_evaluation_of_files(segmenter, files, tmp_path):
    out = tmp_path / "out"
    tfseg.predict_files(segmenter, [files], out, formats=["coco_results"])
    for pair in results_pairs(out / "coco_results.json", out / "labels"):
        np.testing.assert_array_equal(pair.prediction > 0, pair.truth > 0)
        assert len(np.unique(pair.prediction)) == len(np.unique(pair.truth))


def test_cleaned_ids_are_written(segmenter, image, files, tmp_path):
    path = files / "grey.png"
    predicted = segmenter.predict(image)
    assert len(predicted.scores) > 3
    largest = int(np.bincount(predicted.labels.ravel())[1:].max())
    cleanup = Cleanup(min_area=largest)
    report = tfseg.predict_files(segmenter, [path], tmp_path / "out", cleanup=cleanup)
    label = read_label(tmp_path / "out" / "labels" / "grey.png")
    np.testing.assert_array_equal(label, cleanup.apply(predicted).labels)
    assert label.max() == report.num_instances < len(predicted.scores)
    assert (pd.read_csv(tmp_path / "out" / "instances.csv")["area"] == largest).all()


def test_an_unknown_format_is_refused_before_anything_is_written(segmenter, files, tmp_path):
    with pytest.raises(InputError, match="format must be one of geojson, coco, coco_results"):
        tfseg.predict_files(segmenter, [files], tmp_path / "out", formats=["geojsn"])
    assert not (tmp_path / "out").exists()


def test_an_unreadable_file_is_reported_and_the_others_are_done(segmenter, files, tmp_path):
    (files / "cut.png").write_bytes((files / "grey.png").read_bytes()[:99])
    paths = [files / "cut.png", files / "missing.png", files / "grey.png"]
    report = tfseg.predict_files(segmenter, paths, tmp_path / "out")
    assert report.done == [files / "grey.png"]
    assert [path for path, _ in report.skipped] == paths[:2]
    assert all(path.name in reason for path, reason in report.skipped)
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["grey.png"]


def test_a_table_without_instances_has_its_columns(segmenter, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    report = tfseg.predict_files(segmenter, [tmp_path / "bad.png"], tmp_path / "out")
    assert report.num_instances == 0
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert table.columns[:4].tolist() == ["image", "id", "area", "centroid_y"]
    assert len(table) == 0


def test_no_images_at_all_are_refused(segmenter, tmp_path):
    with pytest.raises(InputError, match="There are no images to predict. Give image files or"):
        tfseg.predict_files(segmenter, [], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_are_refused_before_anything_is_written(segmenter, files, tmp_path):
    (files / "grey.tif").write_bytes((files / "deep.tif").read_bytes())
    with pytest.raises(InputError, match="Two images are called grey, so their results would"):
        tfseg.predict_files(segmenter, [files], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made_is_refused(segmenter, files, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match=r"taken/out cannot be written: .* Choose another folder"):
        tfseg.predict_files(segmenter, [files], tmp_path / "taken" / "out")


def test_a_large_picture_with_a_damaged_tile_is_skipped(near_sighted, image, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGE", 0)
    large = np.tile(image[..., 0], (2, 2))
    for name in ("good.tif", "bad.tif"):
        tifffile.imwrite(tmp_path / name, large, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(tmp_path / "bad.tif") as file:
        start = file.pages.first.dataoffsets[5]
    data = bytearray((tmp_path / "bad.tif").read_bytes())
    data[start : start + 40] = bytes(40)
    (tmp_path / "bad.tif").write_bytes(data)
    paths = [tmp_path / "bad.tif", tmp_path / "good.tif"]
    segmenter = near_sighted(tile=128)
    report = tfseg.predict_files(segmenter, paths, tmp_path / "out")
    assert report.done == paths[1:]
    assert "bad.tif is damaged or cut short" in report.skipped[0][1]
    label = read_label(tmp_path / "out" / "labels" / "good.png")
    np.testing.assert_array_equal(label, segmenter.predict(large[..., None]).labels)


def test_the_overlay_of_a_large_picture_is_subsampled_and_reads_no_more_pixels(
    near_sighted, image, tmp_path, monkeypatch
):
    large = np.tile(image[..., 0], (2, 2))  # 240 x 200
    tifffile.imwrite(tmp_path / "large.tif", large, tile=(64, 64))
    monkeypatch.setattr(limits, "LARGE", 0)
    monkeypatch.setattr(result_folder, "OVERLAY_SIDE", 100)
    windows, read = [], tiff_windows.TiffWindows.__getitem__

    def counted(self, window):
        pixels = read(self, window)
        windows.append(pixels.shape)
        return pixels

    monkeypatch.setattr(tiff_windows.TiffWindows, "__getitem__", counted)
    tfseg.predict_files(
        near_sighted(tile=128), [tmp_path / "large.tif"], tmp_path / "out", overlay_ids=False
    )
    label = read_label(tmp_path / "out" / "labels" / "large.png")
    assert label.shape == large.shape and label.max() > 0
    drawn = np.asarray(Image.open(tmp_path / "out" / "overlays" / "large.png"))
    np.testing.assert_array_equal(drawn, overlay(large[::3, ::3, None], label[::3, ::3]))
    assert windows[-1] == (80, 67, 1)


@pytest.mark.parametrize("name", [os.fsdecode(b"a\xff.png"), "a\nb.png"])
def test_a_name_that_results_cannot_hold_is_refused_before_anything_is_predicted(tmp_path, name):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / name)
    with pytest.raises(InputError, match=r"png' must have a name in UTF-8 and without line breaks"):
        predict.image_files([tmp_path])


@pytest.mark.parametrize(
    ("shape", "name"), [((257, 255), "a.png"), ((256, 256), "a.tif"), ((250, 280), "a.tif")]
)
def test_more_ids_than_a_png_holds_are_written_and_scored(tmp_path, shape, name):
    # 65,535, 65,536 and 70,000 instances of a pixel each
    count = shape[0] * shape[1]
    label = np.arange(1, count + 1, dtype=np.int32).reshape(shape)
    image = tmp_path / "a.png"
    Image.fromarray(np.zeros(shape, np.uint8)).save(image)
    folder = result_folder.ResultFolder(tmp_path / "out")
    folder.prepare(keep=False)
    instances = tfseg.Instances(label, np.ones(count, np.float32), np.ones(count, np.int32))
    folder.write(image, np.zeros((*shape, 1), np.uint8), instances)
    assert folder.finish([image]) == count
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == [name]
    table = pd.read_csv(tmp_path / "out" / "instances.csv")
    assert table["id"].tolist() == list(range(1, count + 1))
    (pair,) = folder_pairs(tmp_path / "out" / "labels", tmp_path / "out" / "labels")
    np.testing.assert_array_equal(pair.truth, label)
    summary = tfseg.evaluate_pairs([pair]).summary()
    assert (summary["num_predicted"], summary["ap50"], summary["splits"]) == (count, 1.0, 0)


def test_a_level_or_a_page_is_predicted_as_its_pixels_are(near_sighted, image, tmp_path, capsys):
    grey = image[..., 0]
    with tifffile.TiffWriter(tmp_path / "pyramid.tif") as file:
        file.write(np.kron(grey, np.ones((2, 2), np.uint8)), subifds=1, tile=(64, 64))
        file.write(grey, subfiletype=1, tile=(64, 64))
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([255 - grey, grey]), photometric="minisblack")
    segmenter = near_sighted(tile=128)
    expected = segmenter.predict(image).labels
    for name, selection in (("pyramid", {"level": 1}), ("stack", {"page": 1})):
        out = tmp_path / f"out_{name}"
        files, chosen = [tmp_path / f"{name}.tif"], tfseg.Selection(**selection)
        report = tfseg.predict_files(segmenter, files, out, selection=chosen)
        assert report.skipped == []
        np.testing.assert_array_equal(read_label(out / "labels" / f"{name}.png"), expected)
    refused = tfseg.predict_files(segmenter, [tmp_path / "stack.tif"], tmp_path / "refused")
    assert "it has 2 pages (axes Q 2, Y 120, X 100)" in refused.skipped[0][1]
