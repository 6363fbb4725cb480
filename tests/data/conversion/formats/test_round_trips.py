"""What tfseg predict writes is read again as the same data set."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tfseg import InputError, convert
from tfseg.data.conversion.formats.detection import detect
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import FORMATS, ResultFolder

LABEL = np.zeros((12, 16), np.int32)
LABEL[1:7, 1:7], LABEL[3:5, 3:5] = 1, 0  # a ring
LABEL[3, 3] = 2  # in the hole of the ring
LABEL[0, 9:14], LABEL[9, 9:14] = 3, 3  # two parts
LABEL[7:, :4] = 4
CLASSES = np.array([1, 2, 1, 2])


@pytest.fixture
def predicted(tmp_path, png):
    """Returns a function that writes predictions of two images, one of them empty."""

    def write(classes=CLASSES, class_names=("cell", "dust"), formats=FORMATS):
        out = tmp_path / "predicted"
        folder = ResultFolder(out, formats, class_names)
        folder.prepare(keep=False)
        paths = [
            png(tmp_path / "pictures" / f"{name}.png", np.full(LABEL.shape, 9 + index, np.uint8))
            for index, name in enumerate("ab")
        ]
        none = Instances(np.zeros_like(LABEL), np.zeros(0, np.float32), np.zeros(0, np.int32))
        scores = np.full(len(classes), 0.5, np.float32)
        for path, instances in zip(paths, [Instances(LABEL, scores, classes), none], strict=True):
            folder.write(path, np.zeros((*LABEL.shape, 1), np.uint8), instances)
        folder.finish(paths)
        return out, tmp_path / "pictures"

    return write


def read(dataset):
    samples = dataset.samples("train").as_numpy_iterator()
    return {
        one["id"].decode(): (one["label"].tolist(), one["class_of"].tolist()) for one in samples
    }


EXPECTED = {
    "a": (LABEL.tolist(), CLASSES.tolist()),
    "b": (np.zeros_like(LABEL).tolist(), []),
}
PARTS = {
    "geojson": ("geojson", ("cell", "dust")),
    "coco": ("coco.json", ("cell", "dust")),
    "coco_results": ("coco_results.json", ("1", "2")),
}


def test_the_folder_with_the_images_is_the_same_data_set(tmp_path, predicted):
    out, pictures = predicted()
    shutil.copytree(pictures, out / "images")
    dataset = convert(out, tmp_path / "data")
    assert dataset.info.source_format == "predictions"
    assert dataset.info.class_names == ("cell", "dust")
    assert read(dataset) == EXPECTED


@pytest.mark.parametrize("name", PARTS)
def test_every_further_format_is_the_same_data_set(tmp_path, predicted, name):
    out, pictures = predicted()
    part, class_names = PARTS[name]
    shutil.copytree(pictures, tmp_path / "source" / "images")
    (shutil.copytree if name == "geojson" else shutil.copy)(out / part, tmp_path / "source" / part)
    dataset = convert(tmp_path / "source", tmp_path / "data")
    assert (dataset.info.source_format, dataset.info.class_names) == (name, class_names)
    assert read(dataset) == EXPECTED


@pytest.mark.parametrize("name", [*PARTS, "label_maps", "predictions"])
def test_one_class_is_the_same_data_set_in_every_format(tmp_path, predicted, name):
    out, pictures = predicted(np.ones(4, np.int64), ("cell",))
    source = tmp_path / "source"
    shutil.copytree(pictures, source / "images")
    parts = {"label_maps": ["labels"], "predictions": ["labels", "instances.csv"]}
    for part in parts.get(name) or [PARTS[name][0]]:
        (shutil.copytree if (out / part).is_dir() else shutil.copy)(out / part, source / part)
    dataset = convert(source, tmp_path / "data")
    assert dataset.info.source_format == name
    assert read(dataset) == EXPECTED | {"a": (LABEL.tolist(), [1, 1, 1, 1])}


def test_without_coco_json_the_classes_are_numbers(tmp_path, predicted):
    out, pictures = predicted(formats=())
    shutil.copytree(pictures, out / "images")
    dataset = convert(out, tmp_path / "data")
    assert dataset.info.class_names == ("1", "2")
    assert read(dataset) == EXPECTED


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "image,id,class_id\na.png,1,1\n",
            r"labels/a\.png has the id 2, which instances\.csv lacks",
        ),
        ("image,id\na.png,1\n", r"must have the columns image, id, class_id .*'class_id', line 2"),
        ("image,id,class_id\na.png,1,x\n", r"instances\.csv must have the columns"),
        ("image,id,class_id\na.png,1,0\n", r"whole numbers from 1 on \(the class 0, line 2\)"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, predicted, text, message):
    out, pictures = predicted(formats=())
    shutil.copytree(pictures, out / "images")
    (out / "instances.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        convert(out, tmp_path / "data")


def test_results_of_coco_without_names_of_files_are_no_source(tmp_path, predicted):
    out, pictures = predicted()
    shutil.copytree(pictures, tmp_path / "source" / "images")
    results = json.loads((out / "coco_results.json").read_text())
    for result in results:
        del result["file_name"]
    (tmp_path / "source" / "coco_results.json").write_text(json.dumps(results))
    with pytest.raises(InputError, match="has none of the layouts"):
        detect(tmp_path / "source")
