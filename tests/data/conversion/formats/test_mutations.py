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
from tfseg.data.conversion.formats.base import Sample, SourceIndex, refuse_faults
from tfseg.data.conversion.formats.detection import FORMATS

RUNS = pycoco.encode(np.eye(4, 6, dtype=np.uint8, order="F"))["counts"].decode()
MASK = base64.b64encode(imagecodecs.png_encode(np.ones((1, 1), np.uint8))).decode()
BRUSH = [0, 0, 0, 96, 57, 27, 254, 95, 255]
DOCUMENTS: dict[str, Any] = {
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
    "label_studio": [
        {
            "id": 1,
            "annotations": [
                {
                    "was_cancelled": False,
                    "result": [
                        {
                            "original_width": 6,
                            "original_height": 4,
                            "value": {
                                "points": [[0, 0], [90, 0], [90, 90]],
                                "polygonlabels": ["a"],
                            },
                        },
                        {
                            "original_width": 6,
                            "original_height": 4,
                            "value": {
                                **{"x": 50, "y": 50, "radiusX": 30, "radiusY": 40, "rotation": 1},
                                "ellipselabels": ["b"],
                            },
                        },
                        {
                            "original_width": 6,
                            "original_height": 4,
                            # 96 values of 8 bits: 96 times 255
                            "value": {"rle": BRUSH, "brushlabels": ["b"]},
                        },
                    ],
                }
            ],
            "data": {"image": "/data/upload/1/a.png"},
        }
    ],
    "via": {
        "a.png9": {
            "filename": "a.png",
            "regions": [
                {
                    "shape_attributes": {
                        "name": "polygon",
                        "all_points_x": [0, 2, 2],
                        "all_points_y": [0, 0, 4],
                    },
                    "region_attributes": {"kind": "cell"},
                },
                {
                    "shape_attributes": {"name": "circle", "cx": 2, "cy": 2, "r": 1},
                    "region_attributes": {"kind": {"dog": True}},
                },
            ],
            "file_attributes": {},
        }
    },
    "via 3": {
        "attribute": {"1": {"aname": "kind", "options": {"0": "cell"}}},
        "file": {"1": {"fname": "a.png"}},
        "metadata": {"1_a": {"vid": "1", "xy": [7, 0, 0, 2, 0, 2, 4], "av": {"1": "0"}}},
        "view": {"1": {"fid_list": ["1"]}},
    },
    "geojson": {
        "type": "FeatureCollection",
        "features": [
            {
                "id": "PathCellObject",
                "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 4]]]},
                "properties": {"classification": {"name": "cell"}},
            },
            {
                "geometry": {"type": "MultiPolygon", "coordinates": [[[[3, 0], [5, 0], [5, 4]]]]},
                "properties": {"objectType": "cell", "classification": {"names": ["a", "b"]}},
            },
        ],
    },
    "segment_anything": {
        "image": {"width": 6, "height": 4},
        "annotations": [{"segmentation": {"size": [4, 6], "counts": [2, 3, 19]}}],
    },
    "coco_results": [
        {
            "file_name": "a.png",
            "category_id": 3,
            "segmentation": {"size": [4, 6], "counts": RUNS},
            "score": 0.5,
        },
        {"file_name": "a.png", "category_id": 4, "segmentation": [RING], "score": 0.5},
    ],
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
    module = FORMATS[name.split()[0]]
    index = module.find(source, Reading())
    refuse_faults(index.splits)
    return [(module.read(item, Reading()), index) for item in index.splits["train"]]


FILES = {
    "coco": ("all.json", ["a.png"]),
    "coco_panoptic": ("all.json", ["a.png", "all/a.png"]),
    "labelme": ("a.json", ["a.png"]),
    "label_studio": ("all.json", ["a.png"]),
    "via": ("all.json", ["a.png"]),
    "via 3": ("all.json", ["a.png"]),
    "geojson": ("a.geojson", ["a.png"]),
    "segment_anything": ("a.json", ["a.png"]),
    "coco_results": ("all.json", ["a.png"]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_themselves_are_read(tmp_path, name):
    ((sample, _),) = read(name, DOCUMENTS[name], tmp_path)
    numbers = {
        "coco": 2,
        "labelme": 3,
        "label_studio": 3,
        "via": 2,
        "geojson": 2,
        "coco_results": 2,
    }
    assert len(sample.class_of) == numbers.get(name, 1)
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
            num_classes = max(1, len(index.class_names))
            assert set(sample.class_of.tolist()) <= set(range(1, num_classes + 1))
            assert len(sample.class_of) == len(np.unique(sample.label[sample.label > 0]))
