"""Predicts the instances of images of any size: id maps, overlays and tables.

Images larger than a tile are predicted tile by tile; instances across tiles are joined. DIR gets
labels/ (16-bit PNG, or 32-bit TIFF for more than 65,535 instances or 16 million pixels, which has a
pyramid), overlays/, tables/, summaries/, digests/, instances.csv (id, area, centroid, box, score,
class), images.csv (count, density, areas), both also in micrometres where the pixel size is known,
and options.json. --format adds geojson/ with polygons for QuPath, or for GIS from a GeoTIFF,
coco.json, coco_results.json and instances.parquet. All GPUs of the machine are used, with --runner
beam those of many machines. IMAGES and DIR may be at gs://. Files that cannot be read are reported
and skipped, and the exit code is then 1. A DIR with results is refused, unless --resume or
--overwrite.

Example: tfseg predict runs/first slides/ more/a.png --out predicted
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg.checks import InputError, listed
from tfseg.commands import results
from tfseg.commands.options import (
    Parser,
    add_display,
    add_network,
    add_runner,
    add_selection,
    names,
    selection_of,
)
from tfseg.commands.options import beam_options as pipeline_options
from tfseg.commands.output import note, note_approximate_tiles, plain, print_table
from tfseg.data.files import ORIENTATIONS
from tfseg.lengths import text

if TYPE_CHECKING:
    from tfseg.data.files.paths import DataPath


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("images", metavar="IMAGES", type=Path, nargs="+", help="image files, or folders of them")
    add("--out", metavar="DIR", type=Path, required=True, help="output folder, which is created")
    add_network(parser, "use")
    add(
        "--format",
        choices=("coco", "coco_results", "geojson", "parquet"),
        nargs="+",
        default=[],
        help="additional files: coco, coco_results, geojson, parquet (extra parquet)",
    )
    add(
        "--channels",
        metavar="NAMES",
        default="",
        help="names of the channels of all images, in their order, found by the names of the "
        "network; without it those of the files",
    )
    add(
        "--pixel_size",
        metavar="LENGTH",
        help="side of a pixel of all images, such as 0.25um or 0.3m, for a network with "
        "data.pixel_size; without a unit in micrometres (default: those of the files)",
    )
    add(
        "--orientation",
        choices=ORIENTATIONS,
        default="apply",
        help="whether images are turned upright by the tags of their files; results are of the "
        "turned image",
    )
    add_selection(parser)
    add_runner(parser, "predicts")
    add(
        "--resume",
        action="store_true",
        help="skip images whose results in DIR were made by the same weights and options",
    )
    add_display(parser)
    add(
        "--overlay_ids",
        type=bool,
        default=True,
        help="write the ids of instances into overlays, where they fit",
    )
    results.add_overwrite(parser, "the results in DIR")
    add(
        "--one_piece",
        action="store_true",
        help="keep only the largest connected component of each instance",
    )
    add("--fill_holes", action="store_true", help="fill the holes of instances")
    add("--drop_edge", action="store_true", help="drop instances that touch the edge of the image")
    add(
        "--min_area", metavar="PIXELS", type=int, default=0, help="drop instances with fewer pixels"
    )


def run(
    *,
    run_dir: Path,
    images: Sequence[Path],
    out: Path,
    format: list[str],
    resume: bool,
    overwrite: bool,
    runner: str,
    beam_options: str,
    **how: Any,
) -> int:
    """Predicts, and prints how many files were done and skipped."""
    from tfseg.data.files.paths import as_path
    from tfseg.inference.cleanup import Cleanup
    from tfseg.inference.predict import image_files, predict_files
    from tfseg.inference.result_folder import ResultFolder
    from tfseg.inference.segmenter import load

    options = pipeline_options(runner, beam_options)
    files, folder = image_files([as_path(path) for path in images]), as_path(out)
    ResultFolder(folder, format).check(files, resume=resume, overwrite=overwrite)
    cleanup = Cleanup(**{field.name: how[field.name] for field in dataclasses.fields(Cleanup)})
    segmenter = load(run_dir, checkpoint=how["checkpoint"], tile=how["tile"], tta=how["tta"])
    how = {"run_dir": run_dir, **how}
    before = results.check_owner(folder, "predict")
    if resume:
        _check_unchanged(folder / results.OPTIONS, before, plain(how))
    # Before the results, so that an interrupted prediction can be resumed.
    others = {"images": images, "format": format, "model": segmenter.origin.to_dict()}
    results.write_options(folder, "predict", {**how, **others})
    result = predict_files(
        segmenter,
        files,
        folder,
        formats=format,
        cleanup=cleanup,
        resume=resume,
        overwrite=overwrite,
        orientation=how["orientation"],
        channels=names(how["channels"]),
        selection=selection_of(dict(how)),
        display=names(how["display"]),
        overlay_ids=how["overlay_ids"],
        pixel_size=how["pixel_size"],
        beam_options=options,
    )
    for path, reason in result.skipped:
        note(f"skipped {path}: {reason}")
    for path, doubt in result.doubts:
        note(f"{path} {doubt}")
    if result.turned:
        note(
            "images turned upright by their orientation tags, with ids of the upright size: "
            f"{len(result.turned)}"
        )
    if result.resampled:
        note(
            f"images brought to {text(segmenter.pixel_size)} a pixel, with ids at the size of "
            f"their files: {len(result.resampled)}"
        )
    for path, unused in result.unused:
        note(f"{path} has channels that the network does not take: {listed(unused)}")
    note_approximate_tiles(len(result.approximate))
    counts = {"done": len(result.done), "skipped": len(result.skipped)}
    if resume:
        counts["kept"] = len(result.kept)
    print_table([*counts.items(), ("instances", result.num_instances)])
    print(f"results: {folder}")
    note(f"next: look at {folder / 'overlays'}; {folder / 'images.csv'} has the counts")
    return 1 if result.skipped else 0


def _check_unchanged(path: DataPath, before: dict[str, Any], how: dict[str, Any]) -> None:
    for name, value in how.items():
        if before.get(name, value) != value:
            raise InputError(
                f"--resume needs the options of {path}: {name} was {before[name]}; got {value}. "
                "Give the same value, or --overwrite instead of --resume to predict all images "
                "again."
            )
