"""Augmentation as graph operations: image and instance ids share one field and one resample."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tfseg.augment import names
from tfseg.augment.affine import Affine, RandomScale, Rotate, ShiftScaleRotate
from tfseg.augment.albumentations import from_albumentations
from tfseg.augment.albumentations_export import to_albumentations
from tfseg.augment.base import AffineMove, Geometric, Params, Pixel, Transform
from tfseg.augment.blur import Blur, GaussianBlur, MedianBlur, MotionBlur, Sharpen
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.color import HueSaturationValue, RGBShift, ToGray
from tfseg.augment.compose import OneOf, SomeOf
from tfseg.augment.composition import Compose
from tfseg.augment.distortion import (
    ElasticTransform,
    GridDistortion,
    OpticalDistortion,
    Perspective,
)
from tfseg.augment.dropout import CoarseDropout
from tfseg.augment.layer import Augmentation
from tfseg.augment.mix import CopyPaste
from tfseg.augment.pixel import (
    CLAHE,
    GaussNoise,
    Normalize,
    RandomBrightnessContrast,
    RandomGamma,
)
from tfseg.augment.policies import POLICIES
from tfseg.augment.sizes import (
    CenterCrop,
    PadIfNeeded,
    RandomCrop,
    RandomResizedCrop,
    RandomSizedCrop,
    Resize,
)
from tfseg.augment.spec import TRANSFORMS, from_spec, to_spec
from tfseg.augment.symmetries import D4, HorizontalFlip, RandomRotate90, Transpose, VerticalFlip
from tfseg.ids import IGNORE

__all__ = [
    "CLAHE",
    "D4",
    "IGNORE",
    "POLICIES",
    "TRANSFORMS",
    "Affine",
    "AffineMove",
    "Augmentation",
    "Blur",
    "CenterCrop",
    "Chain",
    "CoarseDropout",
    "Compose",
    "CopyPaste",
    "ElasticTransform",
    "GaussNoise",
    "GaussianBlur",
    "Geometric",
    "GridDistortion",
    "HorizontalFlip",
    "HueSaturationValue",
    "MedianBlur",
    "MotionBlur",
    "Normalize",
    "OneOf",
    "OpticalDistortion",
    "PadIfNeeded",
    "Params",
    "Perspective",
    "Pixel",
    "RGBShift",
    "RandomBrightnessContrast",
    "RandomCrop",
    "RandomGamma",
    "RandomResizedCrop",
    "RandomRotate90",
    "RandomScale",
    "RandomSizedCrop",
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
    "to_albumentations",
    "to_spec",
]

if not TYPE_CHECKING:  # for a type checker, every name would be there

    def __getattr__(name: str) -> NoReturn:
        """Raises an error with the nearest transform, or the reason why there is none."""
        raise AttributeError(f"{__name__}.{name}: {names.missing(name, __all__)}.")


__dir__ = __all__.copy
