"""Instances as COCO results and annotations, with masks as compressed run lengths.

Source: https://cocodataset.org, "Results Format" and "Data Format".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfseg.large_arrays import release
from tfseg.run_lengths import compress, encode


def image_ids(names: Iterable[str]) -> Mapping[str, int]:
    """Returns the `image_id` of every file name.

    It is the number in the name when all names are different numbers, as in COCO, else the position
    of the name, from 1 on.
    """
    stems = {name: Path(name).stem for name in names}
    numbers = {name: int(stem) for name, stem in stems.items() if stem.isdecimal()}
    if len(set(numbers.values())) == len(stems):
        return numbers
    return {name: position for position, name in enumerate(stems, start=1)}


def results(
    label: np.ndarray, table: pd.DataFrame, image_id: int, file_name: str
) -> Iterator[dict[str, Any]]:
    """Yields one entry of a results file per row of `table` (see `Instances.to_pandas`).

    Besides COCO's entries each has a `file_name`, by which its image is known without coco.json.
    """
    return (
        {
            "image_id": image_id,
            "file_name": file_name,
            "category_id": row.class_id,
            "segmentation": _segmentation(label, row),
            "bbox": _box(row),
            "area": row.area,
            "score": round(float(row.score), 6),
        }
        for row in table.itertuples()
    )


def annotation_file(
    images: Iterable[dict[str, Any]],
    entries: Iterable[dict[str, Any]],
    *,
    class_names: Sequence[str],
) -> dict[str, Any]:
    """Returns an annotation file, with iterators as its images and its annotations.

    Args:
        images: id, file_name, height and width of each image.
        entries: what `results` returns for all images.
        class_names: of the classes 1, 2, ...
    """
    return {
        "images": iter(images),
        "annotations": (
            {
                "id": number,
                "iscrowd": 0,
                **{key: entry[key] for key in entry if key not in ("score", "file_name")},
            }
            for number, entry in enumerate(entries, start=1)
        ),
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(class_names, start=1)
        ],
    }


def _box(row: Any) -> list[int]:
    """Returns COCO's box: left, top, width, height."""
    return [
        *(row.box_left, row.box_top),
        *(row.box_right - row.box_left, row.box_bottom - row.box_top),
    ]


def _segmentation(label: np.ndarray, row: Any) -> dict[str, Any]:
    mask = label[row.box_top : row.box_bottom, row.box_left : row.box_right] == row.id
    height, width = label.shape
    release(label)
    counts = encode(mask, y=row.box_top, x=row.box_left, shape=(height, width))
    return {"size": [height, width], "counts": compress(counts)}
