"""Predicts the instances of images of any size: id maps, overlays and tables.

Images larger than a tile are predicted tile by tile; instances across tiles are joined. DIR gets
labels/ (16-bit PNG, or 32-bit TIFF for more than 65,535 instances), overlays/, tables/, digests/,
instances.csv (id, area, centroid, box, score, class) and options.json. --format adds geojson/ with
polygons for QuPath, coco.json and coco_results.json. Files that cannot be read are reported and
skipped, and the exit code is then 1.

Example: tfseg predict runs/first slides/ more/a.png --out predicted
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.commands.options import Parser
from tfseg.commands.output import note, plain, print_table, read_json, write_json
from tfseg.commands.progress import progress
from tfseg.data.files import ORIENTATIONS


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("images", metavar="IMAGES", type=Path, nargs="+", help="image files, or folders of them")
    add("--out", metavar="DIR", type=Path, required=True, help="output folder, which is created")
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to use")
    add(
        "--tile",
        metavar="SIZE",
        type=int,
        default=1024,
        help="side of the tiles of large images, a multiple of 128; 0 = no tiles",
    )
    add(
        "--tta",
        action="store_true",
        help="average over 8 flips and rotations, which takes 8 times as long",
    )
    add(
        "--format",
        choices=("coco", "coco_results", "geojson"),
        nargs="+",
        default=[],
        help="additional files: coco, coco_results, geojson",
    )
    add(
        "--orientation",
        choices=ORIENTATIONS,
        default="apply",
        help="whether images are turned upright by the tags of their files; results are of the "
        "turned image",
    )
    add(
        "--resume",
        action="store_true",
        help="skip images whose results in DIR were made by the same weights and options",
    )
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
    *, run_dir: Path, images: Sequence[Path], out: Path, format: list[str], resume: bool, **how: Any
) -> int:
    """Predicts, and prints how many files were done and skipped."""
    from tfseg.inference.cleanup import Cleanup
    from tfseg.inference.predict import image_files, predict_files
    from tfseg.inference.segmenter import load

    files = image_files(images)
    cleanup = Cleanup(**{field.name: how[field.name] for field in dataclasses.fields(Cleanup)})
    segmenter = load(run_dir, checkpoint_name=how["checkpoint"], tile=how["tile"], tta=how["tta"])
    how = {"run_dir": run_dir, **how}
    others = {"images": images, "format": format, "model": segmenter.origin.to_dict()}
    _prepare(out, plain(how), others, resume=resume)
    with progress("predict") as report:
        result = predict_files(
            segmenter,
            files,
            out,
            formats=format,
            cleanup=cleanup,
            resume=resume,
            orientation=how["orientation"],
            on_progress=report,
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
    counts = {"done": len(result.done), "skipped": len(result.skipped)}
    if resume:
        counts["kept"] = len(result.kept)
    print_table([*counts.items(), ("instances", result.num_instances)])
    print(f"results: {out}")
    return 1 if result.skipped else 0


def _prepare(out: Path, how: dict[str, Any], others: dict[str, Any], *, resume: bool) -> None:
    """Writes the options before the results, so that an interrupted prediction can be resumed."""
    path = out / "options.json"
    before = read_json(path)
    differing = [name for name in how if name in before and before[name] != how[name]]
    if resume and differing:
        name = differing[0]
        raise InputError(
            f"--resume needs the options of {path}: {name} was {before[name]}; got {how[name]}. "
            "Give the same value, or leave --resume out to predict all images again."
        )
    with atomic.writing(out, "Choose another folder with --out."):
        out.mkdir(parents=True, exist_ok=True)
        write_json(path, {"command": "predict", **how, **others})
