"""Augmentation as graph operations: image and instance ids share one field and one resample."""

from __future__ import annotations

from tfseg.augment.affine import Affine, RandomScale, Rotate, ShiftScaleRotate
from tfseg.augment.albumentations import from_albumentations
from tfseg.augment.base import AffineMove, Geometric, Params, Pixel, Transform
from tfseg.augment.blur import GaussianBlur, Sharpen
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.color import HueSaturationValue, ToGray
from tfseg.augment.compose import OneOf, SomeOf
from tfseg.augment.distortion import (
    ElasticTransform,
    GridDistortion,
    OpticalDistortion,
    Perspective,
)
from tfseg.augment.dropout import CoarseDropout
from tfseg.augment.layer import Augmentation
from tfseg.augment.mix import CopyPaste
from tfseg.augment.pixel import GaussNoise, Normalize, RandomBrightnessContrast, RandomGamma
from tfseg.augment.policies import POLICIES
from tfseg.augment.sizes import CenterCrop, PadIfNeeded, RandomCrop, RandomResizedCrop, Resize
from tfseg.augment.spec import TRANSFORMS, from_spec, to_spec
from tfseg.augment.symmetries import D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip
from tfseg.ids import IGNORE

__all__ = [
    "D4",
    "IGNORE",
    "POLICIES",
    "TRANSFORMS",
    "Affine",
    "AffineMove",
    "Augmentation",
    "CenterCrop",
    "Chain",
    "CoarseDropout",
    "CopyPaste",
    "ElasticTransform",
    "GaussNoise",
    "GaussianBlur",
    "Geometric",
    "GridDistortion",
    "HorizontalFlip",
    "HueSaturationValue",
    "Normalize",
    "OneOf",
    "OpticalDistortion",
    "PadIfNeeded",
    "Params",
    "Perspective",
    "Pixel",
    "RandomBrightnessContrast",
    "RandomCrop",
    "RandomGamma",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomScale",
    "Resize",
    "Rotate",
    "Sampling",
    "Sharpen",
    "ShiftScaleRotate",
    "SomeOf",
    "ToGray",
    "Transform",
    "Transpose",
    "VerticalFlip",
    "from_albumentations",
    "from_spec",
    "to_spec",
]
__dir__ = __all__.copy
