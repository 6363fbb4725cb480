"""Segment Anything's data (SA-1B): NAME.json beside NAME.jpg, with masks in run lengths.

The images may lie in images/. All lies directly in the source, or in its folders train, val and
test, which are then the splits. There are no classes.

Source: https://github.com/facebookresearch/segment-anything, "Dataset".
"""

from __future__ import annotations

import functools
from pathlib import Path

from tfseg.checks import InputError
from tfseg.data.conversion.formats import outlined
from tfseg.data.conversion.formats.base import Reading, SourceIndex, split_folders
from tfseg.data.conversion.formats.coco_outlines import outline, pack_counts, region
from tfseg.data.conversion.formats.outlined import Shape, Size, read_shapes
from tfseg.data.conversion.formats.parsing import entry, mentions, read_json

LAYOUT = "NAME.json of Segment Anything and NAME.jpg, directly in it or in train/, val/ and test/"
_MARKS = (rb'\A\s*\{\s*"image"\s*:\s*\{', rb'"annotations"\s*:')

read = read_shapes


def matches(source: Path) -> bool:
    """Returns whether the JSON file of an image is of Segment Anything."""
    return any(
        is_of_segment_anything(path)
        for folder in split_folders(source).values()
        for path in [*_pairs(folder).files.values()][: outlined.MOST_FILES]
    )


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, by id.

    Raises:
        InputError: no files, or no masks.
    """
    pairs = {split: _pairs(folder) for split, folder in split_folders(source).items()}
    if not any(of_split.files for of_split in pairs.values()):
        raise InputError(f"{source} has no JSON file of an image. Expected: {LAYOUT}.")
    return outlined.index_of_pairs(source, pairs, _describe, ("a JSON file", "JSON file"))


def is_of_segment_anything(path: Path) -> bool:
    """Returns whether a JSON file begins as those of Segment Anything."""
    return mentions(path, *_MARKS)


def _pairs(folder: Path) -> outlined.Pairs:
    return outlined.pairs_in(folder, (".json",), ())


def _describe(path: Path) -> tuple[Size, list[Shape]]:
    content = read_json(path, pack_counts)
    image = entry(content, "image", dict, context=path)
    height, width = (entry(image, key, int, context=path) for key in ("height", "width"))
    shapes = []
    for number, record in enumerate(entry(content, "annotations", list, context=path), start=1):
        context = f"{path}, annotation {number},"
        runs = outline(entry(record, "segmentation", dict, context=context), context)
        shapes.append(Shape("", functools.partial(_region, runs, context)))
    return (height, width), shapes


def _region(runs: object, context: str, size: Size) -> outlined.Region:
    return region(runs, size, context)
