"""The transforms of a training keep the size of the crop."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import (
    IGNORE,
    TRANSFORMS,
    CenterCrop,
    PadIfNeeded,
    RandomCrop,
    RandomResizedCrop,
    RandomSizedCrop,
    Resize,
    Sampling,
    SomeOf,
    Transform,
)
from tfseg.checks import InputError
from tfseg.data.pipeline.stages import crop_chain

SIZE = 96
SIZED: tuple[Transform, ...] = (
    CenterCrop(height=64, width=64),
    PadIfNeeded(min_height=64, min_width=64),
    RandomCrop(height=64, width=64),
    RandomResizedCrop(size=(64, 64)),
    RandomSizedCrop((32, 64), (64, 64)),
    Resize(height=64, width=64),
)


@pytest.mark.parametrize("transform", SIZED, ids=lambda transform: type(transform).__name__)
def test_a_transform_that_sets_the_size_is_refused_with_the_reason(transform):
    message = f"{type(transform).__name__}/1 sets the size .*; got data.crop_size 96. Leave it out"
    for transforms in ([transform], [SomeOf(transforms=(transform,))]):
        with pytest.raises(InputError, match=message):
            crop_chain(transforms, SIZE, Sampling())


def test_all_other_transforms_are_taken():
    kinds = set(TRANSFORMS.values()) - {type(transform) for transform in SIZED}
    others = [kind() for kind in kinds if kind.__name__ not in ("OneOf", "SomeOf")]
    for transform in others:
        crop_chain([transform], SIZE, Sampling())
    assert len(others) == len(TRANSFORMS) - len(SIZED) - 2


@pytest.mark.parametrize(
    "part", [RandomResizedCrop((SIZE, SIZE)), RandomSizedCrop((32, 64), (SIZE, SIZE))], ids=repr
)
def test_a_part_resized_to_the_crop_fills_it(part):
    chain, margin = crop_chain([part], SIZE, Sampling())
    side = SIZE + 2 * margin
    window = {"image": tf.zeros((side, side, 1)), "label": tf.ones((side, side), tf.int32)}
    label = np.asarray(chain(window, random.root(1))["label"])
    assert label.shape == (SIZE, SIZE)
    assert IGNORE not in label
