"""The Cell Tracking Challenge: sequences, gold and silver truth, frames without ids, groups."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from tfseg import InputError, Reading, convert
from tfseg.data.conversion.formats import cell_tracking
from tfseg.data.conversion.formats.base import refuse_faults

IDS = np.zeros((4, 6), np.uint16)
IDS[:, :2], IDS[:, 4:] = 3, 255


def write(folder, files):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        is_image = path.name.startswith("t")
        tifffile.imwrite(path, np.full((4, 6), 7, np.uint8) if is_image else IDS)
    return folder


SOURCE = [
    *("01/t000.tif", "01/t001.tif", "01/t002.tif"),
    *("01_GT/SEG/man_seg001.tif", "01_GT/TRA/man_track001.tif", "01_ST/SEG/man_seg000.tif"),
    *("02/t0000.tif", "02_ST/SEG/man_seg0000.tif", "03/t000.tif"),
]


def test_frames_with_ids_are_images_and_the_others_are_said(tmp_path):
    index = cell_tracking.find(write(tmp_path, SOURCE), Reading())
    items = index.splits["train"]
    assert [item.id for item in items] == ["01/t001", "02/t0000"]
    assert [item.annotations.parent.parent.name for item in items] == ["01_GT", "02_ST"]
    assert index.notes == (
        "frames without a file of ids, left out: 2",
        "sequences without files of ids, left out: 03",
    )
    sample = cell_tracking.read(items[0], Reading())
    np.testing.assert_array_equal(sample.label, IDS)


def test_sequences_stay_in_one_split_by_groups_and_a_number_is_ignored(tmp_path):
    files = [f"{s:02d}/t{f:03d}.tif" for s in range(1, 9) for f in range(2)]
    files += [f"{s:02d}_GT/SEG/man_seg{f:03d}.tif" for s in range(1, 9) for f in range(2)]
    write(tmp_path / "files", files)
    options = {"val_fraction": 0.5, "groups": "^[0-9]+", "reading": Reading(ignore=255)}
    dataset = convert(tmp_path / "files", tmp_path / "data", **options)
    splits = dataset.info.splits
    assert splits["train"].num_images % 2 == splits["val"].num_images % 2 == 0
    assert splits["train"].num_images + splits["val"].num_images == 16
    sample = next(dataset.samples("val").as_numpy_iterator())
    np.testing.assert_array_equal(np.unique(sample["label"]), [-1, 0, 3])


WRONG = {
    "a slice": (["01/t000.tif", "01_GT/SEG/man_seg_000_012.tif"], r"a slice of a volume\. Take"),
    "no frame": (
        ["01/t001.tif", "01_GT/SEG/man_seg000.tif"],
        r"must have the image t000\.tif in \S+01",
    ),
    "no ids": (
        ["01/t000.tif", "01_GT/TRA/man_track000.tif"],
        r"has no sequence with ids\. Expected",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_frame_is_refused(tmp_path, kind):
    files, message = WRONG[kind]
    with pytest.raises(InputError, match=message):
        refuse_faults(cell_tracking.find(write(tmp_path, files), Reading()).splits)
