"""The pictures of a data set: what they are drawn from, and where."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfseg
from tfseg import InputError, convert_samples
from tfseg.data.dataset.statistics import Statistics
from tfseg.drawing.overlays import color_ids
from tfseg.evaluation.dataset_sheet import contact_sheet, count_samples, draw_histograms


def test_what_is_counted_in_the_records_is_what_the_conversion_counted(dataset):
    assert Statistics.of(count_samples(dataset), num_classes=1) == dataset.info.statistics


def test_classes_are_counted_too(tmp_path):
    label = np.array([[1, 1, 0, 7], [0, 0, -1, 7]], np.int32)
    samples = [{"image": np.eye(2, 4, dtype=np.uint8), "label": label, "class_of": [2, 1]}]
    dataset = convert_samples(samples, tmp_path / "data", class_names=("cell", "dog"))
    assert Statistics.of(count_samples(dataset), num_classes=2) == dataset.info.statistics
    assert dataset.info.statistics.class_instances == (1, 1)


def test_histograms_are_drawn_also_of_a_single_instance(tmp_path, dataset):
    one = [(np.zeros((9, 8), np.uint8), np.eye(9, 8, dtype=np.int32))]
    small = convert_samples(one, tmp_path / "data")
    for name, data in {"one": small, "many": dataset}.items():
        draw_histograms(count_samples(data), tmp_path / f"{name}.png")
    one, many = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("one", "many"))
    assert one.shape == many.shape == (720, 1080, 4)
    assert (one != many).any()
    assert all(np.unique(half).size > 2 for half in np.split(many, 2))  # nothing stays empty


@pytest.fixture
def squares(tmp_path):
    """Four black images of 400 x 300 with a square of a different id each, from 1 to 4."""
    samples = []
    for id in (1, 2, 3, 4):
        label = np.zeros((400, 300), np.int32)
        label[100:200, 100:200] = id
        label[300:, :] = -1
        samples.append((np.where(label > 0, 200, 0).astype(np.uint8) + id, label))
    return convert_samples({"train": samples, "val": samples[:1]}, tmp_path / "data")


def outlined(sheet, id):
    """Returns the first and last rows and columns with the colour of an id."""
    rows, columns = np.nonzero((sheet == color_ids(np.array([[id]]))[0, 0]).all(axis=-1))
    return rows.min(), rows.max(), columns.min(), columns.max()


def test_the_sheet_has_a_row_of_smaller_pictures_with_outlines_for_each_split(squares):
    sheet = contact_sheet(squares)
    # 400 is more than 384: blocks of 2 x 2. Each picture is 200 x 150, 4 pixels apart, below a line
    # of text of 16 pixels, and 4 pixels follow: 220 a row. The squares, from 100 to 199, have the
    # middles of the blocks 50 (pixel 101) to 99 (pixel 199).
    assert sheet.shape[0] == 2 * 220
    for id in (2, 3):
        top, bottom, left, right = outlined(sheet, id)
        assert (top, bottom) == (16 + 50, 16 + 99)
        assert (left, right) == ((id - 1) * 154 + 50, (id - 1) * 154 + 99)
    first = outlined(sheet, 1)  # in both rows
    assert (first[0], first[1]) == (16 + 50, 220 + 16 + 99)


def test_of_many_images_some_are_taken_over_the_whole_split(squares):
    few = contact_sheet(squares, count=2)  # of four: the first and the third
    assert outlined(few, 3)[2] == 154 + 50
    for id in (2, 4):
        with pytest.raises(ValueError, match="zero-size"):
            outlined(few, id)


def test_small_pictures_are_enlarged_with_thin_outlines(tmp_path):
    label = np.zeros((9, 50), np.int32)
    label[2:5, 10:20] = 1
    image = np.arange(450, dtype=np.uint16).reshape(9, 50)
    sheet = contact_sheet(convert_samples([(image, label)], tmp_path / "data"))
    # four times, the most: rows 8 to 19, columns 40 to 79 below 16 pixels of text
    assert sheet.shape == (16 + 36 + 4, 200, 3)
    assert outlined(sheet, 1) == (16 + 8, 16 + 19, 40, 79)
    outline = (sheet == color_ids(np.array([[1]]))[0, 0]).all(axis=-1).sum()
    assert outline == 2 * 40 + 2 * (12 - 2)


def test_outlines_of_several_classes_have_the_colours_of_their_named_classes(tmp_path):
    label = np.zeros((96, 96), np.int32)
    label[8:24, 8:24], label[40:56, 40:56], label[70:90, 70:90] = 3, 7, 9
    image = np.zeros((96, 96), np.uint8)
    samples = [{"image": image, "label": label, "class_of": [4, 2, 4]}]
    names = ("cell", "dust", "fibre", "spore")
    sheet = contact_sheet(convert_samples(samples, tmp_path / "data", class_names=names))
    # A row with the two classes that occur: 16 pixels of text, 16 of squares of 13 x 13, and 4;
    # then the picture, four times as large, below 16 pixels of text.
    top = 16 + 16 + 4 + 16
    assert sheet.shape[0] == top + 384 + 4
    for index, (first, last) in {2: (160, 223), 4: (32, 359)}.items():
        assert outlined(sheet[top:], index) == (first, last, first, last)
        assert outlined(sheet[:top], index)[:2] == (16, 16 + 12)
    for absent in (1, 3):
        with pytest.raises(ValueError, match="zero-size"):
            outlined(sheet, absent)


def test_a_picture_that_cannot_be_finished_leaves_nothing(tmp_path, dataset, monkeypatch):
    def full(_, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    with pytest.raises(InputError, match=r"histograms\.png cannot be written: No space left"):
        draw_histograms(count_samples(dataset), tmp_path / "histograms.png")
    assert list(tmp_path.iterdir()) == []


def test_very_long_images_stay_a_picture(tmp_path):
    long = (np.arange(900, dtype=np.uint16)[None], np.ones((1, 900), np.int32))
    sheet = contact_sheet(convert_samples([long], tmp_path / "data"))
    assert sheet.shape == (16 + 1 + 4, 900, 3)


@pytest.mark.parametrize("count", [0, 1001, 2.5])
def test_a_number_of_images_out_of_its_bounds_is_refused(dataset, count):
    with pytest.raises(InputError, match=r"count must be a whole number in \[1, 1000\]"):
        contact_sheet(dataset, count=count)


def test_a_record_that_does_not_decode_is_an_error(squares):
    import tensorflow as tf

    (shard,) = squares.split("val").shards
    with tf.io.TFRecordWriter(str(squares.path / shard.name)) as writer:
        writer.write(b"garbage")
    with pytest.raises(InputError, match="cannot be decoded"):
        contact_sheet(tfseg.Dataset.open(squares.path))
