"""Images with files of ids beside them: what is found, read and refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path, PureWindowsPath

import imagecodecs
import numpy as np
import pytest
import tifffile

from tfseg.checks import InputError
from tfseg.data.conversion.formats import cellpose
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

LABEL = np.array([[0, 7, 7], [300, 0, 300]], np.uint16)


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    if path.suffix == ".tif":
        tifffile.imwrite(path, image)
    else:
        path.write_bytes(imagecodecs.png_encode(image))


def write_ids(path, label=LABEL):
    if path.suffix == ".npy":
        # what Cellpose's GUI saves: a dictionary in an array of one object
        np.save(path, {"masks": label, "outlines": label > 0, "filename": "a.png", "ismanual": []})
    elif path.suffix == ".tif":
        tifffile.imwrite(path, label)
    else:
        path.write_bytes(imagecodecs.png_encode(label))


@pytest.mark.parametrize(
    ("image", "ids"),
    [
        ("a.tif", "a_masks.tif"),
        ("a.png", "a_cp_masks.png"),
        ("a.tif", "a_seg.npy"),
        ("a_img.png", "a_masks.png"),
        ("a_img.png", "a_img_masks.png"),
        ("a b é.png", "a b é_cp_masks.tif"),
    ],
)
def test_the_names_of_cellpose_and_stardist_are_found_and_their_ids_read(tmp_path, image, ids):
    write_image(tmp_path / image)
    write_ids(tmp_path / ids)
    for other in ("a_cp_outlines.txt", "a_flows.tif", "a_rois.zip", "a_outlines.png"):
        (tmp_path / other).write_bytes(b"")
    assert detect(tmp_path) == "cellpose"
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    assert item.id == ids.rsplit("_", 1)[0].removesuffix("_cp")
    sample = cellpose.read(item, Reading())
    assert sample.label.tolist() == LABEL.tolist()
    assert sample.image[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_the_folders_train_and_test_are_the_splits(tmp_path):
    for name in ("train/b", "train/a", "test/c"):
        write_image(tmp_path / f"{name}.png")
        write_ids(tmp_path / f"{name}_masks.png")
    splits = cellpose.find(tmp_path, Reading()).splits
    assert {split: [item.id for item in items] for split, items in splits.items()} == {
        "train": ["a", "b"],
        "test": ["c"],
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["a.png", "b.png", "a_masks.png"],
            r"b\.png must have ids of the same name .* there is none",
        ),
        (["a.png", "a_masks.png", "b_masks.png"], r"b_masks\.png must have an image"),
        (["a.png", "a_masks.png", "a_seg.npy"], r"a_masks\.png and \S+a_seg\.npy are ids of one"),
        (["a.png", "a_img.tif", "a_masks.png"], r"a\.png and \S+a_img\.tif are images of one name"),
        (["a_flows.tif"], r"has no images\. Expected"),
        (
            ["train/a.png", "train/a_masks.png", "b.png"],
            r"must have b\.png or split folders, not bo",
        ),
        (["a.png", "a_masks.png", "notes.txt"], r"notes\.txt is no part of the layout"),
        (["a.png", "a.tif", "a_masks.png"], r"a\.tif must differ from a\.png beyond the suffix"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, files, message):
    for name in files:
        if "_" in name:
            write_ids(tmp_path / name)
        else:
            write_image(tmp_path / name)
    with pytest.raises(InputError, match=message):
        refuse_faults(cellpose.find(tmp_path, Reading()).splits)


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    write_image(tmp_path / "files" / "a.png")
    np.save(tmp_path / "files" / "a_seg.npy", {"masks": Attack(tmp_path / "made")})
    with open(tmp_path / "files" / "a_seg.npy", "rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        assert b"mkdir" in pickle.dumps(Attack("x")) and b"mkdir" in file.read()
    (item,) = cellpose.find(tmp_path / "files", Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy is not what Cellpose writes \(it asks for "):
        cellpose.read(item, Reading())
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("path", [Path("/x/a.png"), PureWindowsPath("C:/x/a.png")])
def test_a_path_beside_the_masks_is_left_out(tmp_path, path):
    write_image(tmp_path / "a.png")
    np.save(tmp_path / "a_seg.npy", {"filename": path, "masks": LABEL})
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    assert cellpose.read(item, Reading()).label.tolist() == LABEL.tolist()


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text"])
def test_a_file_that_is_no_pickle_is_refused(tmp_path, content):
    write_image(tmp_path / "a.png")
    (tmp_path / "a_seg.npy").write_bytes(content)
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy is not what Cellpose writes"):
        cellpose.read(item, Reading())


def test_masks_of_several_planes_are_refused(tmp_path):
    write_image(tmp_path / "a.png")
    write_ids(tmp_path / "a_seg.npy", np.zeros((4, 2, 3), np.uint16))
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy must hold one instance id per pixel"):
        cellpose.read(item, Reading())
