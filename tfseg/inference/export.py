"""Export for deployment: a SavedModel that maps images to instance ids."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf

from tfseg import atomic, checks
from tfseg.inference.segmenter import Segmenter

_FILE = "saved_model.pb"  # what makes a folder a SavedModel


def export(segmenter: Segmenter, destination: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a SavedModel that runs without tfseg.

    `tf.saved_model.load(folder)(images)` takes images `[B, H, W, C]` of any size, uint8 or float32,
    and returns "labels" `[B, H, W]` int32, "scores" `[B, N]` float32 and "classes" `[B, N]` int32,
    the same as `Segmenter.predict`. Signatures: "serving_default" (uint8) and "float".
    `tf.saved_model.load(folder).metadata()` is JSON: classes, units, thresholds and version.

    Args:
        segmenter: a trained network.
        destination: folder of the SavedModel, new or empty.
        overwrite: replace an existing SavedModel, once the new one is complete.

    Raises:
        InputError: the folder is not empty, or cannot be written.
    """
    destination = Path(destination)
    _check_free(destination, overwrite=overwrite)
    signatures = {
        name: segmenter.__call__.get_concrete_function(
            tf.TensorSpec([None, None, None, segmenter.channels], dtype, name="images")
        )
        for name, dtype in (("serving_default", tf.uint8), ("float", tf.float32))
    }
    partial = destination.with_name(destination.name + ".partial")
    with atomic.writing(destination, "Choose another folder.", tf.errors.OpError):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            tf.saved_model.save(segmenter, str(partial), signatures=signatures)
            if destination.exists():
                shutil.rmtree(destination)
            partial.replace(destination)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return destination


def _check_free(destination: Path, *, overwrite: bool) -> None:
    if not destination.exists():
        return
    if not destination.is_dir():
        raise checks.InputError(f"{destination} must be a folder; it is a file. Choose a folder.")
    names = {path.name for path in destination.iterdir()}
    if not names:
        return
    if _FILE not in names:
        raise checks.InputError(
            f"{destination} contains other files and no SavedModel. Choose another folder."
        )
    if not overwrite:
        raise checks.InputError(
            f"{destination} contains a SavedModel. Choose another folder, or replace it with "
            "--overwrite (overwrite=True)."
        )
