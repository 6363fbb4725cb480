"""Pascal VOC: what is found, read and refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfseg.checks import InputError
from tfseg.data.conversion.formats import pascal_voc
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

OBJECTS = np.array([[0, 1, 1, 255, 2, 2, 2, 0]], np.uint8)
CLASSES = np.array([[0, 15, 15, 255, 3, 7, 3, 255]], np.uint8)


# The first 21 colours of VOC's palette as its development kit lists them, and void.
PALETTE = [
    *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)),
    *((0, 128, 128), (128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0)),
    *((64, 0, 128), (192, 0, 128), (64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0)),
    *((0, 192, 0), (128, 192, 0), (0, 64, 128)),
]


def write_voc(png, source, name, objects=OBJECTS, classes=CLASSES):
    png(source / "JPEGImages" / f"{name}.jpg", np.zeros((*objects.shape, 3), np.uint8))
    for kind, indices in (("Object", objects), ("Class", classes)):
        picture = Image.fromarray(indices).convert("P")
        rest = [(0, 0, 0)] * (255 - len(PALETTE)) + [(224, 224, 192)]
        picture.putpalette(np.array(PALETTE + rest, np.uint8).tobytes())
        path = source / f"Segmentation{kind}" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        picture.putdata(indices.ravel().tolist())
        picture.save(path)
    write_list(source, "train", name)


def write_image(png, palette_png, source, name, objects=OBJECTS, classes=CLASSES):
    names = source / "class_names.txt"
    names.parent.mkdir(parents=True, exist_ok=True)
    names.write_text("\n".join(["background", *pascal_voc.VOC]), encoding="utf-8")
    png(source / "JPEGImages" / f"{name}.jpg", np.zeros((*objects.shape, 3), np.uint8))
    palette_png(source / "SegmentationObject" / f"{name}.png", objects)
    palette_png(source / "SegmentationClass" / f"{name}.png", classes)


def write_list(source, split, text):
    folder = source / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{split}.txt").write_text(text)


def test_objects_and_classes_are_the_indices_of_the_palettes_and_void_is_ignored(
    tmp_path, png, palette_png
):
    write_image(png, palette_png, tmp_path, "a")
    assert detect(tmp_path) == "pascal_voc"
    index = pascal_voc.find(tmp_path, Reading())
    sample = pascal_voc.read(index.splits["train"][0], Reading())
    assert sample.label.tolist() == [[0, 1, 1, -1, 2, 2, 2, -1]]
    # object 2 has two pixels of bird and one of car
    names = [index.class_names[number - 1] for number in sample.class_of]
    assert (names, len(index.class_names)) == (["person", "bird"], 20)


def test_the_lists_have_the_splits_and_other_images_are_left_out(tmp_path, png, palette_png):
    for name in "abc":
        write_image(png, palette_png, tmp_path, name)
    png(tmp_path / "JPEGImages" / "detection_only.jpg", np.zeros((1, 8), np.uint8))
    assert [item.id for item in pascal_voc.find(tmp_path, Reading()).splits["train"]] == list("abc")
    write_list(tmp_path, "train", "c\na\n")
    write_list(tmp_path, "val", "b\n")
    write_list(tmp_path, "trainval", "a\nb\nc\n")
    splits, _, notes = pascal_voc.find(tmp_path, Reading())
    assert {split: [item.id for item in items] for split, items in splits.items()} == {
        "train": ["a", "c"],
        "val": ["b"],
    }
    assert notes == ()
    write_list(tmp_path, "train", "c")
    assert pascal_voc.find(tmp_path, Reading()).notes == (
        "images with objects that are in no list, and left out: 1",
    )


def test_vocs_names_are_given_only_to_vocs_palette_and_lists(tmp_path, png, palette_png):
    write_voc(png, tmp_path, "a")
    index = pascal_voc.find(tmp_path, Reading())
    sample = pascal_voc.read(index.splits["train"][0], Reading())
    assert sample.label.tolist() == [[0, 1, 1, -1, 2, 2, 2, -1]]
    assert [index.class_names[number - 1] for number in sample.class_of] == ["person", "bird"]
    message = r"must have class_names\.txt .* or labelmap\.txt; got neither, .* since {}\. Add one"
    of_palette = message.format(r"\S+SegmentationClass/a\.png does not have its palette")
    of_lists = message.format("ImageSets/Segmentation has no list of its images")
    palette_png(tmp_path / "SegmentationClass" / "a.png", CLASSES)
    with pytest.raises(InputError, match=of_palette):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)
    png(tmp_path / "SegmentationClass" / "a.png", CLASSES)
    with pytest.raises(InputError, match=of_palette):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)
    write_voc(png, tmp_path, "a")
    (tmp_path / "ImageSets" / "Segmentation" / "train.txt").unlink()
    with pytest.raises(InputError, match=of_lists):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)


LABELMAP = """# label:color_rgb:parts:actions
background:0,0,0::
leaf:128,0,0::
stem:0,128,0::
"""


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_masks_in_the_colours_of_labelmap_txt_are_read(tmp_path, png, mode):
    write_voc(png, tmp_path, "a", classes=np.array([[0, 1, 1, 255, 2, 1, 2, 255]], np.uint8))
    for kind in ("Object", "Class") if mode == "RGB" else ():
        path = tmp_path / f"Segmentation{kind}" / "a.png"
        Image.open(path).convert("RGB").save(path)
    (tmp_path / "labelmap.txt").write_text(LABELMAP, encoding="utf-8")
    index = pascal_voc.find(tmp_path, Reading())
    assert index.class_names == ("leaf", "stem")
    sample = pascal_voc.read(index.splits["train"][0], Reading())
    # The colour of object 2, (0, 128, 0), comes before that of object 1, (128, 0, 0).
    assert sample.label.tolist() == [[0, 2, 2, -1, 1, 1, 1, -1]]
    assert sample.class_of.tolist() == [2, 1]
    png(tmp_path / "SegmentationClass" / "a.png", np.full((1, 8, 3), 9, np.uint8))
    with pytest.raises(InputError, match=r"8 pixels have colour \(9, 9, 9\)\. Add it"):
        pascal_voc.read(index.splits["train"][0], Reading())


def test_the_classes_are_read_from_class_names_txt(tmp_path, png, palette_png):
    write_image(png, palette_png, tmp_path, "a", classes=np.minimum(CLASSES, 1))
    (tmp_path / "class_names.txt").write_text("_background_\nblood cell\n", encoding="utf-8")
    index = pascal_voc.find(tmp_path, Reading())
    assert index.class_names == ("blood cell",)
    assert pascal_voc.read(index.splits["train"][0], Reading()).class_of.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (CLASSES * 0, r"a class from 1 to 20 for each object of \S+a\.png; object 1 has none"),
        (np.full_like(CLASSES, 255), r"object 1 has none\. Correct"),
        (np.full_like(CLASSES, 21), r"object 1 has class 21\. Correct"),
    ],
)
def test_an_object_without_a_class_of_the_table_is_refused(
    tmp_path, png, palette_png, classes, message
):
    write_image(png, palette_png, tmp_path, "a", classes=classes)
    (item,) = pascal_voc.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=message):
        pascal_voc.read(item, Reading())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\nb\n", r"the files of b; there is no JPEGImages/b, SegmentationObject/b, Seg"),
        ("../../a\n", r"there is no JPEGImages/\.\./\.\./a"),
        ("", r"the files of train; there are none\. Add them"),
    ],
)
def test_a_list_of_other_files_is_refused(tmp_path, png, palette_png, text, message):
    write_image(png, palette_png, tmp_path, "a")
    write_list(tmp_path, "train", text)
    with pytest.raises(InputError, match=message):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)


def test_masks_in_colour_a_missing_folder_and_an_empty_table_are_refused(
    tmp_path, png, palette_png
):
    write_image(png, palette_png, tmp_path, "a")
    png(tmp_path / "SegmentationObject" / "a.png", np.zeros((1, 8, 3), np.uint8))
    (item,) = pascal_voc.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(
        InputError, match=r"SegmentationObject/a\.png must hold one instance id per p"
    ):
        pascal_voc.read(item, Reading())
    (tmp_path / "class_names.txt").write_text("background\n")
    with pytest.raises(InputError, match=r"class_names\.txt must have the name of a class in each"):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)
    (tmp_path / "SegmentationClass" / "a.png").unlink()
    (tmp_path / "SegmentationClass").rmdir()
    with pytest.raises(InputError, match=r"has no folder 'SegmentationClass'\. Expected"):
        refuse_faults(pascal_voc.find(tmp_path, Reading()).splits)
