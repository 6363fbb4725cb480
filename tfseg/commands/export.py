"""Writes a trained network as a SavedModel that takes images and returns instance ids.

Example: tfseg export runs/first exported
"""

from __future__ import annotations

from pathlib import Path

from tfseg.commands.options import Parser
from tfseg.commands.output import note


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add = parser.add_argument
    add("run_dir", metavar="RUN_DIR", type=Path, help="folder of a run, made by train")
    add("destination", metavar="DEST", type=Path, help="folder of the SavedModel, which is created")
    add("--checkpoint", choices=("best", "last"), default="best", help="weights to export")
    add("--overwrite", action="store_true", help="replace an existing SavedModel at DEST")


def run(*, run_dir: Path, destination: Path, checkpoint: str, overwrite: bool) -> int:
    """Exports, and prints the path of the model."""
    from tfseg.inference.export import export
    from tfseg.inference.segmenter import load

    written = export(load(run_dir, checkpoint=checkpoint), destination, overwrite=overwrite)
    print(f"SavedModel: {written}")
    note(f"next: tf.saved_model.load({str(written)!r}), which needs TensorFlow alone")
    return 0
