"""COCO instances: JSON files with images, annotations and categories, and the images.

The JSON files lie in annotations/ (of those named instances_*.json only these, where there are
any), right in the source, or in its folders train, val and test. Such a word in the name of the
file or of its folder says the split; a single file without one is train. The images lie beside the
file, in images/, or in folders named after the split or the file.

- A list of polygons is one instance in several parts. A ring within another one, running the other
  way round, is a hole. Run lengths may be compressed or not.
- What lies beyond the border of the image is cut off; the instance stays.
- A crowd is ignored where no instance is.
- Categories become classes in the order of their ids, which may have gaps; those of one name are
  one class. Boxes, areas and keypoints are not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError
from tfseg.data.formats.base import SPLIT_NAMES, SPLITS, Found, Item, Reading, Sample, listed
from tfseg.data.formats.painting import paint
from tfseg.data.formats.shapes import Region, decompress, polygon, run_lengths
from tfseg.data.formats.texts import entry, first_file, inside, read_json, ring, shortened
from tfseg.data.images import IMAGE_SUFFIXES, entries, read_image
from tfseg.metrics.matching import IGNORE

LAYOUT = (
    "annotations/instances_train2017.json and train2017/*.jpg, or annotations.json and images/, or "
    "JSON and images in train/, val/ and test/"
)
_SPLIT = re.compile(r"(?<![a-z])(train|valid|validation|val|test)(?![a-z])", re.IGNORECASE)


class Shape(NamedTuple):
    """One annotation.

    Attributes:
        outline: rings `[N, 2]` as (x, y), or run lengths: (counts `[N]`, or their text, size).
        class_index: from 1 on, or `IGNORE`.
        place: of the annotation, for errors.
    """

    outline: Any
    class_index: int
    place: str


def matches(source: Path) -> bool:
    """Says whether there is a JSON file where this layout has them."""
    return bool(_files(source))


def find(source: Path, reading: Reading) -> Found:
    """Reads the JSON files and returns the items of each split, in the order of their ids.

    Raises:
        InputError: a file of another shape, an image that is missing or outside of the source, or
            two files of one split.
    """
    files: dict[str, Path] = {}
    for path in _files(source):
        split = split_of(path, source)
        if split in files:
            raise InputError(f"{files[split]} and {path} are both the split {split}. Keep one.")
        files[split] = path
    if not files:
        raise InputError(f"{source} has no JSON file of COCO. Expected: {LAYOUT}.")
    contents = {split: read_json(path, _pack) for split, path in files.items()}
    names = class_names(
        (files[split], entry(content, "categories", list, place=files[split]))
        for split, content in contents.items()
    )
    ordered = [split for split in SPLITS if split in files]
    return Found(
        {split: _items(source, files[split], contents.pop(split), names) for split in ordered},
        tuple(names),
    )


def read(item: Item, reading: Reading) -> Sample:
    """Reads an image and paints its instances.

    Raises:
        InputError: the image cannot be read, has another size than the JSON file says, or run
            lengths do not fit it.
    """
    path, height, width, *shapes = item.annotations
    image = read_image(item.image)
    if image.shape[:2] != (height, width):
        raise InputError(
            f"{item.image} must have the size that {path.name} says, {height} x {width} (height x "
            f"width); it has {image.shape[0]} x {image.shape[1]}. Give the image that was "
            "annotated."
        )
    regions = ((_region(shape, (height, width)), shape.class_index) for shape in shapes)
    return paint(image, regions, overlap=reading.overlap, name=item.image)


def split_of(path: Path, source: Path) -> str:
    """Returns the split that the name of a file, or else of its folder, says; train without."""
    for name in (path.stem, path.parent.relative_to(source).name):
        if found := _SPLIT.search(name):
            return SPLIT_NAMES[found[1].lower()]
    return "train"


def class_names(files: Iterable[tuple[Path, list]]) -> list[str]:
    """Returns the names of the categories of all files, in the order of their ids.

    Raises:
        InputError: a category without id or name, or no category at all.
    """
    names: list[str] = []
    for path, categories in files:
        for _, name in sorted(_categories(path, categories).items()):
            if name not in names:
                names.append(name)
    if not names:
        raise InputError("There must be at least one category; got none. Export them too.")
    return names


def image_folders(source: Path, path: Path) -> list[Path]:
    """Returns the folders in which the images of a JSON file may lie."""
    stem = re.sub(r"^(instances|panoptic)_", "", path.stem)
    names = {
        stem,
        *(name for name, split in SPLIT_NAMES.items() if split == split_of(path, source)),
    }
    places = [path.parent, *(source / name for name in sorted(names)), source]
    places += [source / "images" / name for name in sorted(names)]
    folders = [folder for place in places for folder in (place, place / "images")]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _categories(path: Path, categories: list) -> dict[int, str]:
    names = {}
    for record in categories:
        place = f"A category in {path}"
        names[entry(record, "id", int, place=place)] = entry(record, "name", str, place=place)
    return names


def _files(source: Path) -> list[Path]:
    folders = [path for path in entries(source) if path.is_dir()]
    found = []
    for folder in (source, *(path for path in folders if path.name in SPLIT_NAMES)):
        found += [path for path in entries(folder) if _is_instances(path)]
    for folder in (path for path in folders if path.name == "annotations"):
        files = [path for path in entries(folder) if _is_instances(path)]
        found += [path for path in files if path.stem.startswith("instances_")] or files
    return found


def _is_instances(path: Path) -> bool:
    """Says whether a file is JSON, and not the annotation of one image, or of COCO panoptic."""
    if path.suffix.lower() != ".json" or path.stem.startswith("panoptic_"):
        return False
    folders = (path.parent, path.parent.parent / "images")
    images = (folder / f"{path.stem}{suffix}" for folder in folders for suffix in IMAGE_SUFFIXES)
    return not (has_maps(path) or any(image.is_file() for image in images))


def has_maps(path: Path) -> bool:
    """Says whether a file has a folder of its name with PNG files, as one of COCO panoptic has."""
    folder = path.with_suffix("")
    return folder.is_dir() and any(file.suffix == ".png" for file in entries(folder))


def _pack(record: dict) -> dict:
    """Keeps of an object what is used: numbers as arrays take a quarter of the memory."""
    if isinstance(record.get("counts"), list):
        record["counts"] = _counts(record["counts"])
    if "segmentation" not in record:
        return record
    place = f"annotation {shortened(record.get('id'))}"
    outline = record["segmentation"]
    if isinstance(outline, list):
        outline = tuple(ring(part, place=place) for part in outline)
    kept = {key: record[key] for key in ("image_id", "category_id", "iscrowd") if key in record}
    return kept | {"outline": outline, "place": place}


def _counts(values: list) -> np.ndarray:
    if not all(type(value) is int and 0 <= value < 2**32 for value in values):
        raise InputError("run lengths must be whole numbers from 0 on. Export them again.")
    return np.array(values, np.int64)


def _items(source: Path, path: Path, content: Any, names: list[str]) -> list[Item]:
    categories = _categories(path, entry(content, "categories", list, place=path))
    indices = {id: names.index(name) + 1 for id, name in categories.items()}
    shapes: dict[int, list[Shape]] = {}
    for record in entry(content, "annotations", list, place=path):
        image_id, shape = _shape(record, path, indices)
        shapes.setdefault(image_id, []).append(shape)
    folders, items, missing = image_folders(source, path), {}, []
    images = entry(content, "images", list, place=path)
    _refuse_repeated(path, images)
    for record in images:
        item = _item(record, path, folders, shapes)
        if item is None:
            missing.append(record["file_name"])
        elif item.id in items:
            raise InputError(f"{path} has the image {item.id} twice. Keep one.")
        else:
            items[item.id] = item
    if missing:
        raise InputError(
            f"{path} must have its images in {listed(folders)}; there is no {listed(missing)}. Add "
            "them, or take them out of the file."
        )
    if shapes:
        raise InputError(
            f"{path} has annotations of images that it does not list, such as image_id "
            f"{next(iter(shapes))}. Export it again."
        )
    if not items:
        raise InputError(f"{path} lists no images. Export it again.")
    return [items[id] for id in sorted(items)]


def _refuse_repeated(path: Path, images: list) -> None:
    ids = [entry(record, "id", int, place=f"An image in {path}") for record in images]
    if repeated := [id for id, times in Counter(ids).items() if times > 1]:
        raise InputError(f"{path} has several images of the id {listed(repeated)}. Keep one.")


def _item(
    record: Any, path: Path, folders: list[Path], shapes: dict[int, list[Shape]]
) -> Item | None:
    """Returns an item, whose shapes it takes out of `shapes`, or None where there is no image."""
    place = f"An image in {path}"
    name = inside(entry(record, "file_name", str, place=place), place=place)
    size = [entry(record, key, int, place=f"{name} in {path}") for key in ("height", "width")]
    own = shapes.pop(record["id"], [])
    image = first_file(name, folders)
    return image and Item(name.with_suffix("").as_posix(), image, (path, *size, *own))


def _shape(record: Any, path: Path, indices: dict[int, int]) -> tuple[int, Shape]:
    place = f"{path}, {record['place']}" if isinstance(record, dict) and "place" in record else path
    if not isinstance(record, dict) or not record.get("outline"):
        raise InputError(
            f"{place} must have annotations with a segmentation; got {shortened(record)}. Draw "
            "its outline, or take it out."
        )
    image_id = entry(record, "image_id", int, place=place)
    category = entry(record, "category_id", int, place=place)
    if category not in indices:
        raise InputError(
            f"{place} must have one of the categories {listed(list(indices))}; got {category}. Add "
            "the category."
        )
    crowd = entry(record, "iscrowd", int, place=place, default=0)
    return image_id, Shape(record["outline"], IGNORE if crowd else indices[category], str(place))


def _region(shape: Shape, size: tuple[int, int]) -> Region:
    if isinstance(shape.outline, tuple):
        return polygon(shape.outline, size)
    counts = shape.outline.get("counts") if isinstance(shape.outline, dict) else None
    try:
        if not isinstance(counts, str | np.ndarray) or shape.outline.get("size") != list(size):
            raise ValueError(f"counts and the size {list(size)} must be there")
        return run_lengths(decompress(counts) if isinstance(counts, str) else counts, size)
    except ValueError as error:
        raise InputError(
            f"{shape.place} has run lengths that do not fit its image ({error}). Export it again."
        ) from error
