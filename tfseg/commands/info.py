"""Describes a data set: counts, sizes, areas and pixel values, after its files were verified.

With --out, writes histograms.png, and images.png with images of every split and the outlines of
their instances, in the colours of their classes where there are several.

Example: tfseg info nuclei --out nuclei-info
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg import atomic
from tfseg.checks import listed
from tfseg.commands import results
from tfseg.commands.options import Parser, add_display, add_json, names
from tfseg.commands.output import note, note_training, pixel_sizes, print_json, print_table

IMAGES, HISTOGRAMS = "images.png", "histograms.png"

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset, DatasetInfo
    from tfseg.data.dataset.statistics import Statistics


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("--out", metavar="FOLDER", type=Path, help="folder of the pictures, which is created")
    add("--count", type=int, default=24, metavar="IMAGES", help="images to draw per split, at most")
    add_display(parser)
    results.add_overwrite(parser, "the pictures in FOLDER")
    add_json(parser)


def run(
    *, dataset: Path, out: Path | None, count: int, display: str, overwrite: bool, json: bool
) -> int:
    """Compares the shards with dataset.json, prints its content, and draws."""
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.dataset.integrity import verify

    if out is not None:
        results.check_new(out, (IMAGES, HISTOGRAMS), overwrite=overwrite)
    opened = Dataset.open(dataset)
    for split in opened.info.splits:
        verify(opened, split)
    if out is not None:
        _draw(opened, out, count, names(display))
    if json:
        print_json({"dataset": dataset, "out": out, **dataclasses.asdict(opened.info)})
        return 0
    _print(opened.info)
    if opened.info.statistics is None:
        note("this data set has no statistics, because an older version wrote it; convert it again")
    else:
        _print_statistics(opened.info.statistics, opened.info)
    if out is not None:
        print(f"pictures: {out}")
    note_training(dataset)
    return 0


def _draw(dataset: Dataset, out: Path, count: int, display: tuple[str, ...]) -> None:
    from tfseg.data.files.images import write_picture
    from tfseg.evaluation.dataset_sheet import contact_sheet, count_samples, draw_histograms

    sheet = contact_sheet(dataset, count=count, display=display)
    counts = count_samples(dataset)
    with atomic.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    write_picture(out / IMAGES, sheet)
    channel_names = dataset.info.channel_names
    draw_histograms(counts, out / HISTOGRAMS, channel_names=channel_names)


def _print(info: DatasetInfo) -> None:
    print_table(
        [("split", "images", "instances", "shards", "shortest side")]
        + [
            (name, split.num_images, split.num_instances, len(split.shards), split.min_side)
            for name, split in info.splits.items()
        ]
    )
    print(f"images: {info.channels} channels, {info.dtype}, from {info.source_format}")
    if info.pixel_sizes:
        text = pixel_sizes(info.pixel_sizes, unknown=info.num_without_pixel_size)
        print(f"pixel sizes: {text}")
    if info.options:
        print("options: " + ", ".join(f"{name} {value}" for name, value in info.options.items()))
    for text, number in {
        "skipped images": info.skipped_images,
        "pixels of overlapping instances": info.overlap_pixels,
        "instances without pixels": info.hidden_instances,
        "images turned upright by their orientation tags": info.turned_images,
        "images left as stored, though they have such a tag": info.unturned_images,
        "ignored crowds (iscrowd 1)": info.ignored_crowds,
    }.items():
        if number:
            print(f"{text}: {number}")
    for text in info.notes:
        print(f"note: {text}")


def _print_statistics(statistics: Statistics, info: DatasetInfo) -> None:
    print(
        f"touching another instance: {statistics.touching_share:.1%}, "
        f"at the edge of the image: {statistics.border_share:.1%}"
    )
    print("sizes: " + ", ".join(f"{n} of {size}" for size, n in statistics.sizes.items()))
    channel_names = info.channel_names or map(str, range(info.channels))
    rows = list(
        zip(info.class_names, statistics.class_images, statistics.class_instances, strict=True)
    )
    print()
    print_table([("class", "images", "instances"), *(row for row in rows if row[2])])
    if without := [name for name, _, instances in rows if not instances]:
        print(f"classes without instances: {listed(without)}")
    named = {
        "area, pixels": statistics.area,
        "instances per image": statistics.instances_per_image,
        **{
            f"channel {name}": row
            for name, row in zip(channel_names, statistics.channels, strict=True)
        },
    }
    print()
    print_table(
        [("", "mean", "std", *(f"{share} %" for share in statistics.area.percentiles))]
        + [(name, row.mean, row.std, *row.percentiles.values()) for name, row in named.items()]
    )
