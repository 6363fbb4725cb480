"""What of segmentation-models is changed while a network is built, and put back afterwards.

Keras 3 refuses "/" in the names of layers, which the densenets have, and loads no function that it
does not know by name. PSPNet works out once what it pools and enlarges, so it takes images of one
size only; here it takes all.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import keras

from tfseg.networks.encoder import mark_encoder
from tfseg.networks.layers import AddScaled, Cells, ResizeAs

Block = Callable[[keras.KerasTensor], keras.KerasTensor]


@contextlib.contextmanager
def mended() -> Iterator[None]:
    """Changes segmentation-models, which is imported already, inside the context."""
    import classification_models.models._common_blocks as blocks
    import efficientnet.model as efficientnet
    import segmentation_models.models.pspnet as pspnet
    from segmentation_models.backbones.backbones_factory import Backbones

    for function in (blocks.slice_tensor, blocks.expand_dims):
        keras.saving.register_keras_serializable("tfseg")(function)
    builders = {name: [_mended(build), other] for name, (build, other) in Backbones.models.items()}
    context = _spatial_context(pspnet.Conv1x1BnReLU)
    with (
        warnings.catch_warnings(),
        replaced(Backbones, "_models_update", builders),
        replaced(efficientnet, "get_swish", lambda **_: "silu"),
        replaced(efficientnet, "get_dropout", lambda **_: keras.layers.Dropout),
        replaced(pspnet, "check_input_shape", lambda *_: None),
        replaced(pspnet, "SpatialContextBlock", context),
    ):
        # Of the number of channels, which need not be 1 or 3 where nothing was trained before.
        warnings.filterwarnings("ignore", module="keras_applications", category=UserWarning)
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Gives `owner` another attribute `name` inside the context."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _mended(build: Callable[..., keras.Model]) -> Callable[..., keras.Model]:
    def build_mended(*args: Any, layers: ModuleType, **options: Any) -> keras.Model:
        encoder = build(*args, layers=_Layers(layers), **options)
        mark_encoder(encoder.layers)
        return encoder

    return build_mended


class _Layers:
    """Stands in for the module `keras.layers`."""

    def __init__(self, layers: ModuleType) -> None:
        self._layers = layers

    def __getattr__(self, kind: str) -> Callable[..., Any]:
        make = getattr(self._layers, kind)

        def make_mended(*args: Any, name: str | None = None, **options: Any) -> Any:
            name = name and name.replace("/", "_")
            # The only one of the package: of inceptionresnetv2, a block beside its shortcut.
            if kind == "Lambda" and args[0].__name__ == "<lambda>":
                return AddScaled(options["arguments"]["scale"], name=name)
            return make(*args, name=name, **options)

        return make_mended


def _spatial_context(convolution: Callable[..., Block]) -> Callable[..., Block]:
    """Returns PSPNet's block for a level of its pyramid, for images of any size.

    Source: Zhao et al., Pyramid Scene Parsing Network (2017), section 3.2: pooled to level x level
    cells, a 1 x 1 convolution, enlarged bilinearly.
    """

    def block(level: int, filters: int, _: str, use_batchnorm: bool) -> Block:
        def context(features: keras.KerasTensor) -> keras.KerasTensor:
            cells = Cells(level, name=f"psp_level{level}_pooling")(features)
            seen = convolution(filters, use_batchnorm, name=f"psp_level{level}")(cells)
            return ResizeAs(name=f"psp_level{level}_upsampling")([seen, features])

        return context

    return block
