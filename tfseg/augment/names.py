"""What albumentations 2.0.8 has under a name that tfseg does not have, and what to use instead.

The one table of it, for the errors of missing names and for docs/from-albumentations.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tfseg import checks


class Missing(NamedTuple):
    """A name of albumentations that tfseg does not have.

    Attributes:
        instead: the nearest name in tfseg, or "".
        reason: why, or how to write it.
    """

    instead: str
    reason: str

    def advice(self) -> str:
        """Returns both, as the end of a sentence."""
        return f"the nearest is {self.instead}: {self.reason}" if self.instead else self.reason


_BOXES = "boxes follow from the ids; `data.instance_share` centres crops at instances"
_CAMERA = "faults of cameras and compression beyond blur and noise are left out"
_IMAGES = "it needs further images; of these there is only pasting instances"
_SIZES = "sizes that differ from image to image are left out, because shapes are static"
_SOUND = "spectrograms are left out"
_VOLUMES = "volumes are left out: images have two dimensions"
_WEATHER = "drawn weather and lens effects are left out"

MISSING: dict[str, Missing] = {
    # under another name
    "SquareSymmetry": Missing("D4", "it is the same"),
    "Sequential": Missing("SomeOf", "SomeOf(transforms, n=len(transforms), p=p)"),
    "OneOrOther": Missing("OneOf", "OneOf((first, second), p=1); their p are their weights"),
    "ReplayCompose": Missing(
        "Chain", "chain.sample(seed) returns the draws, and chain.apply(example, draws) uses them"
    ),
    "BaseCompose": Missing("Chain", "choices derive from compose.Choice"),
    "BasicTransform": Missing("Transform", "see docs/own_transform.md"),
    "DualTransform": Missing("Geometric", "see docs/own_transform.md"),
    "ImageOnlyTransform": Missing("Pixel", "see docs/own_transform.md"),
    "Lambda": Missing("Pixel", "a class of a few lines, see docs/own_transform.md"),
    # not needed
    "NoOp": Missing("", "leave it out: a chain of no transforms changes nothing"),
    "ToFloat": Missing("", "leave it out: images become floats in [0, 1] by themselves"),
    "FromFloat": Missing("", "leave it out: images stay floats in [0, 1] up to the network"),
    "ToRGB": Missing("", "leave it out: a network has as many channels as its images"),
    "ToTensorV2": Missing("", "leave it out: a chain returns tensors [H, W, C]"),
    "BboxParams": Missing("", "leave it out: boxes follow from the ids"),
    "KeypointParams": Missing("", "leave it out: key points follow from the ids"),
    # geometry
    "SafeRotate": Missing("Rotate", "the picture keeps its scale, so its corners leave the view"),
    "Pad": Missing("PadIfNeeded", "its result has a given size"),
    "Crop": Missing("CenterCrop", "a part at fixed coordinates is cut before the data set is made"),
    "CropAndPad": Missing("RandomResizedCrop", _SIZES),
    "RandomCropFromBorders": Missing("RandomResizedCrop", _SIZES),
    "LongestMaxSize": Missing("Resize", _SIZES),
    "SmallestMaxSize": Missing("Resize", _SIZES),
    "CropNonEmptyMaskIfExists": Missing(
        "RandomCrop", "`data.instance_share` centres crops at instances"
    ),
    "AtLeastOneBBoxRandomCrop": Missing("RandomCrop", _BOXES),
    "BBoxSafeRandomCrop": Missing("RandomCrop", _BOXES),
    "RandomCropNearBBox": Missing("RandomCrop", _BOXES),
    "RandomSizedBBoxSafeCrop": Missing("RandomResizedCrop", _BOXES),
    "PiecewiseAffine": Missing("ElasticTransform", "it moves the picture as smoothly"),
    "ThinPlateSpline": Missing("ElasticTransform", "it moves the picture as smoothly"),
    "GridElasticDeform": Missing("ElasticTransform", "it bends smoothly, without cells"),
    "RandomGridShuffle": Missing("", "moved tiles are left out, because they cut instances apart"),
    # choices
    "RandomOrder": Missing("SomeOf", "parts act in the order of the list"),
    "SelectiveChannelTransform": Missing("Pixel", "a transform of some channels is yours to write"),
    # holes
    "ConstrainedCoarseDropout": Missing("CoarseDropout", "boxes lie anywhere"),
    "Erasing": Missing("CoarseDropout", "its boxes have ranges of heights and widths"),
    "GridDropout": Missing("CoarseDropout", "boxes lie anywhere, not on a grid"),
    "MaskDropout": Missing("CoarseDropout", "whole instances are not removed"),
    "PixelDropout": Missing("CoarseDropout", "with ranges of (1, 1) its boxes are pixels"),
    "XYMasking": Missing("CoarseDropout", "a box as wide as the image is a band"),
    # blur and noise
    **dict.fromkeys(
        ("AdvancedBlur", "Defocus", "GlassBlur", "ZoomBlur"),
        Missing("GaussianBlur", "its filter is a Gaussian, the same in all directions"),
    ),
    **dict.fromkeys(
        ("AdditiveNoise", "ISONoise", "MultiplicativeNoise", "SaltAndPepper", "ShotNoise"),
        Missing("GaussNoise", "the noise is normal, and is added"),
    ),
    "UnsharpMask": Missing("Sharpen", "it sharpens with a Laplacian"),
    "Emboss": Missing("Sharpen", "relief is left out"),
    # light and colour
    "ColorJitter": Missing(
        "HueSaturationValue", "and RandomBrightnessContrast, each with its range and p"
    ),
    **dict.fromkeys(
        ("AutoContrast", "Equalize", "RandomToneCurve"),
        Missing("RandomGamma", "a change of tone by one power"),
    ),
    **dict.fromkeys(
        ("Illumination", "PlasmaBrightnessContrast", "PlasmaShadow", "RandomShadow"),
        Missing("RandomBrightnessContrast", "the same change in the whole image"),
    ),
    **dict.fromkeys(
        ("FancyPCA", "HEStain", "PlanckianJitter", "ToSepia"),
        Missing("HueSaturationValue", "a shift of colours"),
    ),
    **dict.fromkeys(
        ("InvertImg", "Posterize", "Solarize"),
        Missing("", "negative and reduced tones are left out; see docs/own_transform.md"),
    ),
    **dict.fromkeys(
        ("ChannelDropout", "ChannelShuffle"),
        Missing("", "channels keep their meaning, so none is dropped or exchanged"),
    ),
    # further images
    **dict.fromkeys(
        ("FDA", "HistogramMatching", "PixelDistributionAdaptation"),
        Missing("", "styles of other images are left out"),
    ),
    "Mosaic": Missing("CopyPaste", _IMAGES),
    "OverlayElements": Missing("CopyPaste", _IMAGES),
    "TextImage": Missing("", "drawn text is left out"),
    **dict.fromkeys(
        (
            "ChromaticAberration",
            "Downscale",
            "ImageCompression",
            "RingingOvershoot",
            "Morphological",
            "Superpixels",
        ),
        Missing("", _CAMERA),
    ),
    **dict.fromkeys(
        ("RandomFog", "RandomGravel", "RandomRain", "RandomSnow", "RandomSunFlare", "Spatter"),
        Missing("", _WEATHER),
    ),
    **dict.fromkeys(
        (
            "CenterCrop3D",
            "CoarseDropout3D",
            "CubicSymmetry",
            "Pad3D",
            "PadIfNeeded3D",
            "RandomCrop3D",
            "Transform3D",
        ),
        Missing("", _VOLUMES),
    ),
    **dict.fromkeys(
        ("FrequencyMasking", "TimeMasking", "TimeReverse"),
        Missing("", _SOUND),
    ),
}


def missing(name: str, known: Iterable[str]) -> str:
    """Returns what to say about a transform that is none of the `known` names."""
    if name in MISSING:
        return f"no such transform; {MISSING[name].advice()}"
    close = checks.closest(name, known)
    return "no such transform" + (f"; the nearest is {close[0]}" if close else "")
