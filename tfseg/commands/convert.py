"""Turns a folder of images and instance annotations into a data set of sharded records.

SOURCE is a folder in one of the usual layouts: label maps, one mask for each instance, Cellpose,
COCO instances and panoptic, Cityscapes, Pascal VOC, LabelMe, YOLO or semantic masks; each is shown
in docs/formats.md. DEST gets TFRecord files and dataset.json. After a run that was killed, the same
command goes on from the files that it had finished. Exit code 1 where images were skipped.

Example: tfseg convert nuclei-files nuclei --val_fraction 0.1
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from tfseg.checks import InputError
from tfseg.commands.options import Parser
from tfseg.commands.output import note, print_table
from tfseg.commands.progress import progress, with_speed

FORMATS = (
    "cellpose",
    "cityscapes",
    "coco",
    "coco_panoptic",
    "instance_masks",
    "label_maps",
    "labelme",
    "pascal_voc",
    "semantic",
    "yolo",
)
OVERLAPS = ("smaller_wins", "first", "error")


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("source", metavar="SOURCE", type=Path, help="folder with the images and annotations")
    add(
        "destination",
        metavar="DEST",
        type=Path,
        help="folder of the data set, made here; or gs://...",
    )
    add(
        "--format",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"layout of SOURCE, found out where it is not given: {', '.join(FORMATS)}",
    )
    add(
        "--overlap",
        choices=OVERLAPS,
        default="smaller_wins",
        help="whose a pixel is that several instances claim",
    )
    add("--masks", metavar="PATTERN", help="of instance_masks, such as 'masks/{name}_*.png'")
    add(
        "--components",
        action="store_true",
        help="of semantic: every connected part of a class is an instance",
    )
    add(
        "--val_fraction",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the training images set aside as the split val, in [0, 1)",
    )
    add("--seed", type=int, default=0, help="of the choice of images set aside")
    add(
        "--groups",
        metavar="EXPRESSION|FILE.csv",
        help="what stays in one split: a regular expression that finds the group in the id, or a "
        "table with the columns id and group",
    )
    add(
        "--split_table",
        metavar="FILE.csv",
        type=Path,
        help="table with the columns id and split, of every image",
    )
    add(
        "--store",
        metavar="FORMAT",
        default="png",
        help="how images are stored: png, raw (fast to read, large), jpeg:95 or another quality "
        "(small, changes pixels), or original (the PNG and JPEG files as they are)",
    )
    add("--shard_size", type=int, default=256, metavar="IMAGES", help="images in one file")
    add(
        "--class_name",
        metavar="NAME",
        help="what the instances are, where the format knows no classes; else object",
    )
    add(
        "--on_error",
        choices=("fail", "skip"),
        default="fail",
        help="what to do with an image that cannot be used; skip names it in DEST/skipped.csv",
    )
    add(
        "--runner",
        choices=("local", "beam"),
        default="local",
        help="beam makes the files with Apache Beam (extra beam), on as many machines as it has",
    )
    add(
        "--beam_options",
        metavar="OPTIONS",
        default="",
        help="of beam, such as '--runner=FlinkRunner --flink_master=host:8081'; else it runs here",
    )
    add("--overwrite", action="store_true", help="replace a data set that is at DEST")


def run(
    *,
    source: Path,
    destination: Path,
    overlap: str,
    masks: str | None,
    components: bool,
    runner: str,
    beam_options: str,
    **options: Any,
) -> int:
    """Converts, and prints the splits with their counts; 1 where images were skipped."""
    from tfseg.data.conversion.convert import convert
    from tfseg.data.conversion.formats.base import Reading

    if beam_options and runner != "beam":
        raise InputError("--beam_options are of --runner beam. Give both, or neither.")
    options["beam_options"] = shlex.split(beam_options) if runner == "beam" else None
    reading = Reading(overlap=overlap, masks=masks, components=components)
    try:
        with progress("convert") as report:
            options["on_progress"] = with_speed(report)
            dataset = convert(source, destination, reading=reading, **options)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on from here") from interrupt
    info = dataset.info
    print_table(
        [("split", "images", "instances", "shards")]
        + [(name, s.num_images, s.num_instances, len(s.shards)) for name, s in info.splits.items()]
    )
    if len(info.class_names) > 1:
        print(f"classes: {', '.join(info.class_names)}")
    if info.overlap_pixels:
        note(f"pixels that several instances claim ({overlap}): {info.overlap_pixels}")
    if info.hidden_instances:
        note(
            "instances without a pixel (covered by others, outside of the image, or too small): "
            f"{info.hidden_instances}"
        )
    print(f"data set: {dataset.path}")
    if info.skipped_images:
        note(
            f"images that could not be used, see {dataset.path / 'skipped.csv'}: "
            f"{info.skipped_images}"
        )
    return 1 if info.skipped_images else 0
