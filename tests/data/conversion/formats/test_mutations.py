"""JSON files with any value anywhere are read, or refused as input: never another error."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as pycoco
from sources import RING

from tfseg import InputError, Reading
from tfseg.data.conversion.formats.base import Sample, SourceIndex
from tfseg.data.conversion.formats.detection import FORMATS

RUNS = pycoco.encode(np.eye(4, 6, dtype=np.uint8, order="F"))["counts"].decode()
MASK = base64.b64encode(imagecodecs.png_encode(np.ones((1, 1), np.uint8))).decode()
DOCUMENTS = {
    "coco": {
        "images": [{"id": 1, "file_name": "a.png", "height": 4, "width": 6}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 5, "segmentation": [RING], "iscrowd": 0},
            {
                "id": 2,
                "image_id": 1,
                "category_id": 5,
                "segmentation": {"size": [4, 6], "counts": [2, 3, 19]},
                "iscrowd": 1,
            },
            {
                "id": 3,
                "image_id": 1,
                "category_id": 5,
                "segmentation": {"size": [4, 6], "counts": RUNS},
            },
        ],
        "categories": [{"id": 5, "name": "cell"}],
    },
    "coco_panoptic": {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [
            {
                "image_id": 1,
                "file_name": "a.png",
                "segments_info": [{"id": 1, "category_id": 5, "iscrowd": 0}],
            }
        ],
        "categories": [{"id": 5, "name": "cell", "isthing": 1}],
    },
    "labelme": {
        "shapes": [
            {
                "label": "cell",
                "points": [[0, 0], [2, 0], [2, 4]],
                "group_id": 1,
                "shape_type": "polygon",
            },
            {"label": "cell", "points": [[0, 0], [2, 2]], "shape_type": "circle"},
            {"label": "dog", "points": [[0, 0], [0, 0]], "shape_type": "mask", "mask": MASK},
        ],
        "imageHeight": 4,
        "imageWidth": 6,
    },
}
ANYTHING = st.sampled_from(
    [None, True, 0, -1, 2**63, 10**400, 0.5, 1e308, float("nan"), float("inf"), "", "x", "a.png"]
    + ["é\ud800", [], {}, [[]], [{}], [None], {"id": 1}, [1, 2], [["x"]], "\0", "../a.png"]
)


def paths(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yields the path of every value in a document."""
    yield path
    items = enumerate(value) if isinstance(value, list) else getattr(value, "items", tuple)()
    for key, part in items:
        yield from paths(part, (*path, key))


def changed(document: Any, path: tuple, value: Any, *, drop: bool) -> Any:
    """Returns the document with another value at a path, or without it."""
    if not path:
        return value
    document = copy.deepcopy(document)
    *parents, last = path
    holder = document
    for key in parents:
        holder = holder[key]
    if drop:
        del holder[last]
    else:
        holder[last] = value
    return document


def read(name: str, document: Any, source: Path) -> list[tuple[Sample, SourceIndex]]:
    """Writes a document with its images, and reads them."""
    colours = np.zeros((4, 6, 3), np.uint8)
    colours[:, :2, 0] = 1  # for COCO panoptic: the segment 1
    file, images = FILES[name]
    for image in images:
        (source / image).parent.mkdir(exist_ok=True)
        (source / image).write_bytes(imagecodecs.png_encode(colours))
    (source / file).write_text(json.dumps(document), encoding="utf-8")
    index = FORMATS[name].find(source, Reading())
    return [(FORMATS[name].read(item, Reading()), index) for item in index.splits["train"]]


FILES = {
    "coco": ("all.json", ["a.png"]),
    "coco_panoptic": ("all.json", ["a.png", "all/a.png"]),
    "labelme": ("a.json", ["a.png"]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_themselves_are_read(tmp_path, name):
    ((sample, _),) = read(name, DOCUMENTS[name], tmp_path)
    assert len(sample.class_of) == {"coco": 2, "coco_panoptic": 1, "labelme": 3}[name]
    assert sample.label.any()


@pytest.mark.parametrize("name", DOCUMENTS)
@given(data=st.data())
def test_a_document_with_anything_anywhere_is_read_or_refused(name, data):
    document = DOCUMENTS[name]
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from(list(paths(document))))
        document = changed(document, path, data.draw(ANYTHING), drop=data.draw(st.booleans()))
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(InputError):
        for sample, index in read(name, document, Path(folder)):
            assert sample.label.shape == (4, 6)
            assert set(sample.class_of.tolist()) <= set(range(1, len(index.class_names) + 1))
            assert len(sample.class_of) == len(np.unique(sample.label[sample.label > 0]))
