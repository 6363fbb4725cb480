"""Pairs of id maps from two folders: which file is whose, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg.checks import InputError
from tfseg.evaluation.label_folders import (
    find_images,
    find_maps,
    folder_pairs,
    unused_files,
)

IDS = np.array([[0, 1, 1], [2, 2, 0]])


def write(path: Path, ids: np.ndarray = IDS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, ids)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, ids)
    else:
        Image.fromarray(ids.astype(np.uint16)).save(path)


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Predictions and labels of two images."""
    for kind in ("predictions", "labels"):
        for name in ("a", "b"):
            write(tmp_path / kind / f"{name}.png")
    return tmp_path / "predictions", tmp_path / "labels"


def test_png_tiff_and_npy_go_together_by_name(tmp_path):
    write(tmp_path / "found" / "b.tif", IDS.astype(np.float32) * 70_000)
    write(tmp_path / "found" / "a.npy", IDS)
    write(tmp_path / "true" / "a.png", IDS + 1)
    write(tmp_path / "true" / "b.npy", (IDS - 1).astype(np.float32))
    pairs = list(folder_pairs(tmp_path / "found", tmp_path / "true"))
    assert [pair.id for pair in pairs] == ["a", "b"]
    np.testing.assert_array_equal(pairs[0].truth, IDS + 1)
    np.testing.assert_array_equal(pairs[0].prediction, IDS)
    np.testing.assert_array_equal(pairs[1].truth, IDS - 1)  # -1 = ignored
    np.testing.assert_array_equal(pairs[1].prediction, IDS * 70_000)
    assert {pair.group for pair in pairs} == {""}


def test_files_of_cellpose_are_found_beside_its_images_and_other_files(tmp_path):
    write(tmp_path / "found" / "a_cp_masks.png", IDS)
    write(tmp_path / "found" / "a.png", IDS * 0)  # the image
    (tmp_path / "found" / "a_cp_outlines.txt").touch()
    (tmp_path / "found" / ".hidden.png").touch()
    write(tmp_path / "true" / "a_masks.tif", IDS)
    (pair,) = folder_pairs(tmp_path / "found", tmp_path / "true")
    assert pair.id == "a"
    np.testing.assert_array_equal(pair.prediction, IDS)


def test_a_file_named_masks_leaves_no_other_image_out(folders):
    for folder in folders:
        write(folder / "c_masks.png")
    assert [pair.id for pair in folder_pairs(*folders)] == ["a", "b", "c"]
    (folders[1] / "c_masks.png").unlink()
    with pytest.raises(InputError, match="Every prediction must have a label .* none for c. Add"):
        folder_pairs(*folders)


def test_files_beside_the_map_of_their_image_are_no_maps_and_can_be_named(tmp_path):
    for name in ("a", "a_img", "a_masks", "a_cp_outlines", "a_flows", "b", "b_flows"):
        write(tmp_path / f"{name}.png")
    (tmp_path / "notes.txt").touch()
    assert {name: path.name for name, path in find_maps(tmp_path).items()} == {
        "a": "a_masks.png",
        "b": "b.png",
        "b_flows": "b_flows.png",  # as far as names say: there is no b_masks.png
    }
    unused = ["a.png", "a_cp_outlines.png", "a_flows.png", "a_img.png", "notes.txt"]
    assert [path.name for path in unused_files(tmp_path)] == unused


def test_groups_come_from_a_table(folders, tmp_path):
    (tmp_path / "groups.csv").write_text("id,group\nb,007\na,001\nother,\n", encoding="utf-8")
    pairs = folder_pairs(*folders, groups=tmp_path / "groups.csv")
    assert [pair.group for pair in pairs] == ["001", "007"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("id,group\na,1\n", "must have every image; b are missing. Add"),
        ("id,patient\na,1\nb,1\n", "must have the columns id and group; got id, patient"),
        ("", "must have the columns id and group; got none"),
        ("id,group\na,1\nb,\n", "must have every image; b are missing"),
    ],
)
def test_a_table_without_the_groups_is_refused(folders, tmp_path, table, message):
    (tmp_path / "groups.csv").write_text(table, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        folder_pairs(*folders, groups=tmp_path / "groups.csv")


def test_a_label_without_prediction_and_the_other_way_round_are_refused_by_name(folders):
    predictions, labels = folders
    (predictions / "b.png").unlink()
    with pytest.raises(InputError, match="Every label must have a prediction .* none for b. Add"):
        folder_pairs(predictions, labels)
    write(predictions / "b.png")
    for name in "cdefg":
        write(predictions / f"{name}.png")
    with pytest.raises(InputError, match="Every prediction .* for c, d, e and 2 more. Add"):
        folder_pairs(predictions, labels)


def test_names_that_do_not_pair_are_shown_on_both_sides(folders, tmp_path):
    predictions, labels = folders
    for index, name in enumerate(("a", "b")):
        (labels / f"{name}.png").rename(labels / f"gt_{index}.png")
    message = r"prediction must have a label .* none for a, b, but one called gt_0, gt_1\. .* same"
    with pytest.raises(InputError, match=message):
        folder_pairs(predictions, labels)
    write(tmp_path / "images" / "x.png")
    with pytest.raises(InputError, match=r"none for gt_0, gt_1, but one called x\. Add it"):
        find_images(tmp_path / "images", find_maps(labels))


def test_a_wrong_folder_is_refused_with_where_the_maps_may_be(folders, tmp_path):
    predictions, labels = folders
    with pytest.raises(InputError, match="no-such does not exist"):
        folder_pairs(tmp_path / "no-such", labels)
    with pytest.raises(InputError, match=r"has no id maps \(.png, .tif, .* .zarr\). Name .*lab"):
        folder_pairs(tmp_path, labels)
    with pytest.raises(InputError, match="is a file, not a folder"):
        folder_pairs(predictions / "a.png", labels)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no id maps .* Check the path"):
        folder_pairs(tmp_path / "empty", labels)


def test_two_maps_of_one_image_are_refused(folders):
    write(folders[0] / "a.npy")
    with pytest.raises(InputError, match="are both for the image 'a'. Keep one"):
        folder_pairs(*folders)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS * 0.5, r"must have whole numbers as ids, .*; \d pixels have others, such as 0\.5"),
        (IDS * np.nan, "must have whole numbers as ids, .*; 6 pixels have others, such as nan"),
        (IDS - 2, "must have ids from 0 .*; got -2 to 0"),
        (IDS - 1, r"must have ids from 0 to 2147483647 \(0 = background\); got -1 to 1"),
        (IDS * 2**31, "must have ids from 0 to 2147483647 .*; got 0 to 4294967296"),
        (IDS > 0, "got bool"),
        (IDS[None], r"got int64 \[1, 2, 3\]"),
        (np.array({"masks": IDS}), "must be a NumPy array of integers; it cannot be read"),
    ],
    ids=["float", "nan", "below -1", "-1", "large", "bool", "three axes", "pickled"],
)
def test_what_is_no_id_map_is_refused_by_its_file(folders, ids, message):
    predictions, labels = folders
    (predictions / "b.png").unlink()
    write(predictions / "b.npy", ids)
    with pytest.raises(
        InputError, match=f"{predictions / 'b.npy'} must.*{message.split('must')[-1]}"
    ):
        list(folder_pairs(predictions, labels))


def test_a_truncated_file_is_refused_by_its_name(folders):
    predictions, labels = folders
    data = (predictions / "b.png").read_bytes()
    (predictions / "b.png").write_bytes(data[:-20])
    with pytest.raises(InputError, match="b.png is damaged or cut short"):
        list(folder_pairs(predictions, labels))
    (predictions / "b.png").unlink()
    (predictions / "b.npy").write_bytes(b"")
    with pytest.raises(InputError, match="b.npy must be a NumPy array"):
        list(folder_pairs(predictions, labels))


def test_a_header_that_states_more_than_the_file_has_allocates_nothing(tmp_path):
    for name in ("predictions", "labels"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "labels" / "a.npy", np.eye(4, dtype=np.int32))
    header = {"descr": "<i4", "fortran_order": False, "shape": (10**6, 10**6)}
    with (tmp_path / "predictions" / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(InputError, match=r"a\.npy must be a NumPy array of integers; it cannot be"):
        list(folder_pairs(tmp_path / "predictions", tmp_path / "labels"))


@pytest.mark.parametrize("name", [os.fsdecode(b"a\xff"), "a\nb"])
def test_a_name_that_results_cannot_hold_is_refused(tmp_path, name):
    Image.fromarray(np.eye(4, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    with pytest.raises(InputError, match=r"png' must have a name in UTF-8 and without line breaks"):
        folder_pairs(tmp_path, tmp_path)
