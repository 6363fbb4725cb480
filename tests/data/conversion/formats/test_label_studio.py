"""Label Studio: tasks, paths of images, masks of the brush, and what is refused."""

from __future__ import annotations

import functools
import json

import numpy as np
import one_image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseg import InputError, convert
from tfseg.data.conversion.formats import label_studio, label_studio_brush
from tfseg.data.conversion.formats.base import Reading

LEFT = [[0, 0], [50, 0], [50, 100], [0, 100]]  # percent of width and height
SIZE = {"original_width": 6, "original_height": 4, "image_rotation": 0}


def polygon(points=LEFT, label="cell"):
    value = {"points": points, "closed": True, "polygonlabels": [label]}
    return SIZE | {"value": value, "type": "polygonlabels", "from_name": "l", "to_name": "image"}


def task(*results, image="/data/upload/3/0f3c2a1b-a.png", **further):
    annotation = {"id": 9, "was_cancelled": False, "result": list(results)}
    return {"id": 4, "annotations": [annotation], "data": {"image": image}} | further


def write(png, folder, tasks, name="a.png"):
    png(folder / "images" / name, np.zeros((4, 6), np.uint8))
    (folder / "project-3-at-2026-05-01-10-00-ab12cd34.json").write_text(json.dumps(tasks))
    return folder


read_one = functools.partial(one_image.read_one, label_studio)


def packed(alpha):
    """Returns the bytes of a mask: a literal packet and a repeated one in turn, by the scheme."""
    values = np.repeat(alpha.ravel().astype(np.uint8)[:, None], 4, axis=1).ravel().tolist()
    bits = f"{len(values):032b}{7:05b}" + "".join(f"{width - 1:04b}" for width in (3, 4, 8, 16))
    at = 0
    while at < len(values):
        length = next(
            (n for n in range(1, 8) if values[at : at + n + 1] != [values[at]] * (n + 1)), 8
        )
        if length > 2:
            bits += f"100{length - 1:03b}{values[at]:08b}"
        else:
            bits += f"010{length - 1:08b}" + "".join(f"{v:08b}" for v in values[at : at + length])
        at += length
    bits += "0" * (-len(bits) % 8)
    return [int(bits[start : start + 8], 2) for start in range(0, len(bits), 8)]


def test_polygons_are_percent_and_the_upload_loses_its_letters(tmp_path, png):
    write(png, tmp_path, [task(polygon(), polygon([[50, 0], [100, 0], [100, 50]], "dust"))])
    index, sample = read_one(tmp_path)
    assert index.class_names == ("cell", "dust")
    assert sample.label[:, :3].tolist() == [[1, 1, 1]] * 4
    assert sample.class_of.tolist() == [1, 2]
    assert index.splits["train"][0].image == tmp_path / "images" / "a.png"


@pytest.mark.parametrize(
    "image",
    [
        "s3://bucket/folder/a.png",
        "/data/local-files/?d=folder%2Fa.png",
        "https://host/x/a.png?token=1",
        "C:\\pictures\\a.png",
    ],
)
def test_the_last_name_of_any_path_is_taken(tmp_path, png, image):
    write(png, tmp_path, [task(polygon(), image=image)])
    read_one(tmp_path)


def test_json_min_is_read(tmp_path, png):
    region = SIZE | {"points": LEFT, "polygonlabels": ["cell"]}
    short = {"image": "/data/upload/3/0f3c2a1b-a.png", "id": 4, "label": [region], "annotator": 1}
    write(png, tmp_path, [short | {"created_at": "2026-05-01T10:00:00.123456Z"}])
    index, sample = read_one(tmp_path)
    assert (index.class_names, sample.label[0].tolist()) == (("cell",), [1, 1, 1, 0, 0, 0])


def test_a_cancelled_annotation_and_predictions_are_not_read(tmp_path, png):
    cancelled = {"was_cancelled": True, "result": [polygon(), polygon()]}
    tasks = task(polygon(), predictions=[{"result": [polygon(), polygon()]}])
    tasks["annotations"].insert(0, cancelled)
    write(png, tmp_path, [tasks])
    _, sample = read_one(tmp_path)
    assert sample.class_of.tolist() == [1]


def test_an_ellipse_and_a_mask_have_their_pixels(tmp_path, png):
    ellipse = {"x": 50, "y": 50, "radiusX": 17, "radiusY": 25.1, "rotation": 0}
    mask = np.zeros((4, 6), np.uint8)
    mask[0, 4:] = mask[1, 5] = 255
    brush = {"format": "rle", "rle": packed(mask), "brushlabels": ["cell"]}
    results = [SIZE | {"value": ellipse | {"ellipselabels": ["cell"]}}, SIZE | {"value": brush}]
    write(png, tmp_path, [task(*results)])
    _, sample = read_one(tmp_path)
    assert sample.label.tolist() == [
        [0, 0, 0, 0, 2, 2],
        [0, 0, 1, 1, 0, 2],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]


def test_a_mask_of_the_brush_for_a_large_image_is_refused():
    message = r"region 1 has a mask of the brush, .* 20000 x 20000 .* it may have 200000000 pixels"
    with pytest.raises(InputError, match=message):
        label_studio_brush.region(b"", "region 1", (20_000, 20_000))


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_any_mask_is_unpacked(seed, height, width):
    mask = np.random.default_rng(seed).integers(0, 2, (height, width)) * 255
    region = label_studio_brush.region(bytes(packed(mask)), "x", (height, width))
    assert region.mask.tolist() == (mask > 0).tolist()


@given(st.binary(max_size=60))
def test_any_bytes_are_a_mask_or_refused(data):
    head = bytes([0, 0, 0, 96, 57, 27]) + data  # 4 x 6 x 4 values of 8 bits
    try:
        assert label_studio_brush.region(head, "x", (4, 6)).mask.shape == (4, 6)
    except InputError as error:
        assert "does not fit its image" in str(error)


RECTANGLE = {"x": 0, "y": 0, "width": 9, "height": 9, "rotation": 0, "rectanglelabels": ["cell"]}
CANCELLED = {"was_cancelled": True, "result": [polygon()]}
WRONG = {
    "a rectangle": (
        task(SIZE | {"value": RECTANGLE}),
        r"task 4, region 1, must be a polygon, an el",
    ),
    "two corners": (task(polygon([[0, 0], [9, 9]])), r"at least three corners x, y; got 4 numbers"),
    "no area": (task(polygon([[0, 0], [9, 9], [5, 5]])), r"must have an area; its corners lie on"),
    "no label": (
        task(polygon(), polygon(label="")),
        r"must have a label for every shape of \S*a; ",
    ),
    "no image": (task(polygon(), image="/data/upload/b.png"), r"there is no b\.png\. Add it, or"),
    "no path": (
        task(polygon(), data={"text": "x"}),
        r"must have the path of an image in data; got",
    ),
    "another size": (
        task({**polygon(), "original_width": 7}),
        r"a\.png must have the size in \S+json, 4 x 7",
    ),
    "a cut mask": (
        task(SIZE | {"value": {"rle": packed(np.ones((4, 6)))[:-1], "brushlabels": ["cell"]}}),
        r"region 1, has a mask of the brush that does not fit its image \(it is cut short\)",
    ),
    "not annotated": (
        task(annotations=[CANCELLED]),
        r"task 4 must have an annotation; it has none\. Annot",
    ),
    "nothing": (task(), r"has no outline of an instance\. Annotate the images first"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_cannot_be_read_is_refused(tmp_path, png, kind):
    content, message = WRONG[kind]
    write(png, tmp_path / "files", [content])
    with pytest.raises(InputError, match=message) as caught:
        convert(tmp_path / "files", tmp_path / "data", format="label_studio")
    assert "\n" not in str(caught.value)


def test_images_that_no_task_has_and_those_without_an_outline_are_said(tmp_path, png):
    write(png, tmp_path, [task(polygon()), task(image="c.png")])
    for name in ("b.png", "c.png"):
        png(tmp_path / "images" / name, np.zeros((4, 6), np.uint8))
    notes = label_studio.find(tmp_path, Reading()).notes
    assert notes[0].endswith("lacks, left out: 1, such as b.png")
    assert notes[1:] == ("images without an outline, and so without instances: 1",)
