"""Chains as the public tutorials of albumentations write them, with only the import changed.

The same text is run with both libraries. Sizes are those of a small image; `ToTensorV2` of PyTorch,
and `border_mode`, which belongs to the chain (see docs/from-albumentations.md), are left out.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfseg import augment, random
from tfseg.checks import InputError

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or it looks for newer versions online
albumentations = pytest.importorskip("albumentations", reason="comes with the extra dev")

SIDE = 32
TUTORIALS = {
    "first steps": """
A.Compose([
    A.RandomCrop(width=24, height=24),
    A.HorizontalFlip(p=0.5),
    A.RandomBrightnessContrast(p=0.2),
])""",
    "salt bodies": """
A.Compose([
    A.OneOf([
        A.RandomSizedCrop(min_max_height=(16, 32), size=(32, 32), p=0.5),
        A.PadIfNeeded(min_height=32, min_width=32, p=0.5),
    ], p=1),
    A.VerticalFlip(p=0.5),
    A.RandomRotate90(p=0.5),
    A.OneOf([
        A.ElasticTransform(alpha=120, sigma=120 * 0.05, p=0.5),
        A.GridDistortion(p=0.5),
        A.OpticalDistortion(distort_limit=1, p=1),
    ], p=0.8),
    A.CLAHE(p=0.8),
    A.RandomBrightnessContrast(p=0.8),
    A.RandomGamma(p=0.8),
])""",
    "pets": """
A.Compose([
    A.Resize(24, 24),
    A.ShiftScaleRotate(shift_limit=0.2, scale_limit=0.2, rotate_limit=30, p=0.5),
    A.RGBShift(r_shift_limit=25, g_shift_limit=25, b_shift_limit=25, p=0.5),
    A.RandomBrightnessContrast(brightness_limit=0.3, contrast_limit=0.3, p=0.5),
    A.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), max_pixel_value=255.0),
])""",
    "streets": """
A.Compose([
    A.HorizontalFlip(p=0.5),
    A.ShiftScaleRotate(scale_limit=0.5, rotate_limit=0, shift_limit=0.1, p=1),
    A.PadIfNeeded(min_height=40, min_width=40),
    A.RandomCrop(height=32, width=32),
    A.GaussNoise(p=0.2),
    A.Perspective(p=0.5),
    A.OneOf([A.CLAHE(p=1), A.RandomBrightnessContrast(p=1), A.RandomGamma(p=1)], p=0.9),
    A.OneOf([A.Sharpen(p=1), A.Blur(blur_limit=3, p=1), A.MotionBlur(blur_limit=3, p=1)], p=0.9),
    A.OneOf([A.RandomBrightnessContrast(p=1), A.HueSaturationValue(p=1)], p=0.9),
])""",
    "cells": """
A.Compose([
    A.OneOf([A.HorizontalFlip(), A.VerticalFlip(), A.RandomRotate90()], p=0.75),
    A.Affine(scale=(0.8, 1.2), translate_percent=0.1, rotate=(-45, 45), shear=(-5, 5), p=0.7),
    A.SomeOf([A.RandomGamma(), A.GaussianBlur(blur_limit=(3, 7)), A.MedianBlur(5)], n=2),
    A.CoarseDropout(num_holes_range=(1, 4), hole_height_range=(2, 8), hole_width_range=(2, 8)),
    A.ToGray(p=0.1),
], p=0.9)""",
}


def written(text: str, library: Any) -> Any:
    with warnings.catch_warnings():
        # "ShiftScaleRotate is a special case of Affine"
        warnings.simplefilter("ignore", UserWarning)
        return eval(text.strip(), {"A": library})


@pytest.mark.parametrize("name", TUTORIALS)
def test_the_same_text_gives_the_same_transforms(name):
    ported = written(TUTORIALS[name], augment)
    theirs = augment.from_albumentations(written(TUTORIALS[name], albumentations))
    assert ported.transforms == theirs.transforms


@pytest.mark.parametrize("name", TUTORIALS)
def test_a_ported_chain_moves_an_image_and_its_ids(name):
    label = np.kron(np.arange(16, dtype=np.int32).reshape(4, 4), np.ones((8, 8), np.int32))
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    tf.config.run_functions_eagerly(True)  # compiling takes 5 s a chain
    try:
        for seed in range(2):
            moved = written(TUTORIALS[name], augment)(
                {"image": image, "label": label}, random.root(seed)
            )
            assert moved["image"].shape[:2] == moved["label"].shape
            assert np.isfinite(moved["image"]).all()
            assert set(np.unique(moved["label"])) <= {augment.IGNORE, *range(16)}
            assert (moved["label"].numpy() > 0).mean() > 0.25
    finally:
        tf.config.run_functions_eagerly(False)


def test_a_border_in_a_transform_is_answered_with_that_of_the_chain():
    text = "A.Compose([A.ShiftScaleRotate(rotate_limit=0, p=1, border_mode=0)])"
    with pytest.raises(InputError, match=r"Give the chain Sampling\(border='constant'\)\.$"):
        written(text, augment)
    text = "A.Compose([A.ShiftScaleRotate(p=1)], sampling=A.Sampling(border='constant', fill=0))"
    theirs = written("A.Compose([A.ShiftScaleRotate(p=1)])", albumentations)
    assert written(text, augment).sampling == augment.from_albumentations(theirs).sampling
