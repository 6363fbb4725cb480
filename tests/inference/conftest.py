"""A segmenter that predicts instances without a training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tfseg
from tfseg.config import ModelConfig
from tfseg.data.files.images import read_image
from tfseg.networks.build import build_model


@pytest.fixture(scope="session")
def segmenter() -> tfseg.Segmenter:
    """An untrained network; its bias turns noise into object pixels and centres."""
    config = ModelConfig(
        architecture="Unet",
        decoder_filters=(16, 16, 8, 8, 8),
        channels=1,
        class_names=("nucleus",),
        head_options={"min_area": 5},
    )
    model = build_model(config, seed=4)
    layer = model.get_layer("unet").get_layer("center_offset")
    kernel, bias = layer.get_weights()
    bias[:2] = np.array([0.2, 0.0])
    layer.set_weights([kernel * 5, bias])
    return tfseg.Segmenter(model, config)


@pytest.fixture(scope="session")
def near_sighted() -> Callable[..., tfseg.Segmenter]:
    """A function from (tile, tta) to a segmenter with a receptive field of a few pixels."""
    config = ModelConfig(architecture="Compact", filters=(8, 8), channels=1)
    model = build_model(config, seed=2)
    layer = model.get_layer("compact").get_layer("center_offset")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 3, bias + 0.3])
    return lambda **options: tfseg.Segmenter(model, config, **options)


@pytest.fixture(scope="session")
def image(sample) -> np.ndarray:
    """A grey image `[120, 100, 1]` uint8; no side is a multiple of the network's stride."""
    path = sorted((sample / "test" / "images").iterdir())[0]
    return read_image(path)[:120, :100]
