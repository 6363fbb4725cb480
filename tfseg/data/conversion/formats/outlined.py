"""What formats share whose annotations are outlines or masks with a label each.

A format with one file for all images gives a `Description` to `index_of`; one with a file for each
image gives `Pairs` to `index_of_pairs`. `read_shapes` then paints the shapes of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import (
    Item,
    Reading,
    Sample,
    SourceIndex,
    by_partner,
    by_stem,
    in_order,
    open_item,
    pair_items,
    split_folders,
)
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import first_file, json_files, missing_image
from tfseg.data.conversion.formats.shapes import Region, joined, polygon
from tfseg.data.files.images import entries, list_images, stated_size
from tfseg.ids import IGNORE

Size = tuple[int, int]
MOST_FILES = 50  # of a folder, in which a tool's marks are looked for


class Shape(NamedTuple):
    """One instance, or ignored pixels.

    Attributes:
        label: name of its class; "" without one.
        draw: returns its pixels in an image of a (height, width); raises `InputError` if it does
            not fit.
        is_ignored: its pixels are ignored where no instance is.
    """

    label: str
    draw: Callable[[Size], Region]
    is_ignored: bool = False


class Described(NamedTuple):
    """An image as a file describes it.

    Attributes:
        name: path of the image in one of the folders of images.
        size: its (height, width), if the file has it.
        shapes: its shapes.
        fault: why it cannot be used; empty otherwise.
    """

    name: PurePosixPath
    size: Size | None
    shapes: Sequence[Shape]
    fault: str = ""


class Annotations(NamedTuple):
    """The shapes of an image, and the classes of the source; see `Described`."""

    file: Path
    size: Size | None
    shapes: Sequence[Shape]
    class_names: tuple[str, ...]


class Description(NamedTuple):
    """What a file describes, and the folders in which its images are looked for."""

    file: Path
    images: Sequence[Described]
    folders: Sequence[Path]


class Pairs(NamedTuple):
    """Images, and files of shapes by the names of their images, with the folders of both."""

    images: Mapping[str, Path]
    files: Mapping[str, Path]
    folders: tuple[Path, Path]


def files_of(source: Path, is_wanted: Callable[[Path], bool]) -> dict[str, list[Path]]:
    """Returns the JSON files of a format in the source, or its folders of splits, by split.

    In a folder with very many, each is of one image; only some are looked at.
    """
    files = {
        split: list(filter(is_wanted, json_files(folder)[:MOST_FILES]))
        for split, folder in split_folders(source).items()
    }
    return {split: paths for split, paths in files.items() if paths}


def one_file(source: Path, is_wanted: Callable[[Path], bool], layout: str) -> dict[str, Path]:
    """Returns the JSON file of each split that has one.

    Raises:
        InputError: no file, or two of one split.
    """
    files = files_of(source, is_wanted)
    if not files:
        raise InputError(f"{source} has no JSON file of this format. Expected: {layout}.")
    for split, paths in files.items():
        if len(paths) > 1:
            raise InputError(f"{paths[0]} and {paths[1]} are both the split {split}. Keep one.")
    return {split: path for split, (path,) in files.items()}


def image_folders(file: Path) -> list[Path]:
    """Returns the folders of the images of a file: images/ beside it, and its folder."""
    return [folder for folder in (file.parent / "images", file.parent) if folder.is_dir()]


def index_of(source: Path, descriptions: Mapping[str, Description]) -> SourceIndex:
    """Returns the items of each split from what its file describes.

    Raises:
        InputError: no image has a shape, and none a fault.
    """
    described = (image for one in descriptions.values() for image in one.images)
    names = _class_names(shape for image in described for shape in image.shapes)
    splits = {split: _items(one, names) for split, one in descriptions.items()}
    _refuse_empty(source, splits)
    files = listed([one.file.name for one in descriptions.values()])
    return SourceIndex(splits, names, _unlisted_note(splits, files) + _empty_note(splits))


def index_of_pairs(
    source: Path,
    pairs: Mapping[str, Pairs],
    describe: Callable[[Path], tuple[Size | None, Sequence[Shape]]],
    kinds: tuple[str, str],
) -> SourceIndex:
    """Returns the items of each split from a file of shapes for each image.

    Args:
        source: for errors.
        pairs: images and files of each split.
        describe: returns the size, if it is known, and the shapes in a file.
        kinds: what a file is, with its article and without, for errors.

    Raises:
        InputError: no image has a shape, and none a fault.
    """
    described: dict[str, dict[str, Described]] = {split: {} for split in pairs}
    for split, (images, files, _) in pairs.items():
        for name in images.keys() & files.keys():
            try:
                size, shapes = describe(files[name])
                described[split][name] = Described(PurePosixPath(name), size, shapes)
            except InputError as error:
                described[split][name] = Described(PurePosixPath(name), None, [], str(error))
    every = (image for of_split in described.values() for image in of_split.values())
    names = _class_names(shape for image in every for shape in image.shapes)
    splits = {}
    for split, (images, files, folders) in pairs.items():

        def make(
            name: str,
            images: Mapping[str, Path] = images,
            files: Mapping[str, Path] = files,
            described: Mapping[str, Described] = described[split],
        ) -> Item[Annotations]:
            return _item(name, images[name], files[name], described[name], names)

        splits[split] = pair_items(images, files, make, kinds=("image", *kinds), folders=folders)
    _refuse_empty(source, splits)
    return SourceIndex(splits, names, _empty_note(splits))


def pairs_in(
    folder: Path, suffixes: Sequence[str], kinds: Sequence[str], endings: Sequence[str] = ()
) -> Pairs:
    """Returns the images and the files of shapes of a folder, which lie side by side.

    The images may lie in images/, and the files in a folder with one of the names `kinds`, beside
    the images, or in the folder itself.

    Args:
        folder: the source or a folder of a split.
        suffixes: of the files of shapes.
        kinds: names of their folders.
        endings: what the names of the files may have beyond those of the images.

    Raises:
        InputError: two images of one name, or two files of one image.
    """
    image_folder = folder / "images" if (folder / "images").is_dir() else folder
    images = by_stem(list_images(image_folder))
    candidates = [folder / kind for kind in kinds if (folder / kind).is_dir()]
    for file_folder in (*candidates, image_folder, folder):
        paths = [path for path in entries(file_folder) if path.suffix.lower() in suffixes]
        if paths:
            break
    named = by_partner(by_stem(paths), images, endings, what="annotations of one image")
    return Pairs(images, named, (image_folder, file_folder))


def _class_names(shapes: Iterable[Shape]) -> tuple[str, ...]:
    """Returns the labels, numbers by value and texts by the alphabet, without the empty one."""
    labels = {shape.label for shape in shapes if not shape.is_ignored} - {""}
    return tuple(sorted(labels, key=lambda label: (int(label) if label.isdecimal() else 0, label)))


def _items(description: Description, names: tuple[str, ...]) -> list[Item[Annotations]]:
    """Returns an item for each image that a file describes, by id; a missing image is a fault."""
    path, images, folders = description
    made: dict[str, Item[Annotations]] = {}
    for image in images:
        file = first_file(image.name, folders)
        if file is None:
            image = image._replace(fault=missing_image(path, image.name, folders))
        id = image.name.with_suffix("").as_posix()
        if id in made:
            twice = f"{path} must describe {image.name} once; it does twice. Keep one."
            image = image._replace(fault=twice)
        made[id] = _item(id, file or folders[0] / image.name, path, image, names)
    return in_order(made.values())


def _item(
    id: str, file: Path, path: Path, image: Described, names: tuple[str, ...]
) -> Item[Annotations]:
    """Returns an item; a shape without a label among others with one is a fault."""
    fault = image.fault
    if names and any(not shape.label and not shape.is_ignored for shape in image.shapes):
        fault = fault or f"{path} must have a label for every shape of {id}; one has none. Add it."
    return Item(id, file, Annotations(path, image.size, image.shapes, names), fault=fault)


def _refuse_empty(source: Path, splits: Mapping[str, Sequence[Item[Any]]]) -> None:
    items = [item for of_split in splits.values() for item in of_split]
    if not any(item.fault or item.annotations.shapes for item in items):
        raise InputError(f"{source} has no outline of an instance. Annotate the images first.")


def _empty_note(splits: Mapping[str, Sequence[Item[Any]]]) -> tuple[str, ...]:
    items = (item for of_split in splits.values() for item in of_split)
    number = sum(not item.fault and not item.annotations.shapes for item in items)
    return (f"images without an outline, and so without instances: {number}",) if number else ()


def _unlisted_note(splits: Mapping[str, Sequence[Item[Any]]], files: str) -> tuple[str, ...]:
    """Returns a note on the images beside those of the items, which no file describes."""
    used = {item.image for items in splits.values() for item in items}
    folders = sorted({path.parent for path in used if path.parent.is_dir()})
    others = [path for folder in folders for path in list_images(folder) if path not in used]
    if not others:
        return ()
    return (f"images that {files} lacks, left out: {len(others)}, such as {others[0].name}",)


def read_shapes(item: Item[Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its shapes.

    Raises:
        InputError: the image cannot be read, its size is not that in the file, or a shape does not
            fit it.
    """
    path, size, shapes, names = item.annotations
    picture = open_item(item, reading, size)
    if size is not None:
        stated_size(item.image, picture, path, size)
    indices = {name: index for index, name in enumerate(names, start=1)}
    regions = (
        (
            shape.draw(picture.size),
            IGNORE if shape.is_ignored else indices.get(shape.label, 1),
        )
        for shape in shapes
    )
    return paint(picture, regions, overlap=reading.overlap, name=item.image)


def filled(rings: Sequence[np.ndarray], size: Size) -> Region:
    """Returns the pixels of a polygon: the first ring `[N, 2]`, without the other rings."""
    outer, *holes = rings
    sign = _direction(outer)
    return polygon(
        [outer, *(hole[::-1] if _direction(hole) == sign else hole for hole in holes)], size
    )


def filled_all(polygons: Sequence[Sequence[np.ndarray]], size: Size) -> Region:
    """Returns the pixels of several polygons, each as in `filled`."""
    return joined([filled(rings, size) for rings in polygons])


def _direction(ring: np.ndarray) -> bool:
    """Returns whether a ring runs one way or the other, by the sign of its area."""
    x, y = ring.T
    return bool(np.dot(x, np.roll(y, -1)) > np.dot(y, np.roll(x, -1)))
