"""Finds the instances in images of any size: id maps, overlays and one table.

Images with a side longer than a tile are seen tile by tile; instances at the cuts are whole.

DIR gets labels/ (16-bit PNG, 32-bit TIFF beyond 65535 instances), overlays/, instances.csv (id,
area, centroid, box, score) and options.json. A file that cannot be read is reported and skipped;
the exit code is then 1.

Example: tfseg predict runs/first slides/ more/a.png --out predicted
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfseg.commands.options import Parser
from tfseg.commands.output import note, print_table, write_json
from tfseg.commands.progress import progress


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("images", metavar="IMAGES", type=Path, nargs="+", help="image files, or folders of them")
    add("--out", metavar="DIR", type=Path, required=True, help="output folder, made here")
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to use")
    add(
        "--tile",
        metavar="SIZE",
        type=int,
        default=1024,
        help="side of the tiles of larger images, a multiple of 128; 0 = every image whole",
    )
    add("--tta", action="store_true", help="average over 8 flips and turns: better, 8 times slower")


def run(
    *, run_dir: Path, images: Sequence[Path], out: Path, checkpoint: str, tile: int, tta: bool
) -> int:
    """Predicts, and prints what was done and what was skipped."""
    from tfseg.inference.predict import predict_files
    from tfseg.inference.segmenter import load

    segmenter = load(run_dir, checkpoint_name=checkpoint, tile=tile, tta=tta)
    with progress("predict") as report:
        result = predict_files(segmenter, images, out, on_progress=report)
    options = {"run_dir": run_dir, "images": images, "checkpoint": checkpoint}
    options |= {"tile": tile, "tta": tta}
    write_json(out / "options.json", {"command": "predict", **options})
    for path, reason in result.skipped:
        note(f"skipped {path}: {reason}")
    counts = {"done": len(result.done), "skipped": len(result.skipped)}
    print_table([*counts.items(), ("instances", result.num_instances)])
    print(f"results: {out}")
    return 1 if result.skipped else 0
