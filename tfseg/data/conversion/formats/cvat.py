"""CVAT for images 1.1: annotations.xml, and the images in images/.

The files lie directly in the source, or in its folders train, val and test, which are then the
splits; in a file of the source itself, the subset of each image is its split. Polygons, ellipses
and masks are instances; shapes of one label and group are parts of one instance. Labels become
classes in the order in which the file declares them, except those of other kinds of shapes.

Source: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    SPLIT_NAMES,
    SPLITS,
    Item,
    Reading,
    Sample,
    SourceIndex,
    Splits,
    in_order,
    open_item,
    split_folders,
)
from tfseg.data.conversion.formats.cvat_xml import Content, Image, Mask, Shape, read_xml
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import first_file, inside, missing_image
from tfseg.data.conversion.formats.shapes import Region, joined, polygon
from tfseg.data.files.content import load
from tfseg.data.files.images import list_images, stated_size
from tfseg.run_lengths import decode

LAYOUT = "annotations.xml and images/NAME.jpg, directly in it or in train/, val/ and test/"
_FILE = "annotations.xml"


class _Annotations(NamedTuple):
    file: Path
    image: Image
    class_names: tuple[str, ...]


def matches(source: Path) -> bool:
    """Returns whether there is an annotations.xml that lists images."""
    files = map(load, _files(source).values())
    return any(b"<annotations" in data and b"<image" in data for data in files)


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the files and returns the items of each split, by id.

    Raises:
        InputError: a file is missing or malformed, or there is no label.
    """
    files = _files(source)
    if not files:
        raise InputError(f"{source} has no {_FILE}. Expected: {LAYOUT}.")
    contents = {split: read_xml(path) for split, path in files.items()}
    names = _class_names(contents.values())
    if not names and not any(image.fault for c in contents.values() for image in c.images):
        raise InputError(f"{source} has no label of polygons, ellipses or masks. Annotate first.")
    splits: dict[str, list[Item[_Annotations]]] = {}
    notes: list[str] = []
    for split, content in contents.items():
        path = files[split]
        for item in _items(path, content.images, names):
            of_image = _split_of(item.annotations.image) if path.parent == source else split
            splits.setdefault(of_image, []).append(item)
        notes += _notes(path, content, by_subset=path.parent == source)
    in_splits = {split: in_order(splits[split]) for split in SPLITS if split in splits}
    _refuse_repeated(in_splits)
    return SourceIndex(in_splits, names, tuple(notes))


def read(item: Item[_Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its shapes.

    Raises:
        InputError: the image cannot be read, its size is not that in the file, or a mask does not
            fit it.
    """
    path, (_, _, size, shapes, _), names = item.annotations
    picture = open_item(item, reading, size)
    stated_size(item.image, picture, path, size)
    instances: dict[tuple[str, object], list[Shape]] = {}
    for index, shape in enumerate(shapes):
        instances.setdefault((shape.label, shape.group or index), []).append(shape)
    regions = (
        (joined([_region(shape, size) for shape in parts]), names.index(label) + 1)
        for (label, _), parts in instances.items()
    )
    return paint(picture, regions, overlap=reading.overlap, name=item.image)


def _files(source: Path) -> dict[str, Path]:
    """Returns the file of each split; that of the source itself is called train."""
    folders = {"train": source} if (source / _FILE).is_file() else split_folders(source)
    files = {split: folder / _FILE for split, folder in folders.items()}
    return {split: path for split, path in files.items() if path.is_file()}


def _class_names(contents: Iterable[Content]) -> tuple[str, ...]:
    """Returns the labels in the order of their declarations, and those declared nowhere."""
    names: dict[str, None] = {}
    for content in contents:
        used = {shape.label for image in content.images for shape in image.shapes}
        names |= dict.fromkeys([*content.labels, *sorted(used)])
    return tuple(names)


def _notes(path: Path, content: Content, *, by_subset: bool) -> Iterator[str]:
    if content.num_tags:
        yield f"{path.name}: {content.num_tags} tags of whole images are left out"
    subsets = {image.subset for image in content.images}
    others = [name for name in sorted(subsets) if name.lower() not in {"", "default", *SPLIT_NAMES}]
    if by_subset and others:
        yield f"{path.name}: the subset {listed(others)} is no split and taken as train"


def _split_of(image: Image) -> str:
    return SPLIT_NAMES.get(image.subset.lower(), "train")


def _items(
    path: Path, images: Sequence[Image], names: tuple[str, ...]
) -> Iterator[Item[_Annotations]]:
    """Yields an item for each image of a file, and for each beside them that it does not list."""
    folder, files = path.parent / "images", set()

    def make(name: PurePosixPath, file: Path, image: Image, fault: str) -> Item[_Annotations]:
        id = name.with_suffix("").as_posix()
        return Item(id, file, _Annotations(path, image, names), fault=fault)

    for image in images:
        name = inside(image.name, context=f"An image in {path}")
        in_subset = inside(f"{image.subset or '.'}/{name}", context=f"A subset in {path}")
        file = first_file(in_subset, [folder]) or first_file(name, [folder])
        fault = image.fault if file else missing_image(path, name, [folder])
        files.add(file or folder / name)
        yield make(name, file or folder / name, image, fault)
    for parent in sorted({file.parent for file in files if file.parent.is_dir()}):
        for file in list_images(parent):
            if file not in files:
                name = PurePosixPath(file.relative_to(folder))
                fault = f"{path} must list {file}; it does not. Add it, or take the image away."
                yield make(name, file, Image(str(name), parent.name, (0, 0), []), fault)


def _refuse_repeated(splits: Splits) -> None:
    for split, items in splits.items():
        for first, second in itertools.pairwise(items):
            if first.id == second.id:
                raise InputError(
                    f"{first.image} and {second.image} are both the image {first.id} of {split}. "
                    "Keep one."
                )


def _region(shape: Shape, size: tuple[int, int]) -> Region:
    if not isinstance(shape.outline, Mask):
        return polygon([shape.outline], size)
    counts, y, x, height, width = shape.outline
    try:
        if y + height > size[0] or x + width > size[1]:
            raise ValueError(f"{height} x {width} from row {y} and column {x} on")
        if (counts != np.floor(counts)).any():
            raise ValueError("counts must be whole numbers")
        return Region(decode(counts.astype(np.int64), (width, height)).T, y, x)
    except ValueError as error:
        raise InputError(
            f"{shape.context} has run lengths that do not fit its image ({error}). Export it again."
        ) from error
