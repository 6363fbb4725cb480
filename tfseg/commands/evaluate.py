"""Scores predicted instances with Dice, IoU, AP, PQ and other metrics.

Give RUN_DIR and DATA to score a trained network on a split of a data set; or --predictions and
--labels to score files: two folders with id maps (PNG, TIFF, npy) of the same names, made by any
tool, or a COCO results file and a folder. Metrics are computed from counts summed over all images.
DIR gets summary.json with all metrics and their formulas, per_image.csv, counts.csv, options.json,
and report.html: charts, and images with every type of error, in one file for any browser.

Example: tfseg evaluate runs/first nuclei --split test
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg.checks import InputError, listed
from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note, print_json, write_json
from tfseg.run_files import HISTORY

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.evaluation.report.provenance import Facts
    from tfseg.evaluation.report.report import Report
    from tfseg.metrics import Conventions, Evaluation, Pair


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, nargs="?", help="folder of a run, made by train")
    add("dataset", metavar="DATA", type=Path, nargs="?", help="data set made by convert")
    add(
        "--split",
        metavar="NAME",
        help="split to score (default: the first of test, val and train that exists)",
    )
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to score")
    add(
        "--predictions",
        metavar="DIR",
        type=Path,
        help="folder of predicted id maps, or a COCO results.json",
    )
    add("--labels", metavar="DIR", type=Path, help="folder of true id maps with the same names")
    add(
        "--images",
        metavar="DIR",
        type=Path,
        help="folder of images with the same names, for the report",
    )
    add(
        "--groups",
        metavar="FILE",
        type=Path,
        help="CSV file with the columns id and group; intervals are then computed over groups",
    )
    add(
        "--thresholds",
        metavar="LIST",
        type=list[float],
        help="IoU thresholds, including 0.5 (default: [0.5,0.55,...,0.95])",
    )
    add(
        "--edge_instances",
        choices=("keep", "ignore"),
        default="keep",
        help="instances that reach the edge of the image: count or ignore them",
    )
    add("--empty", type=float, default=1.0, help="metric of an image without any instance")
    add(
        "--boundary",
        action="store_true",
        help="add boundary F, boundary AP and Hausdorff distances",
    )
    add("--coco", action="store_true", help="add COCO mask AP and AR, computed by pycocotools")
    add("--out", metavar="DIR", type=Path, help="output folder (default: RUN_DIR/evaluation-SPLIT)")
    add_json(parser)


def uses_tensorflow(values: Mapping[str, object]) -> bool:
    """Returns whether a network predicts."""
    return values["predictions"] is None and values["labels"] is None


def run(
    *,
    run_dir: Path | None,
    dataset: Path | None,
    split: str | None,
    checkpoint: str,
    predictions: Path | None,
    labels: Path | None,
    images: Path | None,
    groups: Path | None,
    out: Path | None,
    json: bool,
    **conventions: Any,
) -> int:
    """Evaluates, writes the results and prints the metrics."""
    from tfseg.evaluation.report.provenance import dated
    from tfseg.evaluation.report.report import REPORT, Report
    from tfseg.metrics import Conventions
    from tfseg.metrics.counts import totals

    chosen = Conventions(**{key: value for key, value in conventions.items() if value is not None})
    report = Report(chosen)
    if run_dir and dataset and not (predictions or labels or images or groups):
        from tfseg.data.dataset.dataset import Dataset

        opened = Dataset.open(dataset)
        split = split or _default_split(opened)
        options = {"run_dir": run_dir, "dataset": dataset, "split": split, "checkpoint": checkpoint}
        evaluation, facts, model = _of_network(options, opened, chosen, report)
        title = f"{run_dir.resolve().name} on {dataset.resolve().name}, split {split}"
        out = out or run_dir / f"evaluation-{split}"
    elif predictions and labels and not (run_dir or split):
        options = {"predictions": predictions, "labels": labels, "groups": groups, "images": images}
        evaluation, facts, model = *_of_files(options, chosen, report), {}
        title = f"{predictions} against {labels}"
        out = out or predictions.with_name(f"{predictions.stem}-evaluation")
    else:
        raise InputError(
            "give either RUN_DIR and DATA, or --predictions and --labels, but not both. "
            "See tfseg evaluate --help."
        )
    counts = totals(evaluation.images())
    if predictions:
        _say_what_is_lost(counts, evaluation.coco)
    evaluation.write(out)
    write_json(out / "options.json", {"command": "evaluate", **options, **model})
    facts = {"Evaluation": {name: value for name, value in options.items() if value}, **facts}
    history = run_dir / HISTORY if run_dir else None
    page = report.write(out / REPORT, evaluation, title=dated(title), history=history, facts=facts)
    if _is_all_foreground(counts):
        note(
            "every labelled pixel is foreground, so that dice and iou say nothing about the "
            "instances; look at ap50 and pq"
        )
    if json:
        print_json({**options, **model, "out": out, "report": page, **evaluation.summary()})
    else:
        print(f"{title}: {evaluation.as_table()}")
        print(f"results: {out}")
        print(f"report: {page}")
    return 0


def _is_all_foreground(counts: Mapping[str, float]) -> bool:
    """Returns whether the labels leave no pixel for the background."""
    return 0 < counts["pixels"] == counts["pixels_truth"]


def _say_what_is_lost(counts: Mapping[str, float], coco: Mapping[str, float]) -> None:
    from tfseg.metrics.evaluation import LOST

    lost = [counts.get(name, 0) for name in LOST]
    if any(lost):
        note(
            "an id map has one instance a pixel: of the predicted masks {} lost some of "
            "theirs and {} lost all; metrics other than COCO's are of the map".format(*lost)
        )
    if coco and math.isnan(coco["ap"]) and not math.isnan(coco["ar"]):
        note("COCO's AP is left out, because it ranks by score, and id maps have none")


def _of_network(
    options: Mapping[str, Any], dataset: Dataset, conventions: Conventions, report: Report
) -> tuple[Evaluation, Facts, dict[str, Any]]:
    from tfseg.data.dataset.integrity import info_sha256
    from tfseg.evaluation.evaluate import evaluate
    from tfseg.evaluation.report import provenance
    from tfseg.inference.segmenter import load

    dataset.split(options["split"])  # refuses an unknown name before the network is built
    segmenter = load(options["run_dir"], checkpoint_name=options["checkpoint"])
    evaluation = evaluate(
        segmenter, dataset, options["split"], conventions=conventions, report=report
    )
    origin = segmenter.origin
    facts = provenance.run_facts(options["run_dir"], dataset, origin)
    return (
        evaluation,
        facts,
        {"dataset_sha256": info_sha256(dataset), "model": origin.to_dict()},
    )


def _of_files(
    options: Mapping[str, Any], conventions: Conventions, report: Report
) -> tuple[Evaluation, Facts]:
    from tfseg.data.files.images import read_picture
    from tfseg.evaluation.coco_results import results_pairs
    from tfseg.evaluation.label_folders import (
        find_images,
        find_maps,
        folder_pairs,
        unused_files,
    )
    from tfseg.evaluation.report.provenance import ARRAYS
    from tfseg.metrics import evaluate_pairs
    from tfseg.version import versions

    predictions, labels, folder = (options[key] for key in ("predictions", "labels", "images"))
    images = find_images(folder, find_maps(labels)) if folder else {}

    def reported(pair: Pair) -> Pair:
        size = pair.truth.shape
        report.add(pair, read_picture(images[pair.id], size=size).pixels if images else None)
        return pair

    for path in [labels] if predictions.suffix == ".json" else [predictions, labels]:
        if files := unused_files(path):
            note(f"not scored, since they are no id maps of an image: {listed(files)}")
    make = results_pairs if predictions.suffix == ".json" else folder_pairs
    pairs = make(predictions, labels, groups=options["groups"])
    evaluation = evaluate_pairs(map(reported, pairs), conventions=conventions)
    return evaluation, {"Versions": dict(versions(*ARRAYS))}


def _default_split(dataset: Dataset) -> str:
    present = dataset.info.splits
    for name in ("test", "val"):
        if name in present:
            return name
    name = next(iter(present))
    note(f"warning: no split test or val; scoring {name}, on which the network was trained")
    return name
