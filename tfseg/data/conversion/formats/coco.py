"""COCO instances: JSON files with images, annotations and categories, and the images.

The JSON files lie in annotations/ (if any is named instances_*.json, only those are read), directly
in the source, or in its folders train, val and test. The name of the file or of its folder has the
split; a single file without a split is train. The images lie beside the file, in images/, or in
folders named after the split or the file.

- A list of polygons is one instance in several parts. A ring inside another one, running the other
  way round, is a hole. Run lengths may be compressed or not.
- An instance that reaches beyond the image is cut off at its border.
- A crowd is ignored where no instance is, or an instance, as asked.
- Categories become classes in the order of their ids, which may have gaps; categories of one name
  are one class. One without annotations that is the supercategory of another, or `_background_`, is
  left out. Boxes, areas and keypoints are not used.
- An image whose path leads out of the source is looked for by its last name. Images that no file
  lists are left out.
- A fault of an annotation is one of its image.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

from tfseg.checks import InputError, listed
from tfseg.data.conversion.formats.base import Item, Reading, Sample, SourceIndex, open_item
from tfseg.data.conversion.formats.coco_categories import classes_of
from tfseg.data.conversion.formats.coco_files import (
    by_split,
    image_folders,
    instance_files,
    is_coco,
    unlisted_note,
)
from tfseg.data.conversion.formats.coco_outlines import (
    REMEDY,
    annotated_outline,
    pack_counts,
    region,
)
from tfseg.data.conversion.formats.coco_values import crowd_note, flag, image_key, integer
from tfseg.data.conversion.formats.painting import paint
from tfseg.data.conversion.formats.parsing import (
    entry,
    first_file,
    inside,
    missing_image,
    read_json,
    shortened,
)
from tfseg.data.files.images import stated_size
from tfseg.ids import IGNORE

LAYOUT = (
    "annotations/instances_train2017.json and train2017/*.jpg, or annotations.json and images/, or "
    "JSON and images in train/, val/ and test/"
)


class Shape(NamedTuple):
    """One annotation.

    Attributes:
        outline: see `coco_outlines.outline`.
        class_index: class from 1 on.
        context: which annotation it is, for errors.
        is_crowd: it is marked as a crowd.
    """

    outline: Any
    class_index: int
    context: str
    is_crowd: bool = False


class _Gathered(NamedTuple):
    """The shapes of an image, and the faults of its other annotations."""

    shapes: list[Shape]
    faults: list[str]


class _Annotations(NamedTuple):
    """The shapes of an image, its (height, width), if known, and the JSON file that has them."""

    file: Path
    size: tuple[int, int] | None
    shapes: list[Shape]


def matches(source: Path) -> bool:
    """Returns whether there is a JSON file of COCO in a folder of this layout."""
    return any(map(is_coco, instance_files(source)))


def find(source: Path, reading: Reading) -> SourceIndex:
    """Reads the JSON files and returns the items of each split, in the order of their ids.

    Raises:
        InputError: a malformed file, an image that is missing, or two files for one split.
    """
    files = by_split(source, instance_files(source))
    if not files:
        raise InputError(f"{source} has no JSON file of COCO. Expected: {LAYOUT}.")
    contents = {split: read_json(path, _pack) for split, path in files.items()}
    for split, path in files.items():
        _refuse_other_json(path, contents[split])
    classes = classes_of(files, contents)
    notes, splits = classes.notes, {}
    for split, path in files.items():
        notes += _path_note(path, contents[split])
        items = _items(source, path, contents.pop(split), classes.indices[split])
        splits[split] = items
        if reading.crowd == "ignore":
            shapes = ((item.id, shape) for item in items for shape in item.annotations.shapes)
            crowds = ((id, shape.class_index) for id, shape in shapes if shape.is_crowd)
            notes += crowd_note(path, crowds)
    images = (item.image for items in splits.values() for item in items)
    notes += unlisted_note(source, files.values(), images)
    return SourceIndex(splits, classes.names, notes)


def read(item: Item[_Annotations], reading: Reading) -> Sample:
    """Reads an image and paints its instances.

    Raises:
        InputError: the image cannot be read, its size differs from the JSON file, or run lengths do
            not fit it.
    """
    path, size, shapes = item.annotations
    picture = open_item(item, reading, size)
    if size is not None:
        stated_size(item.image, picture, path, size)
    size = picture.size
    ignored = [shape.is_crowd and reading.crowd == "ignore" for shape in shapes]
    regions = (
        (
            region(shape.outline, size, shape.context),
            IGNORE if ignore else shape.class_index,
        )
        for shape, ignore in zip(shapes, ignored, strict=True)
    )
    sample = paint(picture, regions, overlap=reading.overlap, name=item.image)
    return sample._replace(ignored_crowds=sum(ignored))


def _refuse_other_json(path: Path, content: Any) -> None:
    if isinstance(content, dict) and not {"images", "annotations"} <= content.keys():
        raise InputError(
            f"{path} must be a file of COCO, with the entries 'images', 'annotations' and "
            f"'categories'; got {listed(list(content)) or 'none'}. Export it as COCO."
        )


def _pack(record: dict) -> dict:
    """Keeps the entries that are used; numbers become arrays: a quarter of the memory."""
    if "segmentation" not in record:
        return pack_counts(record)
    context = f"annotation {shortened(record.get('id'))}"
    kept = {key: record[key] for key in ("image_id", "category_id", "iscrowd") if key in record}
    try:
        kept["outline"] = annotated_outline(record["segmentation"], context)
    except InputError as error:
        kept["fault"] = str(error)
    return kept | {"id": record.get("id")}


def _items(
    source: Path, path: Path, content: Any, indices: dict[int, int]
) -> list[Item[_Annotations]]:
    gathered: dict[str, _Gathered] = {}
    for record in entry(content, "annotations", list, context=path):
        context = str(path)
        if isinstance(record, dict):
            context = f"{path}, annotation {shortened(record.get('id'))}"
        image_id = image_key(record, "image_id", context=context)
        of_image = gathered.setdefault(image_id, _Gathered([], []))
        try:
            of_image.shapes.append(_shape(record, path, context, indices))
        except InputError as error:
            of_image.faults.append(str(error))
    folders, items = image_folders(source, path), {}
    images = entry(content, "images", list, context=path)
    _refuse_repeated(path, images)
    for record in images:
        item = _item(record, path, folders, gathered)
        if item.id in items:
            raise InputError(f"{path} has the image {item.id} twice. Keep one.")
        items[item.id] = item
    if gathered:
        raise InputError(
            f"{path} has annotations of images that it does not list, such as image_id "
            f"{next(iter(gathered))}. Export it again."
        )
    if not items:
        raise InputError(f"{path} lists no images. Export it again.")
    return [items[id] for id in sorted(items)]


def _refuse_repeated(path: Path, images: list) -> None:
    ids = [image_key(record, "id", context=f"An image in {path}") for record in images]
    if repeated := [id for id, times in Counter(ids).items() if times > 1]:
        raise InputError(f"{path} has several images of the id {listed(repeated)}. Keep one.")


def _item(
    record: Any, path: Path, folders: list[Path], gathered: dict[str, _Gathered]
) -> Item[_Annotations]:
    """Returns an item, with a fault if its image is missing; takes its shapes out of `gathered`."""
    context = f"An image in {path}"
    name, _ = _image_name(entry(record, "file_name", str, context=context), context)
    of_image = gathered.pop(image_key(record, "id", context=context), _Gathered([], []))
    faults = list(of_image.faults)
    size = None
    try:
        height, width = (
            integer(record, key, context=f"{name} in {path}") for key in ("height", "width")
        )
        size = None if height == width == -1 else (height, width)  # as VIA writes them
    except InputError as error:
        faults.append(str(error))
    image = first_file(name, folders)
    if image is None:
        faults.insert(0, missing_image(path, record["file_name"], folders))
    return Item(
        name.with_suffix("").as_posix(),
        image or path.parent / name,
        _Annotations(path, size, of_image.shapes),
        fault=next(iter(faults), ""),
    )


def _image_name(text: str, context: str) -> tuple[PurePosixPath, bool]:
    """Returns the path of an image, and whether it is but the last name of one that leads out."""
    try:
        return inside(text, context=context), False
    except InputError:
        return inside(PureWindowsPath(text).name, context=context), True


def _path_note(path: Path, content: Any) -> tuple[str, ...]:
    images = entry(content, "images", list, context=path)
    names = [record.get("file_name") for record in images if isinstance(record, dict)]
    outside = [name for name in names if isinstance(name, str) and _image_name(name, str(path))[1]]
    if not outside:
        return ()
    return (
        f"{path.name}: {len(outside)} paths of images lead out of the source, such as "
        f"{outside[0]}: looked for by their last names",
    )


def _shape(record: dict, path: Path, context: str, indices: dict[int, int]) -> Shape:
    category = integer(record, "category_id", context=context)
    if category not in indices:
        raise InputError(
            f"{context} must have one of the categories {listed(list(indices))}; got "
            f"{category}. Add the category."
        )
    is_crowd = flag(record, "iscrowd", context=context)
    if "fault" in record:
        raise InputError(f"{path}, {record['fault']}")
    if "outline" not in record:
        raise InputError(f"{context} must have a segmentation; got none. {REMEDY}")
    return Shape(record["outline"], indices[category], context, is_crowd)
