"""One folder for each image, one mask for each instance: what is found, read and refused."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.conversion.formats import instance_masks
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect


def write_masks(folder: Path, *masks: np.ndarray, size: tuple[int, int] = (4, 5)) -> Path:
    """Writes folder/images/image.png of `size`, and masks/0.png, masks/1.png, ..."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    (folder / "images" / "image.png").write_bytes(imagecodecs.png_encode(np.zeros(size, np.uint8)))
    for index, mask in enumerate(masks):
        (folder / "masks" / f"{index}.png").write_bytes(imagecodecs.png_encode(mask))
    return folder


def read_one(source: Path):
    (item,) = instance_masks.find(source, Reading()).splits["train"]
    return instance_masks.read(item, Reading())


def mask(*rows: str) -> np.ndarray:
    return np.array([[255 * (sign != ".") for sign in row] for row in rows], np.uint8)


def test_ids_follow_the_order_of_the_mask_names(tmp_path):
    write_masks(tmp_path / "cell", mask("...##"), mask("#...."), mask("..#.."), size=(1, 5))
    (tmp_path / "cell" / "masks" / "0.png").rename(tmp_path / "cell" / "masks" / "9.png")
    sample = read_one(tmp_path)
    assert sample.label.dtype == np.int32
    assert sample.label.tolist() == [[1, 0, 2, 3, 3]]
    assert sample.overlap_pixels == 0


def test_where_masks_overlap_the_smaller_instance_wins_whatever_its_name(tmp_path):
    large = mask("####.", "####.", "####.", ".....")  # 12 pixels
    small = mask(".....", ".##..", ".....", ".....")  # 2 pixels, all of them on the large one
    middle = mask(".....", "..##.", "..###", "..###")  # 8: on 4 of the large one, 1 of the small
    expected = [[1, 1, 1, 1, 0], [1, 3, 3, 2, 0], [1, 1, 2, 2, 2], [0, 0, 2, 2, 2]]
    write_masks(tmp_path / "one" / "cell", large, middle, small)
    write_masks(tmp_path / "two" / "cell", small, middle, large)
    forward, backward = read_one(tmp_path / "one"), read_one(tmp_path / "two")
    assert forward.label.tolist() == expected
    assert backward.label.tolist() == np.array([0, 3, 2, 1])[expected].tolist()
    # two pixels of small and large, one of them of middle too, and three of large and middle
    assert forward.overlap_pixels == backward.overlap_pixels == 5


def test_of_instances_of_one_size_the_first_wins(tmp_path):
    write_masks(tmp_path / "cell", mask("##..."), mask(".##.."), mask("..##."), size=(1, 5))
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [[1, 1, 2, 3, 0]]
    assert sample.overlap_pixels == 2


@given(arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(3), st.just(4))))
def test_any_masks_agree_with_a_loop_over_the_pixels(masks):
    with tempfile.TemporaryDirectory() as folder:
        write_masks(Path(folder) / "cell", *masks.astype(np.uint8), size=(3, 4))
        sample = read_one(Path(folder))
    areas = masks.sum(axis=(1, 2))
    for y, x in np.ndindex(3, 4):
        claims = np.flatnonzero(masks[:, y, x])
        smallest = min(claims, key=lambda index: (areas[index], index), default=-1)
        assert sample.label[y, x] == smallest + 1
    assert sample.overlap_pixels == (masks.sum(axis=0) > 1).sum()


def test_every_pixel_that_is_not_black_belongs_to_the_instance_in_any_depth_and_colour(tmp_path):
    write_masks(
        tmp_path / "cell",
        np.array([[1, 0, 0, 0]], np.uint8),
        np.array([[0, 256, 0, 0]], np.uint16),
        np.array([[[0, 0, 0], [0, 0, 0], [0, 0, 9], [0, 0, 0]]], np.uint8),
        np.array([[[0, 0, 0, 255]] * 3 + [[0, 7, 0, 0]]], np.uint8),  # alpha says nothing
        size=(1, 4),
    )
    assert read_one(tmp_path).label.tolist() == [[1, 2, 3, 4]]


SEVERAL = {
    "ids": (np.array([[0, 1, 2, 2, 3]], np.uint8), "1, 2, 3"),
    "many ids": (np.array([[9, 1, 2, 2, 3]], np.uint16), "1, 2, 3 and 1 more"),
    "white and grey": (np.array([[255, 255, 0, 128, 128]], np.uint8), "128, 255"),
    "colours": (
        np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]], np.uint8),
        r"\(0, 255, 0\), \(255, 0, 0\)",
    ),
}


@pytest.mark.parametrize(("several", "shown"), SEVERAL.values(), ids=SEVERAL)
def test_a_mask_of_several_instances_is_refused_with_the_format_that_fits(tmp_path, several, shown):
    write_masks(tmp_path / "cell", mask("#####"), several, size=(1, 5))
    with pytest.raises(InputError, match=rf"1\.png must be .* got {shown}\. .*--format label_maps"):
        read_one(tmp_path)


@pytest.mark.parametrize(
    "rimmed",
    [
        [[0, 40, 255, 255, 90], [0, 0, 128, 200, 80]],
        [[[0, 0, 0], [40, 0, 0], [255, 0, 0], [255, 0, 0], [90, 0, 0]]] * 2,
    ],
)
def test_thin_rims_around_white_or_one_colour_belong_to_the_instance(tmp_path, rimmed):
    pixels = np.array(rimmed, np.uint8)
    write_masks(tmp_path / "cell", pixels, size=(2, 5))
    expected = pixels.reshape(2, 5, -1).any(axis=-1)
    np.testing.assert_array_equal(read_one(tmp_path).label, expected)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_white_is_zero_mask_is_read_by_its_brightness(tmp_path, bits):
    folder = write_masks(tmp_path / "cell", size=(1, 5))
    white = np.array([[1, 1, 0, 0, 1]], np.uint8)
    stored = white if bits == 1 else white * 255  # 0 is white: the instance
    options = {"photometric": "miniswhite", "bitspersample": bits}
    tifffile.imwrite(folder / "masks" / "0.tif", stored, **options)
    with Image.open(folder / "masks" / "0.tif") as picture:
        brightness = np.asarray(picture.convert("L"))
    assert (brightness > 0).tolist() == (white == 0).tolist()  # Pillow's view
    assert read_one(tmp_path).label.tolist() == [[0, 0, 1, 1, 0]]


def test_an_empty_folder_of_masks_is_an_image_without_instances(tmp_path):
    write_masks(tmp_path / "cell")
    sample = read_one(tmp_path)
    assert sample.label.tolist() == [[0] * 5] * 4
    assert sample.overlap_pixels == 0
    assert instance_masks.find(tmp_path, Reading()).notes == (
        "images without a mask, and so without instances: 1",
    )


def test_images_are_found_by_folder_in_the_splits_and_files_beside_them_are_left_out(tmp_path):
    for name in ("train/b", "train/a", "val/c"):
        write_masks(tmp_path / name, mask("#####"), size=(1, 5))
    (tmp_path / "train" / "solution.csv").write_bytes(b"")
    (tmp_path / "train" / ".cache").mkdir()
    assert detect(tmp_path) == "instance_masks"
    splits = instance_masks.find(tmp_path, Reading()).splits
    assert {split: [item.id for item in items] for split, items in splits.items()} == {
        "train": ["a", "b"],
        "val": ["c"],
    }
    assert splits["val"][0].image == tmp_path / "val" / "c" / "images" / "image.png"


def write_flat(parent, **masks):
    """Writes images/NAME.png of 1 x 3 pixels for each name, and masks below masks/."""
    for name, paths in masks.items():
        for index, path in enumerate([f"images/{name}.png", *(f"masks/{path}" for path in paths)]):
            picture = np.zeros((1, 3), np.uint8)
            picture[0, index - 1] = 255 * (index > 0)
            (parent / path).parent.mkdir(parents=True, exist_ok=True)
            (parent / path).write_bytes(imagecodecs.png_encode(picture))


def labels(source, reading):
    items = instance_masks.find(source, reading).splits["train"]
    return {item.id: instance_masks.read(item, reading).label[0].tolist() for item in items}


def test_a_folder_of_masks_for_each_image_is_found(tmp_path):
    write_flat(tmp_path / "train", a=["a/x.png", "a/y.png"], b=["b/1.png"])
    (tmp_path / "train" / "masks" / "b" / "1.png").unlink()
    assert detect(tmp_path) == "instance_masks"
    assert labels(tmp_path, Reading()) == {"a": [1, 2, 0], "b": [0, 0, 0]}


def test_masks_are_found_by_a_pattern_and_belong_to_the_longest_name(tmp_path):
    names = {"a": ["a_1.png", "a_2.png"], "a_1": ["a_1_1.png"], "b [x]": ["b [x]_9.png"], "c": []}
    write_flat(tmp_path, **names)
    expected = {"a": [1, 2, 0], "a_1": [1, 0, 0], "b [x]": [1, 0, 0], "c": [0, 0, 0]}
    assert labels(tmp_path, Reading(masks="masks/{name}_*.png")) == expected
    assert labels(tmp_path, Reading(masks="masks/{name}_*")) == expected
    assert instance_masks.find(tmp_path, Reading(masks="masks/{name}_*")).notes == (
        "images without a mask, and so without instances: 1",
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("masks/*.png", r"pattern within the source that has \{name\}"),
        ("*/{name}_*.png", r"and no \* before"),
        ("../{name}_*.png", r"pattern within the source"),
        ("/etc/{name}_*.png", r"pattern within the source"),
        ("mask/{name}_*.png", r"has no file 'mask/\{name\}_\*\.png' of any of its 1 images"),
        ("masks/{name}.png", r"a_0\.png must have an image of its name in .* in z\.png too"),
        ("masks/{name}_*", r"a_1\.txt must be a file that ends in \.png"),
    ],
)
def test_a_pattern_that_leads_nowhere_or_astray_is_refused(tmp_path, pattern, message):
    write_flat(tmp_path, a=["a_0.png", "z.png"])
    (tmp_path / "masks" / "a_1.txt").write_bytes(b"")
    with pytest.raises(InputError, match=message):
        refuse_faults(instance_masks.find(tmp_path, Reading(masks=pattern)).splits)


def test_an_image_without_a_folder_of_masks_is_refused(tmp_path):
    write_flat(tmp_path, a=["a/1.png"], b=[])
    with pytest.raises(InputError, match=r"b\.png must have a folder of masks of"):
        refuse_faults(instance_masks.find(tmp_path, Reading()).splits)


def test_of_overlapping_masks_the_first_wins_when_asked_and_an_error_names_them(tmp_path):
    write_masks(tmp_path / "cell", mask("###.."), mask("..#.."), size=(1, 5))
    (item,) = instance_masks.find(tmp_path, Reading()).splits["train"]
    first = instance_masks.read(item, Reading(overlap="first"))
    assert first.label.tolist() == [[1, 1, 1, 0, 0]]
    assert (first.overlap_pixels, first.hidden_instances) == (1, 1)
    message = (
        r"Instances of \S+image\.png must not overlap .* number 2 shares 1 pixels with number 1"
    )
    with pytest.raises(InputError, match=message):
        instance_masks.read(item, Reading(overlap="error"))


def drop_masks(folder):
    shutil.rmtree(folder / "masks")


def drop_images(folder):
    shutil.rmtree(folder / "images")


def drop_image(folder):
    (folder / "images" / "image.png").unlink()


def add_image(folder):
    shutil.copy(folder / "images" / "image.png", folder / "images" / "second.png")


def add_text(folder):
    (folder / "masks" / "notes.txt").write_bytes(b"")


def add_jpeg(folder):
    # what JPEG leaves around an object is not black, and would belong to it
    (folder / "masks" / "0.png").rename(folder / "masks" / "0.jpg")


REFUSED = {
    drop_masks: r"cell has no folder 'masks'\. Expected: ID/images/ID\.png and ID/masks/\*\.png",
    drop_images: r"cell has no folder 'images'\. Expected: ID/images/ID\.png",
    drop_image: r"images must hold one image; got 0\. Make a folder for each image",
    add_image: r"images must hold one image; got 2\. Make a folder for each image",
    add_text: r"notes\.txt must be a file that ends in \.png, \.tif, \.tiff\. Convert it",
    add_jpeg: r"0\.jpg must be a file that ends in \.png, \.tif, \.tiff\. Convert it",
}


@pytest.mark.parametrize("spoil", REFUSED, ids=lambda spoil: spoil.__name__)
def test_a_folder_that_is_not_of_the_layout_is_refused(tmp_path, spoil):
    write_masks(tmp_path / "another", mask("#####"), size=(1, 5))
    spoil(write_masks(tmp_path / "cell", mask("#####"), size=(1, 5)))
    with pytest.raises(InputError, match=REFUSED[spoil]):
        refuse_faults(instance_masks.find(tmp_path, Reading()).splits)


def test_a_split_without_folders_of_images_is_refused(tmp_path):
    write_masks(tmp_path / "train" / "cell")
    (tmp_path / "val").mkdir()
    with pytest.raises(InputError, match=r"val has no folder of an image\. Expected: ID/images"):
        refuse_faults(instance_masks.find(tmp_path, Reading()).splits)


def test_folders_beside_the_splits_are_refused_because_they_would_be_left_out(tmp_path):
    write_masks(tmp_path / "train" / "a")
    write_masks(tmp_path / "b")
    with pytest.raises(InputError, match=r"not both; got b/ beside train\. Move b/ away"):
        refuse_faults(instance_masks.find(tmp_path, Reading()).splits)


def test_a_mask_of_another_size_than_the_image_is_refused(tmp_path):
    write_masks(tmp_path / "cell", mask("#####"), mask("####"), size=(1, 5))
    with pytest.raises(InputError, match=r"masks\S+1\.png must have the size .* got 1 x 4 pixels"):
        read_one(tmp_path)


def test_a_mask_cut_short_is_refused(tmp_path):
    path = write_masks(tmp_path / "cell", mask("#####"), size=(1, 5)) / "masks" / "0.png"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match=r"0\.png is damaged or cut short \(.+\)\. Replace"):
        read_one(tmp_path)
