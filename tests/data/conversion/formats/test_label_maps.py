"""Images and label maps with the same names: what is found, read and refused."""

from __future__ import annotations

import os
import shutil

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg import convert
from tfseg.checks import InputError
from tfseg.data.conversion.formats import label_maps
from tfseg.data.conversion.formats.base import Item, Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect


def names(source):
    return {
        split: [item.id for item in items]
        for split, items in label_maps.find(source, Reading()).splits.items()
    }


def test_every_image_is_found_with_its_label_in_the_order_of_the_names(tmp_path, write):
    write(tmp_path, ["b", "a.2", "a"])
    (tmp_path / "images" / ".hidden").write_bytes(b"")
    assert detect(tmp_path) == "label_maps"
    assert label_maps.find(tmp_path, Reading()).splits == {
        "train": [
            Item(name, tmp_path / f"images/{name}.png", tmp_path / f"labels/{name}.png")
            for name in ("a", "a.2", "b")
        ]
    }


def test_the_suffixes_of_image_and_label_may_differ(tmp_path, write):
    write(tmp_path, ["a"], label=np.full((2, 3), 65536))
    (tmp_path / "images" / "a.png").rename(tmp_path / "images" / "a.JPG")
    (item,) = label_maps.find(tmp_path, Reading()).splits["train"]
    assert (item.image.name, item.annotations.name) == ("a.JPG", "a.tif")


@pytest.mark.parametrize("ending", ["_mask", "_masks", "_label", "_labels", "_seg", "_gt"])
@pytest.mark.parametrize("kind", ["masks", "labels"])
def test_maps_may_have_an_ending(tmp_path, write, ending, kind):
    write(tmp_path, ["a", "a_mask_b"])
    for name in ("a", "a_mask_b"):
        (tmp_path / "labels" / f"{name}.png").rename(tmp_path / "labels" / f"{name}{ending}.png")
    (tmp_path / "labels").rename(tmp_path / kind)
    assert detect(tmp_path) == "label_maps"
    items = label_maps.find(tmp_path, Reading()).splits["train"]
    assert {item.id: item.annotations.stem for item in items} == {
        "a": f"a{ending}",
        "a_mask_b": f"a_mask_b{ending}",
    }
    refuse_faults({"train": items})


def test_the_folders_train_val_and_test_are_the_splits_and_others_are_left_out(tmp_path, write):
    write(tmp_path, ["test/a", "train/b", "other/c", "val/b"])
    assert detect(tmp_path) == "label_maps"
    assert names(tmp_path) == {"train": ["b"], "val": ["b"], "test": ["a"]}
    assert list(names(tmp_path)) == ["train", "val", "test"]
    shutil.rmtree(tmp_path / "train")
    assert names(tmp_path) == {"val": ["b"], "test": ["a"]}


def test_an_image_and_its_ids_are_read_as_they_are_stored(tmp_path, write):
    image = np.arange(2 * 3 * 3, dtype=np.uint16).reshape(2, 3, 3) * 3000
    label = np.array([[0, 7, 2**31 - 1], [65536, 0, 7]], np.int32)
    (item,) = label_maps.find(write(tmp_path, ["a"], image=image, label=label), Reading()).splits[
        "train"
    ]
    sample = label_maps.read(item, Reading())
    assert (sample.image.dtype, sample.label.dtype) == (np.uint16, np.int32)
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.label, label)
    assert sample.overlap_pixels == 0


@pytest.mark.parametrize("size", [(20, 23), (24, 20), (21, 24)])
def test_a_label_of_another_size_than_its_image_is_refused(tmp_path, write, size):
    (item,) = label_maps.find(write(tmp_path, ["a"]), Reading()).splits["train"]
    item.annotations.write_bytes(imagecodecs.png_encode(np.zeros(size, np.uint8)))
    rule = r"labels\S+a\.png must have the size of its image \S+images\S+a\.png; got {} x {} pixels"
    with pytest.raises(InputError, match=rule.format(*size) + r".* 20 x 24\. Give the"):
        label_maps.read(item, Reading())


LABELS = {
    "colour": (
        imagecodecs.png_encode(np.zeros((20, 24, 3), np.uint8)),
        r"a\.png must hold one instance id per pixel; got 3 channels\. Save one id",
    ),
    "a JPEG": (
        imagecodecs.jpeg8_encode(np.zeros((20, 24), np.uint8)),
        r"a\.png must be PNG, TIFF or npy; got JPEG\. Save one id",
    ),
    "cut short": (
        imagecodecs.png_encode(np.zeros((20, 24), np.uint16))[:-14],
        r"a\.png is damaged or cut short \(.+\)\. Replace the file",
    ),
    "text": (b"1 2 3", r"a\.png must be a PNG, JPEG, TIFF, BMP or WebP image; .* Convert it"),
    "empty": (b"", r"a\.png must be a PNG, JPEG, TIFF, BMP or WebP image; .* Convert it"),
}


@pytest.mark.parametrize("kind", LABELS)
def test_a_label_that_holds_no_ids_is_refused(tmp_path, write, kind):
    data, message = LABELS[kind]
    (item,) = label_maps.find(write(tmp_path, ["a"]), Reading()).splits["train"]
    item.annotations.write_bytes(data)
    with pytest.raises(InputError, match=rf"labels\S+{message}"):
        label_maps.read(item, Reading())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.float32(0.5), r"must have whole numbers as ids, .*; 480 pixels have .* as 0\.5\. Save"),
        (np.int16(-1), r"must have ids in \[0, 2147483647\]; got -1 to -1\. Renumber"),
    ],
)
def test_a_label_with_numbers_that_are_no_ids_is_refused(tmp_path, write, value, message):
    (item,) = label_maps.find(write(tmp_path, ["a"]), Reading()).splits["train"]
    tifffile.imwrite(tmp_path / "labels" / "a.tif", np.full((20, 24), value))
    with pytest.raises(InputError, match=rf"a\.tif {message}"):
        label_maps.read(Item("a", item.image, tmp_path / "labels" / "a.tif"), Reading())


def test_ids_of_8_16_and_32_bits_are_read_from_png_tiff_and_npy(tmp_path, write):
    write(tmp_path, [])
    for bits, values in {8: [0, 255], 16: [0, 65535], 32: [0, 2**31 - 1]}.items():
        label = np.array([values], f"uint{bits}")
        files = {"tif": lambda path, ids: tifffile.imwrite(path, ids), "npy": np.save}
        if bits < 32:
            files["png"] = lambda path, ids: path.write_bytes(imagecodecs.png_encode(ids))
        for suffix, save in files.items():
            write(tmp_path, [f"{bits}{suffix}"], label=np.zeros((1, 2), np.int32))
            (tmp_path / "labels" / f"{bits}{suffix}.png").unlink()
            save(tmp_path / "labels" / f"{bits}{suffix}.{suffix}", label)
    items = label_maps.find(tmp_path, Reading()).splits["train"]
    read = {item.id: label_maps.read(item, Reading()).label.tolist() for item in items}
    assert read == {
        f"{bits}{suffix}": [[0, highest]]
        for bits, highest, suffixes in (
            (8, 255, ("png", "tif", "npy")),
            (16, 65535, ("png", "tif", "npy")),
            (32, 2**31 - 1, ("tif", "npy")),
        )
        for suffix in suffixes
    }


def test_the_numbers_of_a_palette_are_the_ids_not_its_colours(tmp_path, write):
    write(tmp_path, ["a"], label=np.zeros((1, 3), np.int32))
    picture = Image.fromarray(np.array([[0, 2, 1]], np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.putdata([0, 2, 1])
    picture.save(tmp_path / "labels" / "a.png")
    (item,) = label_maps.find(tmp_path, Reading()).splits["train"]
    assert label_maps.read(item, Reading()).label.tolist() == [[0, 2, 1]]


def test_the_folder_of_the_ids_may_be_called_masks_as_stardist_does(tmp_path, write):
    write(tmp_path, ["train/a", "test/b"])
    for split in ("train", "test"):
        (tmp_path / split / "labels").rename(tmp_path / split / "masks")
    assert detect(tmp_path) == "label_maps"
    assert names(tmp_path) == {"train": ["a"], "test": ["b"]}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.full((20, 24), np.nan), r"a\.npy must have whole numbers as ids, .* such as nan\."),
        (np.zeros((20, 24), complex), r"a\.npy must have whole numbers as ids; got complex128"),
        (np.zeros(24, np.int32), r"a\.npy must be a map \[H, W\]; got \[24\]"),
        (np.array([{}]), r"a\.npy is damaged or cut short \(.*Python objects in dtype"),
    ],
)
def test_an_array_that_is_no_map_of_ids_is_refused(tmp_path, write, array, message):
    (item,) = label_maps.find(write(tmp_path, ["a"]), Reading()).splits["train"]
    np.save(tmp_path / "labels" / "a.npy", array)
    with pytest.raises(InputError, match=message):
        label_maps.read(Item("a", item.image, tmp_path / "labels" / "a.npy"), Reading())


def add_text(folder):
    (folder / "images" / "notes.txt").write_bytes(b"")


def add_folder(folder):
    (folder / "labels" / "more.png").mkdir()


def add_second_suffix(folder):
    shutil.copy(folder / "images" / "a.png", folder / "images" / "a.tif")


def add_jpeg_label(folder):
    (folder / "labels" / "a.png").rename(folder / "labels" / "a.jpg")


def drop_label(folder):
    (folder / "labels" / "b.png").unlink()


def drop_image(folder):
    (folder / "images" / "b.png").unlink()


def drop_labels(folder):
    shutil.rmtree(folder / "labels")


def drop_all(folder):
    for file in folder.rglob("*.png"):
        file.unlink()


REFUSED = {
    drop_label: r"images\S+b\.png must have a label of the same name in \S+labels; .* none\. "
    r"Add it, or take the image away",
    drop_image: r"labels\S+b\.png must have an image of the same name in \S+images; .* none\. "
    r"Add it, or take the label away",
    drop_labels: r"train has no folder 'labels'\. Expected: images/NAME\.png and labels/NAME\.png",
    drop_all: r"images is empty\. Put the images there\. Expected: images/NAME\.png",
    add_text: r"notes\.txt must be a file that ends in \.png, .*\. Convert it, or take it out",
    add_folder: r"more\.png must be a file that ends in \.png, \.tif, \.tiff, \.npy\. Convert it",
    add_second_suffix: r"a\.tif must differ from a\.png beyond the suffix\. Keep one",
    add_jpeg_label: r"a\.jpg must be a file that ends in \.png, \.tif, \.tiff, \.npy\. Convert it",
}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_files_that_are_not_of_the_layout_are_refused_in_any_split(tmp_path, write, spoil):
    write(tmp_path, ["train/a", "train/b", "val/a"])
    spoil(tmp_path / "train")
    with pytest.raises(InputError, match=REFUSED[spoil]):
        refuse_faults(label_maps.find(tmp_path, Reading()).splits)


def test_of_many_files_without_a_partner_the_first_three_are_named(tmp_path, write):
    write(tmp_path, [f"{index}" for index in range(9)])
    for index in range(4, 9):
        (tmp_path / "labels" / f"{index}.png").unlink()
    with pytest.raises(
        InputError, match=r"4\.png must .* Faults are in 5\.png, 6\.png, 7\.png and 1 more too"
    ):
        refuse_faults(label_maps.find(tmp_path, Reading()).splits)


@pytest.mark.parametrize("kind", ["images", "labels"])
def test_files_beside_split_folders_are_refused_because_they_would_be_left_out(
    tmp_path, write, kind
):
    write(tmp_path, ["train/a", "b"])
    shutil.rmtree(tmp_path / {"images": "labels", "labels": "images"}[kind])
    with pytest.raises(InputError, match=rf"have {kind}/ or split folders, not both; .* train\. M"):
        refuse_faults(label_maps.find(tmp_path, Reading()).splits)


def test_a_name_that_is_not_utf_8_is_refused(tmp_path, write):
    write(tmp_path, ["a"])
    for kind in ("images", "labels"):
        folder = os.fsencode(tmp_path / kind)
        try:
            os.rename(folder + b"/a.png", folder + b"/\xff.png")
        except OSError as error:  # the file system knows no such names
            pytest.skip(str(error))
    with pytest.raises(InputError, match=r"udcff\.png' must have a name in UTF-8 and without line"):
        refuse_faults(label_maps.find(tmp_path, Reading()).splits)


def test_a_source_that_is_missing_empty_or_of_no_known_layout_is_refused(tmp_path, write):
    with pytest.raises(InputError, match=r"no does not exist\. Check the path"):
        detect(tmp_path / "no")
    with pytest.raises(InputError, match=r"is empty\. Give a folder with images and annotations"):
        detect(tmp_path)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(InputError, match=r"none of the layouts that tfseg reads: it has neither"):
        detect(tmp_path)
    write(tmp_path, ["a"])
    (tmp_path / "cell" / "masks").mkdir(parents=True)
    with pytest.raises(InputError, match=r"could be label_maps or instance_masks\. .* --format"):
        detect(tmp_path)


MARKED = np.array([[0, 1, 1, 255], [0, 0, 255, 255], [2, 0, 0, 1]], np.uint8)


@pytest.mark.parametrize("files", [("images/a.png", "labels/a.png"), ("a.png", "a_masks.png")])
@pytest.mark.parametrize("components", [False, True])
def test_the_pixels_of_one_number_are_ignored(tmp_path, png, files, components):
    image, label = files
    png(tmp_path / "files" / image, MARKED)
    png(tmp_path / "files" / label, MARKED)
    reading = Reading(ignore=255, components=components)
    dataset = convert(tmp_path / "files", tmp_path / "data", reading=reading)
    (sample,) = dataset.samples("train").as_numpy_iterator()
    ids = [[0, 1, 1, -1], [0, 0, -1, -1], [2, 0, 0, 3 if components else 1]]
    assert sample["label"].tolist() == ids
    assert dataset.info.options["ignore"] == 255


def test_without_the_option_the_number_is_an_id(tmp_path, png):
    png(tmp_path / "files" / "images" / "a.png", MARKED)
    png(tmp_path / "files" / "labels" / "a.png", MARKED)
    (sample,) = convert(tmp_path / "files", tmp_path / "data").samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["label"], MARKED)


@pytest.mark.parametrize("number", [0, -1, 2**31, 1.5, True])
def test_a_number_that_is_no_id_cannot_be_ignored(number):
    with pytest.raises(
        InputError, match=r"ignore must be a whole number in \[1, 2147483647\]; got"
    ):
        Reading(ignore=number)


def test_masks_of_one_class_with_an_ignored_number_are_no_ids(tmp_path, png):
    mask = np.kron([[1, 0, 1], [0, 0, 0], [1, 0, 255]], np.ones((4, 4))).astype(np.uint8)
    png(tmp_path / "files" / "images" / "a.png", mask)
    png(tmp_path / "files" / "labels" / "a.png", mask)
    with pytest.raises(InputError, match=r"the values 1 lie in 3\.0 connected components each"):
        convert(tmp_path / "files", tmp_path / "data", reading=Reading(ignore=255))
