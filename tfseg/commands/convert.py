"""Turns a folder of images and instance annotations into a data set of sharded records.

SOURCE is either two folders, images/ and labels/, with one id map for each image (16-bit PNG or
TIFF, 0 = background), or one folder for each image, ID/images/ID.png with one mask for each
instance in ID/masks/*.png. DEST gets TFRecord files and dataset.json.

Example: tfseg convert nuclei-files nuclei --val_fraction 0.1
"""

from __future__ import annotations

from pathlib import Path

from tfseg.commands.options import Parser
from tfseg.commands.output import print_table
from tfseg.commands.progress import progress

FORMATS = ("instance_masks", "label_maps")


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("source", metavar="SOURCE", type=Path, help="folder with the images and annotations")
    add("destination", metavar="DEST", type=Path, help="folder of the data set, made here")
    add("--format", choices=FORMATS, help="layout of SOURCE; found out where it is not given")
    add(
        "--val_fraction",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of the training images set aside as the split val, in [0, 1)",
    )
    add("--seed", type=int, default=0, help="of the choice of images set aside")
    add("--shard_size", type=int, default=256, metavar="IMAGES", help="images in one file")
    add("--class_name", default="object", metavar="NAME", help="what the instances are")
    add("--overwrite", action="store_true", help="replace a data set that is at DEST")


def run(
    *,
    source: Path,
    destination: Path,
    format: str | None,
    val_fraction: float,
    seed: int,
    shard_size: int,
    class_name: str,
    overwrite: bool,
) -> int:
    """Converts, and prints the splits with their counts."""
    from tfseg.data.convert import convert

    with progress("convert") as report:
        dataset = convert(
            source,
            destination,
            format=format,
            val_fraction=val_fraction,
            seed=seed,
            shard_size=shard_size,
            class_name=class_name,
            overwrite=overwrite,
            on_progress=report,
        )
    splits = dataset.info.splits.items()
    print_table(
        [("split", "images", "instances", "shards")]
        + [(name, s.num_images, s.num_instances, len(s.shards)) for name, s in splits]
    )
    print(f"data set: {destination}")
    return 0
