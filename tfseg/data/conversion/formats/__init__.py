"""The layouts of files that `convert` reads: one module a format, listed in `FORMATS`."""

from __future__ import annotations

from pathlib import Path

from tfseg.checks import InputError
from tfseg.data.conversion.formats import (
    cellpose,
    cityscapes,
    coco,
    coco_panoptic,
    instance_masks,
    label_maps,
    labelme,
    pascal_voc,
    semantic,
    yolo,
)
from tfseg.data.conversion.formats.base import Format
from tfseg.data.files.images import entries

FORMATS: dict[str, Format] = {
    "label_maps": label_maps,
    "cellpose": cellpose,
    "instance_masks": instance_masks,
    "coco": coco,
    "coco_panoptic": coco_panoptic,
    "cityscapes": cityscapes,
    "pascal_voc": pascal_voc,
    "labelme": labelme,
    "yolo": yolo,
    "semantic": semantic,
}


def detect(source: Path) -> str:
    """Returns the name of the format of the files in the folder `source`.

    Raises:
        InputError: no such folder, an empty one, or not one of the formats.
    """
    expected = "; ".join(f"{name} ({module.LAYOUT})" for name, module in FORMATS.items())
    if not entries(source):
        raise InputError(f"{source} is empty. Expected one of these: {expected}.")
    names = [name for name, module in FORMATS.items() if module.matches(source)]
    if not names:
        raise InputError(f"{source} has none of the layouts that tfseg reads: {expected}.")
    if len(names) > 1:
        raise InputError(f"{source} could be {' or '.join(names)}. Say which with --format.")
    return names[0]
