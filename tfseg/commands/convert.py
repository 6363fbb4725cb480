"""Turns a folder of images and instance annotations into a data set of sharded records.

SOURCE is a folder in one of the usual layouts: label maps, one mask per instance, Cellpose, COCO
instances and panoptic, Cityscapes, Pascal VOC, LabelMe, CVAT, YOLO, semantic masks, Label Studio,
VIA, QuPath's GeoJSON, ImageJ's regions, Segment Anything, Cell Tracking Challenge, nnU-Net or what
tfseg predict writes, which docs/formats.md shows. Images and id maps of any other names are given
by --images and --labels. DEST gets TFRecord files and dataset.json. An interrupted conversion is
resumed by the same command and keeps the files that are finished. The exit code is 1 if images were
skipped.

Example: tfseg convert nuclei-files nuclei --val_fraction 0.1
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg.checks import InputError
from tfseg.commands.options import Parser, add_runner, add_selection, selection_of
from tfseg.commands.options import beam_options as pipeline_options
from tfseg.commands.output import note, note_next, pixel_sizes, print_table
from tfseg.config import registry
from tfseg.data.conversion.formats import CROWDS, NAMES, OVERLAPS
from tfseg.data.files import ORIENTATIONS

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset

_READING = ("overlap", "masks", "orientation", "components", "crowd", "ignore")  # of `Reading`


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    names = sorted({*NAMES, *registry.names("format")})
    add("source", metavar="SOURCE", type=Path, help="folder with the images and annotations")
    add(
        "destination",
        metavar="DEST",
        type=Path,
        nargs="?",
        help="folder of the data set, which is created; or gs://...",
    )
    add(
        "--format",
        choices=names,
        metavar="FORMAT",
        help=f"layout of SOURCE, detected if not given: {', '.join(names)}",
    )
    add(
        "--images",
        metavar="PATTERN",
        help="files of the images in SOURCE if they are in none of the layouts, such as "
        "'raw/{name}.tif'; {split} is train, val or test, and * is any text",
    )
    add("--labels", metavar="PATTERN", help="their files of ids, such as 'rois/{name}_labels.tif'")
    add(
        "--overlap",
        choices=OVERLAPS,
        default="smaller_wins",
        help="which instance gets an overlapping pixel",
    )
    add(
        "--masks",
        metavar="PATTERN",
        help="file pattern of instance_masks, such as 'masks/{name}_*.png'",
    )
    add(
        "--components",
        action="store_true",
        help="every connected component of a class, or of a binary mask, becomes an instance",
    )
    add(
        "--crowd",
        choices=CROWDS,
        default="ignore",
        help="for coco and coco_panoptic: what an annotation with iscrowd 1 is; CVAT writes masks "
        "painted with the brush so",
    )
    add(
        "--ignore",
        type=int,
        metavar="NUMBER",
        help="number in files of ids whose pixels are ignored in losses and metrics, such as 255",
    )
    add(
        "--orientation",
        choices=ORIENTATIONS,
        default="apply",
        help="whether images and label maps are turned upright by the tags of their files",
    )
    add_selection(parser)
    add(
        "--val_fraction",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="fraction of the training images that becomes the split val, in [0, 1)",
    )
    add(
        "--test_fraction",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="fraction of the training images that becomes the split test, in [0, 1)",
    )
    add(
        "--split_regions",
        type=int,
        metavar="SIDE",
        help="cut every image into regions of at most SIDE pixels a side; each is a sample, and "
        "the fractions choose among the regions",
    )
    add("--seed", type=int, default=0, help="seed of the choice of the split val")
    add(
        "--groups",
        metavar="EXPRESSION|FILE.csv",
        help="images of a group stay in one split: a regular expression that matches the group in "
        "the id, or a table with the columns id and group",
    )
    add(
        "--split_table",
        metavar="FILE.csv",
        type=Path,
        help="table with the columns id and split, one row per image",
    )
    add(
        "--store",
        metavar="FORMAT",
        default="png",
        help="how images are stored: png, raw (large, fast to read), jpeg:95 or another quality "
        "(small, changes pixels), or original (keeps the PNG and JPEG files)",
    )
    add(
        "--channels",
        metavar="NAMES",
        default="",
        help="names of the channels of all images, in their order, such as red,green,blue,nir; "
        "without it those of the files",
    )
    add(
        "--pixel_size",
        metavar="LENGTH",
        help="side of a pixel of all images, such as 0.25um or 0.3m; without a unit in micrometres "
        "(default: those of the files)",
    )
    add("--shard_size", type=int, default=256, metavar="IMAGES", help="images per file")
    add(
        "--class_name",
        metavar="NAME",
        help="name of the class if the format has no classes (default: object)",
    )
    add(
        "--on_error",
        choices=("fail", "skip"),
        default="fail",
        help="what to do with an invalid image; skip lists it in DEST/skipped.csv",
    )
    add_runner(parser, "writes the files")
    add(
        "--explain",
        action="store_true",
        help="print what SOURCE has of every layout, or lacks, and convert nothing",
    )
    add("--overwrite", action="store_true", help="replace an existing data set at DEST")


def run(
    *,
    source: Path,
    destination: Path | None,
    explain: bool,
    runner: str,
    beam_options: str,
    channels: str,
    **options: Any,
) -> int:
    """Converts, and prints the splits with their counts; returns 1 if images were skipped."""
    from tfseg.data.conversion.convert import convert
    from tfseg.data.conversion.formats import detection
    from tfseg.data.conversion.formats.base import Reading
    from tfseg.data.conversion.formats.patterns import Patterns

    options["beam_options"] = pipeline_options(runner, beam_options)
    options["channels"] = channels.split(",") if channels else ()
    selection = selection_of(options)
    values = {name: options.pop(name) for name in _READING}
    reading = Reading(selection=selection, **values)
    if explain:
        given = Patterns.given(options["images"], options["labels"])
        print_table([("layout", "SOURCE"), *detection.explain(source, reading, given)])
        return 0
    if destination is None:
        raise InputError("DEST must be given, the folder of the data set; got none. Name it.")
    try:
        dataset = convert(source, destination, reading=reading, **options)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            "interrupted; the same command resumes the conversion"
        ) from interrupt
    _print(dataset, reading.overlap)
    note_next("check", destination)
    return 1 if dataset.info.skipped_images else 0


def _print(dataset: Dataset, overlap: str) -> None:
    """Prints the splits, the classes and the counts of a data set."""
    info = dataset.info
    print_table(
        [("split", "images", "instances", "shards")]
        + [(name, s.num_images, s.num_instances, len(s.shards)) for name, s in info.splits.items()]
    )
    if info.channel_names:
        print(f"channels: {', '.join(info.channel_names)}")
    if len(info.class_names) > 1:
        print(f"classes: {', '.join(info.class_names)}")
    if info.pixel_sizes:
        text = pixel_sizes(info.pixel_sizes, unknown=info.num_without_pixel_size)
        print(f"pixel sizes: {text}")
    if info.overlap_pixels:
        note(f"pixels of overlapping instances ({overlap}): {info.overlap_pixels}")
    if info.hidden_instances:
        note(
            "instances without pixels (covered by others, outside the image, or too small): "
            f"{info.hidden_instances}"
        )
    if info.turned_images:
        note(f"images turned upright by their orientation tags: {info.turned_images}")
    if info.unturned_images:
        note(
            "images left as stored, though they have an orientation tag (the sizes of their "
            f"annotations, or --orientation ignore): {info.unturned_images}"
        )
    if info.ignored_crowds:
        note(f"crowds (iscrowd 1) whose pixels are ignored: {info.ignored_crowds}")
    if info.cut_instances:
        note(f"parts of instances that the borders of regions cut: {info.cut_instances}")
    for text in info.notes:
        note(text)
    print(f"data set: {dataset.path}")
    if info.skipped_images:
        note(f"skipped images, listed in {dataset.path / 'skipped.csv'}: {info.skipped_images}")
