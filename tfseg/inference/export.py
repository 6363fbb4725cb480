"""Export for deployment: a SavedModel that maps images to instance ids."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import tensorflow as tf

from tfseg import atomic, calls, checks
from tfseg.inference.segmenter import Segmenter

_SIGNATURES = {"serving_default": tf.uint8, "uint16": tf.uint16, "float": tf.float32}
_FILE = "saved_model.pb"  # what makes a folder a SavedModel
# The files of a SavedModel without assets, and those that TensorFlow has while it writes one.
_OURS = re.compile(
    r"saved_model\.pb|fingerprint\.pb|assets|variables(/variables(\.index|\.data-[-\w]+|_temp(/.+)?))?"
)


@calls.check
def export(segmenter: Segmenter, destination: str | Path, *, overwrite: bool = False) -> Path:
    """Writes a SavedModel that runs without tfseg.

    `tf.saved_model.load(folder)(images)` takes images `[B, H, W, C]` of any size, uint8, uint16 or
    float32 (cast others to float32), and returns "labels" `[B, H, W]` int32, "scores" `[B, N]`
    float32 and "classes" `[B, N]` int32, the same as `Segmenter.predict`. Signatures:
    "serving_default" (uint8), "uint16" and "float". NaN and infinite pixels are an error of
    TensorFlow.
    `tf.saved_model.load(folder).metadata()` is JSON: classes, units, thresholds and version.

    Args:
        segmenter: a trained network.
        destination: folder of the SavedModel, new or empty.
        overwrite: replace an existing SavedModel, once the new one is complete. A process that is
            killed leaves the old one, if not as DESTINATION then as DESTINATION.replaced, or the
            new one.

    Raises:
        InputError: the folder is not empty, has other files, or cannot be written; or other files
            are at DESTINATION.partial or DESTINATION.replaced.

    Examples:
        >>> tfseg.export(tfseg.load("run"), "exported").name
        'exported'
    """
    destination = Path(destination)
    _check_free(destination, overwrite=overwrite)
    # A new one, without the traces of earlier predictions: an export takes the same types always.
    exported = Segmenter(
        segmenter.model,
        segmenter.model_config,
        tta=segmenter.tta,
        pixel_size=segmenter.pixel_size,
    )
    exported.origin = segmenter.origin
    signatures = {
        name: exported.serve.get_concrete_function(
            tf.TensorSpec([None, None, None, exported.channels], dtype, name="images")
        )
        for name, dtype in _SIGNATURES.items()
    }
    final = Path(os.path.realpath(destination))
    partial, aside = (final.with_name(f"{final.name}.{end}") for end in ("partial", "replaced"))
    _refuse_foreign(partial)
    _refuse_foreign(aside)  # now: later, the old model has this name
    exported.__call__ = exported.serve  # type: ignore[method-assign]  # a loaded model calls it
    with atomic.writing(destination, "Choose another folder.", tf.errors.OpError):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            tf.saved_model.save(exported, str(partial), signatures=signatures)
            atomic.replace_folder(final, partial, aside)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return destination


def _check_free(destination: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(destination):
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
    atomic.check_free(destination, ["a SavedModel"], overwrite=overwrite)
    if foreign := _foreign(destination):
        raise checks.InputError(
            f"{destination} has other files beside the SavedModel: {foreign}. Move them away, or "
            "choose another folder."
        )


def _refuse_foreign(folder: Path) -> None:
    """Checks that `folder` does not exist or has only files of a killed export."""
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir() or _foreign(folder):
        raise checks.InputError(
            f"{folder} must be free while the model is written; it has other files. Move it away, "
            "or choose another destination."
        )


def _foreign(folder: Path) -> str | None:
    """Returns the name of some file or folder that `export` does not write, if there is one."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    return next((name for name in names if not _OURS.fullmatch(name)), None)
