"""The context of a network: how far beside a cut its maps depend on what lies beyond."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.config import ModelConfig
from tfseg.networks.build import build_model
from tfseg.networks.context import context


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # At half resolution 2 convolutions, pooled: 1 cell of 4 pixels; 2 convolutions: 3 cells, or
        # 6 of half resolution; 2 convolutions and the last: 9 cells of 2 pixels.
        ({"filters": (8, 8)}, 18),
        ({}, 94),
        ({"architecture": "PSPNet"}, None),
        ({"architecture": "Unet", "backbone": "efficientnetb0"}, None),
    ],
)
def test_the_context_of_networks(options, expected):
    model = build_model(ModelConfig(channels=1, **options), pretrained=False)
    assert context(model) == expected


def test_what_lies_beyond_a_cut_changes_the_maps_as_far_as_the_context_and_no_further():
    config = ModelConfig(channels=3, filters=(8, 8), mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.2))
    model = build_model(config, seed=1)
    before = [np.array(weight) for weight in model.get_weights()]
    reach = context(model)
    image = np.random.default_rng(0).random((1, 32, 192, 3)).astype(np.float32)
    other = image.copy()
    other[:, :, 96:] = 1 - other[:, :, 96:]
    for axes in ((0, 1, 2, 3), (0, 2, 1, 3)):
        pair = [model(values.transpose(axes))["offset"].numpy() for values in (image, other)]
        differs = np.any(pair[0] != pair[1], axis=(0, 3, 1 if axes[1] == 1 else 2))
        assert not differs[: 96 - reach].any()
        assert differs[96 - reach]
    for one, two in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)  # the measurement leaves them as they are
