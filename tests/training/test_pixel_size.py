"""A training on two magnifications, from files to ids, by one command each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

import tfseg
from tfseg import config as configs
from tfseg.cli import main
from tfseg.data.files.images import read_label, write_label

SMALL = ["--train.steps", "2", "--train.batch_size", "2", "--data.crop_size", "32"]
SMALL += ["--optimizer.warmup_steps", "0", "--model.filters", "[4,6]"]


def written(folder: Path, magnification: int, **options: object) -> Path:
    """Writes images of one scene, with pixels of 0.5 micrometres / magnification."""
    for split in ("train", "val"):
        (folder / split / "images").mkdir(parents=True)
        (folder / split / "labels").mkdir(parents=True)
        label = np.zeros((48, 56), np.int32)
        label[5:20, 8:24], label[26:44, 30:50] = 1, 2
        noise = np.random.default_rng(len(split)).normal(40, 8, label.shape)
        image = (noise + 150 * (label > 0)).clip(0, 255).astype(np.uint8)
        image, label = (
            array.repeat(magnification, axis=0).repeat(magnification, axis=1)
            for array in (image, label)
        )
        path = folder / split / "images" / "a.tif"
        tifffile.imwrite(path, image, **options)
        write_label(folder / split / "labels" / "a", label)
    return folder


@pytest.mark.slow
def test_sets_of_two_magnifications_train_together(tmp_path, capsys):
    metadata = {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "micron"}}
    fine = written(tmp_path / "fine", 2, **metadata)
    coarse = written(tmp_path / "coarse", 1, resolution=(72, 72), resolutionunit="INCH")
    data = [str(tmp_path / name) for name in ("fine-data", "coarse-data")]
    assert main(["convert", str(fine), data[0]]) == 0
    assert "pixel sizes: 0.25 \u00b5m (2 images)" in capsys.readouterr().out
    assert main(["convert", str(coarse), data[1]]) == 0
    assert "The files of 2 images state 72 dots per inch" in capsys.readouterr().err
    run = ["train", *data, str(tmp_path / "run"), *SMALL, "--data.pixel_size", "0.5um"]
    assert main(run) == 2
    assert (
        "has 2 without: train/a, val/a. Convert them with --pixel_size" in capsys.readouterr().err
    )
    assert main(["convert", str(coarse), data[1], "--pixel_size", "500nm", "--overwrite"]) == 0
    assert main(["check", data[0]]) == 0
    assert main(["info", data[1]]) == 0
    assert "pixel sizes: 0.5 \u00b5m (2 images)" in capsys.readouterr().out
    assert main(run) == 0
    assert configs.read(tmp_path / "run" / "config.yaml").data.pixel_size == 0.5
    assert main(["evaluate", str(tmp_path / "run"), data[0]]) == 0
    assert main(["tune", str(tmp_path / "run"), data[0]]) == 0
    files = [str(folder / "val" / "images") for folder in (fine, coarse)]
    out = [str(tmp_path / name) for name in ("fine-out", "coarse-out")]
    predict = ["predict", str(tmp_path / "run")]
    assert main([*predict, files[0], "--out", out[0]]) == 0
    assert "images brought to 0.5 \u00b5m a pixel, with ids at the size of their files: 1" in (
        capsys.readouterr().err
    )
    assert main([*predict, files[1], "--out", out[1]]) == 0
    assert "a.tif has no pixel size, so it is taken as it is" in capsys.readouterr().err
    one, other = (read_label(Path(folder) / "labels" / "a.png") for folder in out)
    np.testing.assert_array_equal(one, other.repeat(2, axis=0).repeat(2, axis=1))
    assert tfseg.load(tmp_path / "run").pixel_size == 0.5
