"""Which variables of every architecture are the encoder's."""

from __future__ import annotations

import math

import pytest

from tfseg.config import ModelConfig
from tfseg.networks.build import build_model
from tfseg.networks.encoder import encoder_variables

# How the package names what it puts behind a backbone, and tfseg its last layer.
BEHIND = ("decoder", "center", "fpn", "segm", "final", "aggregation", "psp", "head")


def layers(paths: list[str]) -> set[str]:
    return {path.split("/")[-2] for path in paths}


@pytest.mark.parametrize(
    ("architecture", "backbone"),
    [("Unet", "resnet18"), ("FPN", "mobilenet"), ("Linknet", "seresnet18"), ("PSPNet", "vgg16")],
)
def test_the_encoder_of_segmentation_models_is_its_backbone(architecture, backbone):
    model = build_model(ModelConfig(architecture=architecture, backbone=backbone, channels=1))
    encoder = layers([variable.path for variable in encoder_variables(model)])
    rest = layers([variable.path for variable in model.trainable_variables]) - encoder
    assert not [name for name in encoder if name.startswith((*BEHIND, "center_offset"))]
    assert all(name.startswith(BEHIND) for name in rest), rest
    assert len(encoder) > 5 < len(rest)


def test_the_encoder_of_compact_is_the_way_down():
    model = build_model(ModelConfig(filters=(8, 16), channels=1))
    sizes = [math.prod(variable.shape) for variable in encoder_variables(model)]
    # Two blocks, with a shortcut and two convolutions of 3 x 3 with their normalisations: from 4
    # channels, the pixels of a cell, to 8, and from these to 16.
    first, second = (
        4 * 8 + 9 * 4 * 8 + 9 * 8 * 8 + 4 * 8,
        8 * 16 + 9 * 8 * 16 + 9 * 16 * 16 + 4 * 16,
    )
    assert sum(sizes) == first + second


def test_the_way_up_and_the_last_layer_are_the_rest():
    model = build_model(ModelConfig(filters=(8, 16), channels=1))
    known = {id(variable) for variable in encoder_variables(model)}
    rest = [variable.path for variable in model.trainable_variables if id(variable) not in known]
    assert any("center_offset" in path for path in rest)
    assert len(rest) == 1 + 2 + 2 * 2 + 2  # a block with its shortcut, and the last layer
