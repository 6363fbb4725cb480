"""Prediction of files: what is written for each, and what becomes of those that fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tfseg
from tfseg.checks import InputError
from tfseg.data.images import read_image, read_label


@pytest.fixture
def files(image, tmp_path) -> Path:
    """Three pictures of different kinds, and a file that is none."""
    folder = tmp_path / "files"
    folder.mkdir()
    grey = image[..., 0]
    Image.fromarray(grey).save(folder / "grey.png")
    Image.fromarray(np.repeat(image[:50], 3, axis=-1)).save(folder / "colour.png")
    Image.fromarray(grey.astype(np.uint16) * 250).save(folder / "deep.tif")
    return folder


def test_every_file_gets_ids_an_overlay_and_rows(segmenter, files, tmp_path):
    seen = []
    out = tmp_path / "out"
    report = tfseg.predict_files(
        segmenter, [files], out, on_progress=lambda done, total: seen.append((done, total))
    )
    assert [path.name for path in report.done] == ["colour.png", "deep.tif", "grey.png"]
    assert (report.skipped, seen) == ([], [(1, 3), (2, 3), (3, 3)])
    table = pd.read_csv(out / "instances.csv")
    assert len(table) == report.num_instances
    for path in report.done:
        label = read_label(out / "labels" / f"{path.stem}.png")
        found = segmenter.predict(read_image(path))
        np.testing.assert_array_equal(label, found.label)
        rows = table[table["image"] == path.name]
        assert rows["id"].tolist() == list(range(1, label.max() + 1))
        np.testing.assert_allclose(rows["score"], found.scores, rtol=1e-4)
        areas = np.bincount(label.ravel(), minlength=label.max() + 1)[1:]
        assert rows["area"].tolist() == areas.tolist()
        overlay = np.asarray(Image.open(out / "overlays" / f"{path.stem}.png"))
        assert overlay.shape == (*label.shape, 3)
    assert not list(out.rglob("*.partial"))


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
    with pytest.raises(InputError, match="There are no images to predict; name files or folders"):
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
