"""Scores a trained network on a split of a data set: Dice, IoU, AP and PQ.

Every image counts once, and the figures come from summed counts. DIR gets summary.json,
per_image.csv and options.json.

Example: tfseg evaluate runs/first nuclei --split test
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note, print_json, write_json

if TYPE_CHECKING:
    from tfseg.data.store import Dataset


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("dataset", metavar="DATA", type=Path, help="data set made by convert")
    add("--split", metavar="NAME", help="split to score; test, val or train, the first there is")
    add("--out", metavar="DIR", type=Path, help="output folder; RUN_DIR/evaluation-SPLIT")
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to score")
    add_json(parser)


def run(
    *,
    run_dir: Path,
    dataset: Path,
    split: str | None,
    out: Path | None,
    checkpoint: str,
    json: bool,
) -> int:
    """Evaluates, writes the results and prints the figures."""
    from tfseg.data.store import Dataset
    from tfseg.evaluation.evaluate import evaluate
    from tfseg.inference.segmenter import load

    opened = Dataset.open(dataset)
    split = split or _default_split(opened)
    opened.split(split)  # refuses an unknown name before the network is built
    out = out or run_dir / f"evaluation-{split}"
    evaluation = evaluate(load(run_dir, checkpoint_name=checkpoint), opened, split)
    evaluation.write(out)
    options = {"run_dir": run_dir, "dataset": dataset, "split": split, "checkpoint": checkpoint}
    write_json(out / "options.json", {"command": "evaluate", **options})
    if json:
        print_json({**options, "out": out, **evaluation.summary()})
    else:
        print(f"{split}: {evaluation.as_table()}")
        print(f"results: {out}")
    return 0


def _default_split(dataset: Dataset) -> str:
    present = dataset.info.splits
    for name in ("test", "val"):
        if name in present:
            return name
    name = next(iter(present))
    note(f"warning: no split test or val; scoring {name}, which the network was trained on")
    return name
