"""One folder to deploy: a SavedModel from any image to instance ids."""

from __future__ import annotations

import shutil
from pathlib import Path

import tensorflow as tf

from tfseg import checks
from tfseg.inference.segmenter import Segmenter


def export(segmenter: Segmenter, destination: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a SavedModel that runs without tfseg.

    It takes images `[B, H, W, C]`, uint8 or float32, of any size, and returns "labels" `[B, H, W]`
    int32 and "scores" `[B, N]` float32, exactly what `Segmenter.predict` returns:
    `tf.saved_model.load(folder)(images)`. Signatures: "serving_default" (uint8) and "float".

    Raises:
        InputError: the folder is taken, or cannot be written.
    """
    destination = Path(destination)
    if destination.exists() and any(destination.iterdir()) and not overwrite:
        raise checks.InputError(f"{destination} is not empty; --overwrite replaces it.")
    signatures = {
        name: segmenter.__call__.get_concrete_function(
            tf.TensorSpec([None, None, None, segmenter.channels], dtype, name="images")
        )
        for name, dtype in (("serving_default", tf.uint8), ("float", tf.float32))
    }
    partial = destination.with_name(destination.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        tf.saved_model.save(segmenter, str(partial), signatures=signatures)
        if destination.exists():
            shutil.rmtree(destination)
        partial.replace(destination)
    except (OSError, tf.errors.OpError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise checks.InputError(
            f"{destination} cannot be written: {error}. Choose another folder."
        ) from error
    return destination
