"""Instances as COCO's results and annotations, in compressed run lengths.

Source: https://cocodataset.org, "Results Format" and "Data Format"; maskApi.c of the COCO API.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def image_ids(names: Iterable[str]) -> Mapping[str, int | str]:
    """Returns the `image_id` of every file name: its number where all have one, as COCO's do.

    Otherwise the names without suffix: what tells images apart in another file is then their name.
    """
    stems = {name: Path(name).stem for name in names}
    numbers = {name: int(stem) for name, stem in stems.items() if stem.isdecimal()}
    return numbers if len(set(numbers.values())) == len(stems) else stems


def results(label: np.ndarray, table: pd.DataFrame, image_id: int | str) -> list[dict[str, Any]]:
    """Returns an entry of a results file for every row of `table` (see `instance_table`)."""
    return [
        {
            "image_id": image_id,
            "category_id": row.class_id,
            "segmentation": _segmentation(label, row),
            "bbox": _box(row),
            "area": row.area,
            "score": round(float(row.score), 6),
        }
        for row in table.itertuples()
    ]


def annotation_file(
    images: list[dict[str, Any]], entries: Iterable[dict[str, Any]], *, class_names: Sequence[str]
) -> dict[str, Any]:
    """Returns an annotation file.

    Args:
        images: id, file_name, height and width of each.
        entries: what `results` returns, of all images.
        class_names: of the classes 1, 2, ...
    """
    return {
        "images": images,
        "annotations": [
            {
                "id": number,
                "iscrowd": 0,
                **{key: value for key, value in entry.items() if key != "score"},
            }
            for number, entry in enumerate(entries, start=1)
        ],
        "categories": [
            {"id": number, "name": name} for number, name in enumerate(class_names, start=1)
        ],
    }


def compress(counts: np.ndarray) -> str:
    """Returns the string of COCO's run lengths `[N]`, the reverse of `shapes.decompress`."""
    values = counts.astype(np.int64)
    values[3:] -= counts[1:-2]
    text = []
    for value in values.tolist():
        while True:
            code, value = value & 31, value >> 5
            more = value != (-1 if code & 16 else 0)
            text.append(chr(48 + code + 32 * more))
            if not more:
                break
    return "".join(text)


def _box(row: Any) -> list[int]:
    """Returns COCO's box: left, top, width, height."""
    return [
        *(row.box_left, row.box_top),
        *(row.box_right - row.box_left, row.box_bottom - row.box_top),
    ]


def _segmentation(label: np.ndarray, row: Any) -> dict[str, Any]:
    height, width = label.shape
    mask = label[row.box_top : row.box_bottom, row.box_left : row.box_right] == row.id
    x, y = np.nonzero(mask.T)  # down the columns, as COCO counts
    places = (x + row.box_left) * height + y + row.box_top
    breaks = np.flatnonzero(np.diff(places) != 1)
    starts = places[np.concatenate([[0], breaks + 1])]
    ends = places[np.concatenate([breaks, [len(places) - 1]])] + 1
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
    if counts[-1] == 0:
        counts = counts[:-1]
    return {"size": [height, width], "counts": compress(counts)}
