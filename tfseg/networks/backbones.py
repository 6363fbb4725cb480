"""The only importer of segmentation-models.

The package chooses its Keras at import, by the environment variable SM_FRAMEWORK, and prints which.
Both stay inside this module: the variable is set for the import alone, the line is swallowed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
from types import ModuleType

import keras

from tfseg import checks

_VARIABLE = "SM_FRAMEWORK"


@functools.cache
def segmentation_models() -> ModuleType:
    """Returns the package, bound to Keras 3 on TensorFlow.

    Raises:
        InputError: Keras runs on another backend, or the package was imported before with another
            framework.
    """
    if keras.backend.backend() != "tensorflow":
        raise checks.InputError(
            f"Keras must run on TensorFlow; it runs on {keras.backend.backend()}. "
            "Unset KERAS_BACKEND, or set it to tensorflow, before Keras is imported."
        )
    if os.environ.get("TF_USE_LEGACY_KERAS", "0").lower() in ("1", "true"):
        raise checks.InputError(
            "TF_USE_LEGACY_KERAS makes tf.keras Keras 2; tfseg needs Keras 3. Unset it."
        )
    package = sys.modules.get("segmentation_models") or _import()
    if package.framework() != "tf.keras":
        raise checks.InputError(
            f"segmentation_models was imported before with the framework {package.framework()!r}; "
            f"set {_VARIABLE}=tf.keras before that import, or import tfseg's networks first."
        )
    return package


def _import() -> ModuleType:
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "tf.keras"
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            import segmentation_models as package
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
    return package


def backbones() -> list[str]:
    """Returns the names of the encoders."""
    return sorted(segmentation_models().get_available_backbone_names())
