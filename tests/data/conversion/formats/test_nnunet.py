"""nnU-Net: both versions of dataset.json, channels, components, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tfseg import InputError, Reading, convert
from tfseg.data.conversion.formats import nnunet
from tfseg.data.conversion.formats.base import refuse_faults

VALUES = np.zeros((4, 6), np.uint8)
VALUES[0, :2] = VALUES[3, :2] = 2  # two parts of one class
VALUES[:, 5], VALUES[1, 3] = 1, 3
LABELS = {
    "2": {"background": 0, "cell": 1, "nucleus": 2, "ignore": 3},
    "1": {"0": "background", "1": "cell", "2": "nucleus", "3": "ignore"},
}


def write(png, folder, labels=LABELS["2"], channels=1, case="a", ending="Tr"):
    for channel in range(channels):
        image = np.full((4, 6), 10 * channel, np.uint8)
        png(folder / f"images{ending}" / f"{case}_{channel:04d}.png", image)
    png(folder / f"labels{ending}" / f"{case}.png", VALUES)
    content = {"channel_names": {"0": "R"}, "labels": labels, "numTraining": 1}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("version", LABELS)
def test_classes_are_those_of_both_versions_and_ignore_is_ignored(tmp_path, png, version):
    index = nnunet.find(write(png, tmp_path, LABELS[version]), Reading())
    assert index.class_names == ("cell", "nucleus")
    assert index.notes == ("dataset.json: pixels of ignore are ignored",)
    (item,) = index.splits["train"]
    sample = nnunet.read(item, Reading())
    np.testing.assert_array_equal(sample.label, np.where(VALUES == 3, -1, VALUES.astype(int)))
    assert sample.class_of.tolist() == [1, 2]


def test_components_are_instances_if_asked(tmp_path, png):
    write(png, tmp_path / "files")
    reading = Reading(components=True)
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=reading)
    (sample,) = dataset.samples("train").as_numpy_iterator()
    assert sorted(sample["class_of"].tolist()) == [1, 2, 2]
    assert sample["label"][1, 3] == -1


def test_three_channels_are_one_image_and_labels_ts_are_the_split_test(tmp_path, png):
    write(png, tmp_path, channels=3)
    write(png, tmp_path, case="b_c", ending="Ts")
    index = nnunet.find(tmp_path, Reading())
    assert {name: [item.id for item in items] for name, items in index.splits.items()} == {
        "train": ["a"],
        "test": ["b_c"],
    }
    image = nnunet.read(index.splits["train"][0], Reading()).image
    assert image[0, 0].tolist() == [0, 10, 20]


def drop_mask(source):
    (source / "labelsTr" / "a.png").unlink()


def drop_image(source):
    (source / "imagesTr" / "a_0000.png").unlink()
    (source / "imagesTr" / "b_0000.png").write_bytes(b"")
    (source / "labelsTr" / "b.png").write_bytes(b"")


def drop_number(source):
    (source / "imagesTr" / "a_0000.png").rename(source / "imagesTr" / "a.png")


def add_volume(source):
    (source / "labelsTr" / "b.nii.gz").write_bytes(b"")


def add_region(source):
    labels = LABELS["2"] | {"both": [1, 2]}
    (source / "dataset.json").write_text(json.dumps({"labels": labels}))


def add_value(source):
    (source / "dataset.json").write_text(json.dumps({"labels": {"background": 0, "cell": 1}}))


def drop_labels(source):
    (source / "dataset.json").write_text("{}")


REFUSED = {
    drop_mask: r"a_0000\.png must have a mask of the same name in \S+labelsTr",
    drop_image: r"a\.png must have an image CASE_0000 of the same name in \S+imagesTr",
    drop_number: r"a\.png must end in the number of its channel, such as _0000",
    add_volume: r"b\.nii\.gz must be PNG or TIFF; volumes are not read",
    add_region: r"must give every label one number; got .* \(regions\) are not read",
    add_value: r"a\.png must have the values of the table of classes; 4 pixels have 2",
    drop_labels: r"dataset\.json must have the entry 'labels', an object; got none",
}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_what_does_not_fit_is_refused(tmp_path, png, spoil):
    source = write(png, tmp_path / "files")
    spoil(source)
    with pytest.raises(InputError, match=REFUSED[spoil]):
        refuse_faults(nnunet.find(source, Reading()).splits)
        convert(source, tmp_path / "data")


def test_two_channels_are_refused(tmp_path, png):
    with pytest.raises(
        InputError, match=r"must have 1 or 3 channels with the other files .*; got 2"
    ):
        convert(write(png, tmp_path / "files", channels=2), tmp_path / "data")
