"""Runs every step on the embedded sample: convert, train, evaluate, predict, draw.

Takes some minutes on two CPU cores. DIR gets data/, run/, evaluation/, predicted/ and pictures/:
the 12 test images, each next to its true and its predicted instances. Open evaluation/report.html
in a browser to see all results.

Example: tfseg demo --out tfseg-demo
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.commands import results, train
from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note_next, print_json, read_json
from tfseg.config import RunConfig, TrainConfig
from tfseg.config.train import DEFAULT_STEPS
from tfseg.run_files import HISTORY

if TYPE_CHECKING:
    from tfseg.inference.segmenter import Segmenter
    from tfseg.metrics import Evaluation


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("--out", metavar="DIR", type=Path, default=Path("tfseg-demo"), help="output folder")
    add(
        "--steps",
        type=int,
        default=DEFAULT_STEPS,
        help="optimizer steps; fewer are faster and less accurate",
    )
    add("--overwrite", action="store_true", help="replace an existing demo in DIR")
    add_json(parser)


def run(*, out: Path, steps: int, overwrite: bool, json: bool) -> int:
    """Runs the demo; prints the metrics and the paths of pictures and report."""
    from tfseg.evaluation.report.report import REPORT

    start = time.monotonic()
    config = RunConfig(train=TrainConfig(steps=steps))
    _prepare(out, overwrite=overwrite)
    results.write_options(out, "demo", {"steps": steps})
    evaluation = _work(config, out)
    seconds = time.monotonic() - start
    pictures = out / "pictures"
    report = out / "evaluation" / REPORT
    if json:
        paths = {"pictures": pictures, "report": report}
        print_json({**evaluation.summary(), "seconds": seconds, **paths})
    else:
        print(f"test images: {evaluation.as_table()}")
        print(f"total time: {seconds:.0f} seconds")
        print(f"pictures (input | truth | prediction): {pictures}")
        print(f"report: {report}")
        note_next("convert", "my-files", "my-data", "--val_fraction", 0.1)
    return 0


def _prepare(out: Path, *, overwrite: bool) -> None:
    """Creates the folder; clears it only if a demo wrote it."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file. Name a folder.")
    if out.exists() and any(out.iterdir()):
        if read_json(out / results.OPTIONS).get("command") != "demo":
            raise InputError(f"--out {out} contains other files. Name an empty or new folder.")
        atomic.check_free(out, ["a demo"], overwrite=overwrite)
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def _work(config: RunConfig, out: Path) -> Evaluation:
    from tfseg import sample
    from tfseg.data.conversion.convert import convert
    from tfseg.evaluation.evaluate import evaluate
    from tfseg.evaluation.report import provenance
    from tfseg.evaluation.report.report import REPORT, Report
    from tfseg.inference.segmenter import load

    dataset = convert(sample.path(), out / "data", class_name="nucleus")
    train.fit(config, [dataset.path], out / "run", resume=False)
    segmenter = load(out / "run")
    page = Report()
    evaluation = evaluate(segmenter, dataset, "test", report=page)
    evaluation.write(out / "evaluation")
    page.write(
        out / "evaluation" / REPORT,
        evaluation,
        title=provenance.dated("Demo, split test"),
        history=out / "run" / HISTORY,
        facts=provenance.run_facts(out / "run", dataset, segmenter.origin),
    )
    _draw(segmenter, sample.path() / "test", out)
    return evaluation


def _draw(segmenter: Segmenter, source: Path, out: Path) -> None:
    """Predicts the images of `source`, and draws each next to its truth and its prediction."""
    from tfseg.data.files.images import list_images, read_image, read_label, write_picture
    from tfseg.drawing.overlays import panel
    from tfseg.inference.predict import predict_files

    images, truths = (list_images(source / kind) for kind in ("images", "labels"))
    predict_files(segmenter, images, out / "predicted")
    predictions = list_images(out / "predicted" / "labels")
    (out / "pictures").mkdir()
    for image, truth, prediction in zip(images, truths, predictions, strict=True):
        picture = panel(read_image(image), read_label(truth), read_label(prediction))
        write_picture(out / "pictures" / f"{image.stem}.png", picture)
