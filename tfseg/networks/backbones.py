"""segmentation-models: imported without side effects, and patched to build networks for Keras 3.

At import the package chooses its Keras by the environment variable SM_FRAMEWORK, and prints it.
The variable is set only during the import, and the printed line is suppressed. So are the warnings
of Python about its sources, which come once, when it compiles them.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras

from tfseg import checks, compat
from tfseg.networks.encoder import mark_encoder
from tfseg.networks.layers import AddScaled, Cells, ResizeAs

_VARIABLE = "SM_FRAMEWORK"
Block = Callable[[keras.KerasTensor], keras.KerasTensor]


@functools.cache
def segmentation_models() -> ModuleType:
    """Returns the package, bound to Keras 3 on TensorFlow, with its functions registered.

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
    compat.register_functions()
    return package


def _import() -> ModuleType:
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "tf.keras"
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
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


def patched_backbones(get_file: Callable[..., str]) -> contextlib.AbstractContextManager[None]:
    """Patches segmentation-models inside the context, so that Keras 3 can save its networks.

    Args:
        get_file: fetches a file of weights, with the arguments of `keras.utils.get_file`.
    """
    segmentation_models()

    def patched(build: compat.Builder) -> compat.Builder:
        def build_patched(
            *args: Any, layers: ModuleType, utils: ModuleType, **options: Any
        ) -> keras.Model:
            stand_ins = {"layers": _Layers(layers), "utils": _Utils(utils, get_file)}
            encoder = build(*args, **stand_ins, **options)
            mark_encoder(encoder.layers)
            return encoder

        return build_patched

    return compat.patched_segmentation_models(patched, _context_block)


class _Layers:
    """Replaces the module `keras.layers` where an encoder is built."""

    def __init__(self, layers: ModuleType) -> None:
        self._layers = layers

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        make = getattr(self._layers, kind)

        def make_patched(*args: Any, name: str | None = None, **options: Any) -> Any:
            name = name and name.replace("/", "_")
            # The package's only lambda: inceptionresnetv2 adds a scaled block to its shortcut.
            if kind == "Lambda" and args[0].__name__ == "<lambda>":
                return AddScaled(options["arguments"]["scale"], name=name)
            return make(*args, name=name, **options)

        return make_patched


class _Utils:
    """Replaces the module `keras.utils` where an encoder is built."""

    def __init__(self, utils: ModuleType, get_file: Callable[..., str]) -> None:
        self._utils, self.get_file = utils, get_file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._utils, name)


def _context_block(convolution: Callable[..., Block]) -> Callable[..., Block]:
    """Returns a builder of PSPNet's block for a level of its pyramid, for images of any size.

    Source: Zhao et al., Pyramid Scene Parsing Network (2017), section 3.2: pooled to level x level
    cells, a 1 x 1 convolution, enlarged bilinearly.
    """

    def block(level: int, filters: int, _: str, use_batchnorm: bool) -> Block:
        def context(features: keras.KerasTensor) -> keras.KerasTensor:
            cells = Cells(level, name=f"psp_level{level}_pooling")(features)
            reduced = convolution(filters, use_batchnorm, name=f"psp_level{level}")(cells)
            return ResizeAs(name=f"psp_level{level}_upsampling")([reduced, features])

        return context

    return block
