"""Cityscapes: what is found, read and refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.data.conversion.formats import cityscapes
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

# road; person 0 and 1; a group of persons; void (unlabeled, static); a caravan; car 0; bicycle 12
IDS = np.array([[7, 24000, 24001, 24, 0, 4, 29000, 26000, 33012, 26000]], np.uint16)


def write_frame(png, source, split="train", city="aachen", name="aachen_000000_000019", ids=IDS):
    image = source / "leftImg8bit" / split / city / f"{name}_leftImg8bit.png"
    png(image, np.zeros((*ids.shape, 3), np.uint8))
    folder = source / "gtFine" / split / city
    png(folder / f"{name}_gtFine_labelIds.png", np.zeros(ids.shape, np.uint8))
    return png(folder / f"{name}_gtFine_instanceIds.png", ids)


def test_instances_get_ids_and_classes_and_void_and_groups_are_ignored(tmp_path, png):
    write_frame(png, tmp_path)
    write_frame(png, tmp_path, "val", "ulm", "ulm_0")
    assert detect(tmp_path) == "cityscapes"
    index = cityscapes.find(tmp_path, Reading())
    assert {split: [item.id for item in items] for split, items in index.splits.items()} == {
        "train": ["aachen/aachen_000000_000019"],
        "val": ["ulm/ulm_0"],
    }
    sample = cityscapes.read(index.splits["train"][0], Reading())
    assert sample.image.shape == (1, 10, 3)
    # in ascending order of the numbers: 24000, 24001, 26000, 33012
    assert sample.label.tolist() == [[0, 1, 2, -1, -1, -1, -1, 3, 4, 3]]
    names = [index.class_names[number - 1] for number in sample.class_of]
    assert names == ["person", "person", "car", "bicycle"]


def test_the_classes_are_the_eight_that_the_benchmark_scores(tmp_path, png):
    write_frame(png, tmp_path)
    assert " ".join(cityscapes.find(tmp_path, Reading()).class_names) == (
        "person rider car truck bus train motorcycle bicycle"
    )


@pytest.mark.parametrize("value", [34, 999, 34000])
def test_a_label_that_cityscapes_does_not_have_is_refused(tmp_path, png, value):
    write_frame(png, tmp_path, ids=np.full((2, 2), value, np.uint16))
    (item,) = cityscapes.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=rf"instanceIds\.png must have .* got the value {value}\."):
        cityscapes.read(item, Reading())


def test_missing_files_and_folders_are_refused(tmp_path, png):
    ids = write_frame(png, tmp_path)
    write_frame(png, tmp_path, name="b")
    ids.unlink()
    with pytest.raises(
        InputError, match=r"aachen_000000_000019_leftImg8bit\.png must have ids .* none"
    ):
        refuse_faults(cityscapes.find(tmp_path, Reading()).splits)
    (tmp_path / "gtFine" / "train").rename(tmp_path / "gtFine" / "other")
    with pytest.raises(InputError, match=r"gtFine has no folder of a split"):
        refuse_faults(cityscapes.find(tmp_path, Reading()).splits)
    shutil.rmtree(tmp_path / "leftImg8bit")
    with pytest.raises(InputError, match=r"has no folder 'leftImg8bit'\. Expected"):
        refuse_faults(cityscapes.find(tmp_path, Reading()).splits)
