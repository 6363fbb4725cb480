"""Scores predicted instances with Dice, IoU, AP, PQ and other metrics.

Give RUN_DIR and DATA to score a trained network on a split of a data set; or --predictions and
--labels to score files: two folders with id maps (PNG, TIFF, npy) of the same names, made by any
tool, or a COCO results file and a folder. Metrics are computed from counts summed over all images.
DIR gets summary.json with all metrics and their formulas, per_image.csv, per_instance.csv,
counts.csv, options.json, and report.html: charts, and images with every type of error, in one file
for any browser.
Results of the same run, data set, split and checkpoint, or of the same two folders, are replaced;
those of others only with --overwrite. Large images are predicted in tiles, as by predict.

Example: tfseg evaluate runs/first nuclei --split test
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tfseg.beam import FOLDER
from tfseg.checks import InputError, listed
from tfseg.commands import results
from tfseg.commands.options import (
    Parser,
    add_display,
    add_json,
    add_network,
    add_runner,
    names,
)
from tfseg.commands.options import beam_options as pipeline_options
from tfseg.commands.output import note, note_approximate_tiles, note_next, print_json
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
    add_network(parser, "score")
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
    add_runner(parser, "predicts and scores")
    add("--out", metavar="DIR", type=Path, help="output folder (default: RUN_DIR/evaluation-SPLIT)")
    add_display(parser)
    results.add_overwrite(parser, "results of other inputs in DIR")
    add_json(parser)


def uses_tensorflow(values: Mapping[str, object]) -> bool:
    """Returns whether a network predicts."""
    return values["predictions"] is None and values["labels"] is None


def run(*, out: Path | None, display: str, overwrite: bool, json: bool, **values: Any) -> int:
    """Evaluates, writes the results and prints the metrics."""
    from tfseg.evaluation.report.provenance import dated
    from tfseg.evaluation.report.report import REPORT, Report
    from tfseg.metrics import Conventions
    from tfseg.metrics.counts import totals
    from tfseg.metrics.evaluation import FILES

    fields = [field.name for field in dataclasses.fields(Conventions)]
    chosen = {name: values[name] for name in fields if values[name] is not None}
    conventions = Conventions(**chosen)
    source = _source(values)
    out = out or source.folder
    results.check_same(out, (*FILES, REPORT), "evaluate", source.inputs, overwrite=overwrite)
    options = {**source.inputs, **source.options}
    report = Report(conventions, display=names(display))
    beam = _beam(values, out)
    evaluation, facts, model = source.evaluate(options | beam, conventions, report)
    counts = totals(evaluation.images())
    if values["predictions"]:
        _say_what_is_lost(counts, evaluation.coco)
    results.clear(out, (*FILES, REPORT))
    evaluation.write(out)
    results.write_options(out, "evaluate", {**options, **model})
    facts = {"Evaluation": {name: value for name, value in options.items() if value}, **facts}
    page = report.write(
        out / REPORT, evaluation, title=dated(source.title), history=source.history, facts=facts
    )
    if _is_all_foreground(counts):
        note(
            "every labelled pixel is foreground, so that dice and iou say nothing about the "
            "instances; look at ap50 and pq"
        )
    if json:
        print_json({**options, **model, "out": out, "report": page, **evaluation.summary()})
    else:
        print(f"{source.title}: {evaluation.as_table()}")
        print(f"results: {out}")
        print(f"report: {page}")
        if values["run_dir"]:
            note_next("predict", values["run_dir"], "new-images", "--out", "predicted")
    return 0


def _beam(values: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Returns the options of `evaluate` for a pipeline, if there is one."""
    options = pipeline_options(values["runner"], values["beam_options"])
    if options is None:
        return {}
    if not uses_tensorflow(values):
        raise InputError("--runner beam is for a network: give RUN_DIR and DATA, or leave it out.")
    return {"beam_options": options, "shared": out / FOLDER}


class _Source(NamedTuple):
    """What is scored: the function, its inputs and options, a title, and paths.

    Results go to `folder` by default; the report shows the `history` of the training, if any.
    """

    evaluate: Callable[..., tuple[Evaluation, Facts, dict[str, Any]]]
    inputs: dict[str, Any]
    options: dict[str, Any]
    title: str
    folder: Path
    history: Path | None


def _source(values: Mapping[str, Any]) -> _Source:
    def some(*names: str) -> dict[str, Any]:
        return {name: values[name] for name in names}

    run_dir, dataset, predictions, labels, split = some(
        "run_dir", "dataset", "predictions", "labels", "split"
    ).values()
    if run_dir and dataset and not any(some("predictions", "labels", "groups", "images").values()):
        inputs = some("run_dir", "dataset", "split", "checkpoint") | _contents(dataset, split)
        split = inputs["split"]
        options, folder = some("tile", "tta"), run_dir / f"evaluation-{split}"
        title = f"{run_dir.resolve().name} on {dataset.resolve().name}, split {split}"
        return _Source(_of_network, inputs, options, title, folder, run_dir / HISTORY)
    if predictions and labels and not (run_dir or split):
        title = f"{predictions} against {labels}"
        folder = predictions.with_name(f"{predictions.stem}-evaluation")
        inputs, options = some("predictions", "labels"), some("groups", "images")
        return _Source(_of_files, inputs, options, title, folder, None)
    raise InputError(
        "give either RUN_DIR and DATA, or --predictions and --labels, but not both. "
        "See tfseg evaluate --help."
    )


def _contents(path: Path, split: str | None) -> dict[str, str]:
    """Returns the split to score, and the checksum of the data set."""
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.data.dataset.integrity import info_sha256

    dataset = Dataset.open(path)
    split = split or _default_split(dataset)
    dataset.split(split)  # refuses an unknown name before the network is built
    return {"split": split, "dataset_sha256": info_sha256(dataset)}


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
    options: Mapping[str, Any], conventions: Conventions, report: Report
) -> tuple[Evaluation, Facts, dict[str, Any]]:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.evaluation.evaluate import evaluate
    from tfseg.evaluation.report import provenance
    from tfseg.inference.segmenter import load

    dataset = Dataset.open(options["dataset"])
    segmenter = load(
        options["run_dir"],
        checkpoint=options["checkpoint"],
        tile=options["tile"],
        tta=options["tta"],
    )
    beam = {name: options[name] for name in ("beam_options", "shared") if name in options}
    evaluation = evaluate(
        segmenter, dataset, options["split"], conventions=conventions, report=report, **beam
    )
    note_approximate_tiles(segmenter.num_approximate)
    facts = provenance.run_facts(options["run_dir"], dataset, segmenter.origin)
    return evaluation, facts, {"model": segmenter.origin.to_dict()}


def _of_files(
    options: Mapping[str, Any], conventions: Conventions, report: Report
) -> tuple[Evaluation, Facts, dict[str, Any]]:
    from tfseg.data.files.images import read_image
    from tfseg.data.files.opening import file_channel_names
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
    make = results_pairs if predictions.suffix == ".json" else folder_pairs
    pairs = make(predictions, labels, groups=options["groups"])
    # Afterwards: where labels and predictions do not pair, that is the fault to name.
    images = find_images(folder, find_maps(labels)) if folder else {}

    def reported(pair: Pair) -> Pair:
        size = pair.truth.shape
        if not images:
            report.add(pair)
            return pair
        path = images[pair.id]
        pixels = read_image(path, size=size)
        report.add(pair, pixels, channel_names=file_channel_names(path))
        return pair

    for path in [labels] if predictions.suffix == ".json" else [predictions, labels]:
        if files := unused_files(path):
            note(f"not scored, since they are no id maps of an image: {listed(files)}")
    evaluation = evaluate_pairs(map(reported, pairs), conventions=conventions)
    return evaluation, {"Versions": dict(versions(*ARRAYS))}, {}


def _default_split(dataset: Dataset) -> str:
    present = dataset.info.splits
    for name in ("test", "val"):
        if name in present:
            return name
    name = next(iter(present))
    note(f"warning: no split test or val; scoring {name}, on which the network was trained")
    return name
