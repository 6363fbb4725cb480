"""Prediction of OME-Zarr, whose folders count as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tfseg
from tfseg.data.files import limits
from tfseg.data.files.images import read_label

zarr = pytest.importorskip("zarr")


def written(path: Path, image: np.ndarray) -> Path:
    """Writes the channels other and grey `[2, H, W]` with a second level of every second pixel."""
    group = zarr.open_group(path, mode="w")
    for level, pixels in enumerate((image.repeat(2, axis=1).repeat(2, axis=2), image)):
        group.create_array(str(level), data=pixels, chunks=(1, 64, 64))
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [{"name": "c", "type": "channel"}, {"name": "y"}, {"name": "x"}],
                "datasets": [{"path": "0"}, {"path": "1"}],
            }
        ],
        "omero": {"channels": [{"label": "other"}, {"label": "grey"}]},
    }
    return path


def test_a_folder_of_zarr_is_predicted_as_its_pixels_are(
    near_sighted, image, tmp_path, monkeypatch
):
    planes = np.stack([255 - image[..., 0], image[..., 0]])
    path = written(tmp_path / "slides" / "a.ome.zarr", planes)
    segmenter, out = near_sighted(tile=128), tmp_path / "out"
    options = {"selection": tfseg.Selection(level=1), "verbose": False}
    with monkeypatch.context() as patch:
        patch.setattr(limits, "LARGE", 0)  # it is read in windows
        report = tfseg.predict_files(segmenter, tmp_path / "slides", out, **options)
    assert (report.done, report.skipped) == ([path], [])
    assert report.unused == [(path, ("other",))]
    (label_file,) = (out / "labels").iterdir()
    label = read_label(label_file)
    np.testing.assert_array_equal(label, segmenter.predict(image).labels)
    again = tfseg.predict_files(segmenter, path, out, resume=True, **options)
    assert (again.done, again.kept) == ([], [path])
    written(path, planes[:, ::-1])
    changed = tfseg.predict_files(segmenter, [path], out, resume=True, **options)
    assert (changed.done, changed.kept) == ([path], [])
