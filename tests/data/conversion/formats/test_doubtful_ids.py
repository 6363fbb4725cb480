"""Binary masks and maps of classes are not taken for ids."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tfseg import InputError, Reading, convert

SIZE = (64, 48)  # width, height
BOXES = [(4, 4, 16, 14), (24, 6, 40, 20), (44, 26, 60, 44), (6, 28, 20, 42)]
WAYS = r"Give --components .* class table \(codes\.txt.* or say --format \w+ if these are ids\."


def drawn(values, *, mode="L", shift=0):
    """Returns a picture with a box of each value."""
    picture = Image.new(mode, SIZE)
    for (left, top, right, bottom), value in zip(BOXES, values, strict=True):
        ImageDraw.Draw(picture).rectangle((left + shift, top, right + shift, bottom), fill=value)
    return picture


def write(folder, masks, *, kind="masks", name="{}.png"):
    (folder / "images").mkdir(parents=True)
    (folder / kind).mkdir(exist_ok=True)
    for index, mask in enumerate(masks):
        Image.new("L", mask.size, 9).save(folder / "images" / f"{index}.png")
        mask.save(folder / kind / name.format(index))
    return folder


def resized(picture):
    return picture.resize((57, 43), Image.Resampling.BILINEAR)


NO_IDS = {
    "255": ([drawn([255] * 4), drawn([255, 0, 0, 0])], r"all have the one value 255, like binary"),
    "65535": ([drawn([65535] * 4, mode="I;16")], r"all have the one value 65535"),
    "rims": ([resized(drawn([255] * 4, shift=i)) for i in (0, 1)], r"thin rims of other values"),
    "1 in pieces": ([drawn([1] * 4, shift=i) for i in (0, 1)], r"values 1 lie in 4\.0 connected"),
    "classes": ([drawn([1] * 4), drawn([2] * 4)], r"values 1, 2 lie in 4\.0 connected"),
}


@pytest.mark.parametrize("kind", NO_IDS)
def test_masks_that_are_no_ids_are_refused_with_the_ways_out(tmp_path, kind):
    masks, message = NO_IDS[kind]
    with pytest.raises(InputError, match=message + r".*" + WAYS):
        convert(write(tmp_path / "files", masks), tmp_path / "data")
    assert not (tmp_path / "data").exists()
    taken = convert(tmp_path / "files", tmp_path / "data", format="label_maps")
    numbers = sum(np.unique(np.array(mask)).size - 1 for mask in masks)
    assert taken.info.splits["train"].num_instances == numbers


@pytest.mark.parametrize("kind", NO_IDS)
def test_components_makes_an_instance_of_every_part(tmp_path, kind):
    masks, _ = NO_IDS[kind]
    files = write(tmp_path / "files", masks)
    dataset = convert(files, tmp_path / "data", reading=Reading(components=True))
    for mask, sample in zip(masks, dataset.samples("train").as_numpy_iterator(), strict=True):
        values = np.array(mask)
        white = values >= 128 if kind == "rims" else values > 0
        label = sample["label"]
        np.testing.assert_array_equal(label > 0, white)
        boxes = {
            (columns.min(), rows.min())
            for id in range(1, label.max() + 1)
            for rows, columns in [np.nonzero(label == id)]
        }
        assert len(boxes) == label.max()
        if kind != "rims":
            shift = min(left for left, _ in boxes) - 4
            assert boxes <= {(left + shift, top) for left, top, *_ in BOXES}


def test_masks_beside_the_image_are_looked_at_too(tmp_path):
    (tmp_path / "files").mkdir()
    Image.new("L", SIZE, 9).save(tmp_path / "files" / "a.png")
    drawn([255] * 4).save(tmp_path / "files" / "a_masks.png")
    with pytest.raises(InputError, match=r"all have the one value 255"):
        convert(tmp_path / "files", tmp_path / "data")
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=Reading(components=True))
    assert dataset.info.splits["train"].num_instances == 4


IDS = {
    "one instance": [drawn([1, 0, 0, 0])],
    "many": [drawn([1, 2, 3, 255]), drawn([4, 7, 9, 12])],
    "255 among others": [drawn([255] * 4), drawn([1, 2, 3, 4])],
    "two parts": [drawn([1, 1, 2, 2]), drawn([1, 2, 3, 3])],
    "empty": [drawn([0] * 4), drawn([5, 6, 7, 8])],
}


@pytest.mark.parametrize("kind", IDS)
def test_ids_are_taken(tmp_path, kind):
    dataset = convert(write(tmp_path / "files", IDS[kind]), tmp_path / "data")
    numbers = sum(np.unique(np.array(mask)).size - 1 for mask in IDS[kind])
    assert dataset.info.splits["train"].num_instances == numbers


def test_ids_of_many_small_instances_have_no_rims(tmp_path):
    label = np.zeros((64, 64), np.uint8)
    label[1::4, 1::4] = np.arange(256).reshape(16, 16)  # single pixels
    label[40:60, 40:60] = 255
    dataset = convert(write(tmp_path / "files", [Image.fromarray(label)]), tmp_path / "data")
    assert dataset.info.splits["train"].num_instances == np.unique(label).size - 1
