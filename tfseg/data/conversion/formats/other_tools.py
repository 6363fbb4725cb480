"""Files of tools that tfseg does not read, and what a folder without a layout lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfseg.data.conversion.formats.base import SPLIT_NAMES, split_folders
from tfseg.data.files.images import entries, list_images

_HEAD = 2**16  # bytes of a file that are looked at
_MOST_FILES = 50
_ROIS = (".zip", ".roi")
_FROM_PYTHON = "Read it in Python and give the ids to tfseg.convert_samples"
_READ = r'"(images|shapes)"\s*:'  # COCO, LabelMe
_BY_CONTENT = {
    r'"(visitedAssets|lastVisitedAssetId)"|"asset"\s*:\s*\{': f"of VoTT. {_FROM_PYTHON}",
    r'\A\s*\[\s*\{(?=[^\]]*"image")[^\]]*"annotations"': "of CreateML, which has boxes alone. "
    "Annotate outlines, or export them as COCO",
    r'"classes"\s*:.*"shape"\s*:|"classTitle"': "of Supervisely. Export it from there as COCO",
    r"<annotations>.*<track\b": "of CVAT for video. Export it as CVAT for images 1.1",
}
_BY_FOLDERS = {
    "training/v2.0": f"of Mapillary Vistas. {_FROM_PYTHON}",
    "training/instances": f"of Mapillary Vistas. {_FROM_PYTHON}",
    "training/instance": f"of KITTI. {_FROM_PYTHON}",
    "training/image_2": f"of KITTI. {_FROM_PYTHON}",
    "imagesTr": "of nnunet, and labelsTr/ with a mask CASE.png of each case is missing",
}


def other_tool(source: Path) -> str | None:
    """Returns which file of a source is of a tool that is not read, and the way out.

    A source that has a file of COCO or LabelMe as well is read.
    """
    reason = None
    for path in _described(source):
        head = _head(path)
        if re.search(_READ, head):
            return None
        for pattern, remedy in _BY_CONTENT.items():
            if not reason and re.search(pattern, head, re.DOTALL):
                reason = f"{path} must be in one of the formats that tfseg reads; it is {remedy}."
    return reason


def missing(source: Path) -> str:
    """Returns the layout that is nearest to the files of a source, and what it lacks."""
    for name, remedy in _BY_FOLDERS.items():
        if (source / name).is_dir():
            return f"{name}/ is {remedy}."
    names = {path.name for path in entries(source) if path.is_dir()}
    for split in SPLIT_NAMES:
        for masks in (f"{split}_labels", f"{split}annot"):
            if split in names and masks in names:
                return (
                    f"{split}/ with {masks}/ are semantic masks, and only the table of classes is "
                    "missing. Write codes.txt: a name for each value from 0 on, in a line."
                )
    if "JPEGImages" in names:
        return "JPEGImages/ is of pascal_voc, and SegmentationObject/ is missing."
    if sequences := sorted(name for name in names if name.isdecimal() or name.endswith("_GT")):
        return f"{sequences[0]}/ is of cell_tracking, and 01_GT/SEG/man_seg000.tif is missing."
    if archives := [path.name for path in entries(source) if path.suffix.lower() in _ROIS]:
        return (
            f"{archives[0]} is of imagej_rois, and must have the name of its image, such as "
            "NAME.zip for NAME.tif."
        )
    for folder in split_folders(source).values():
        if (folder / "images").is_dir():
            return _beside_images(folder)
    if list_images(source):
        return (
            "images lie there, and their annotations are missing: NAME.json of labelme, "
            "NAME_masks.png of cellpose, NAME.geojson, NAME.zip of imagej_rois, or a JSON file of "
            "coco, label_studio or via."
        )
    return "it has neither images nor a folder images/."


def _beside_images(folder: Path) -> str:
    """Returns what a folder with images/ lacks."""
    for name in ("labels", "masks"):
        if (folder / name).is_dir():
            return (
                f"images/ with {name}/ are of label_maps, and {folder / name} has no file of the "
                "name of each image. Rename the files, or say which are of one image, such as "
                f"--masks '{name}/{{name}}_*.png'."
            )
    return (
        f"images/ is of label_maps, and {folder / 'labels'} is missing (or a JSON file of coco, "
        "label_studio or via, or labels/NAME.txt of yolo)."
    )


def _head(path: Path) -> str:
    """Returns the beginning of a text file, or an empty text if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return ""


def _described(source: Path) -> Iterator[Path]:
    """Yields some of the JSON and XML files in a source and in the folders in it."""
    folders = [source, *(path for path in entries(source) if path.is_dir())]
    folders += [path / "ann" for path in folders if (path / "ann").is_dir()]
    for folder in folders[:_MOST_FILES]:
        files = [
            path
            for path in entries(folder)
            if path.suffix.lower() in (".json", ".xml", ".vott") and path.is_file()
        ]
        yield from files[:_MOST_FILES]
