"""Ready lists of transforms by name: `[light]` in a configuration, `from_spec(["light"])`."""

from __future__ import annotations

from collections.abc import Callable

from tfseg.augment.affine import Affine, RandomScale, ShiftScaleRotate
from tfseg.augment.base import Transform
from tfseg.augment.blur import GaussianBlur
from tfseg.augment.color import HueSaturationValue
from tfseg.augment.distortion import ElasticTransform
from tfseg.augment.pixel import GaussNoise, RandomBrightnessContrast, RandomGamma
from tfseg.augment.symmetries import D4, HorizontalFlip, VerticalFlip

Policy = tuple[Transform, ...]


def nuclei() -> Policy:
    """Returns any orientation and soft shapes, because tissue has no upright side and no corners.

    Focus, exposure and noise vary as between microscopes; brightness varies little, since nuclei
    may be only 0.1 brighter than the background. Elastic shifts have a deviation of 2 pixels. For
    any number of channels.
    """
    return (
        D4(),
        Affine(scale=(0.8, 1.25), rotate=(-45.0, 45.0), keep_ratio=True),
        ElasticTransform(alpha=250.0, sigma=20.0, noise_distribution="uniform", p=0.3),
        RandomGamma(gamma_limit=(70.0, 140.0)),
        RandomBrightnessContrast(brightness_limit=(-0.05, 0.05), contrast_limit=(-0.2, 0.2), p=0.3),
        GaussianBlur(sigma_limit=(0.3, 1.5), p=0.2),
        GaussNoise(std_range=(0.0, 0.04), p=0.3),
    )


def natural() -> Policy:
    """Returns left-right flips and small rotations, because photographs have an upright side.

    Light and colour vary with camera and weather. For images of 3 channels.
    """
    return (
        HorizontalFlip(),
        ShiftScaleRotate(scale_limit=(-0.2, 0.25), rotate_limit=(-10.0, 10.0)),
        RandomBrightnessContrast(),
        HueSaturationValue(
            hue_shift_limit=(-10.0, 10.0), sat_shift_limit=(-30.0, 30.0), val_shift_limit=(0.0, 0.0)
        ),
    )


def satellite() -> Policy:
    """Returns all symmetries and no distortion.

    Views from above have straight lines and no upright direction. Colour and haze vary with season
    and sun; the scale varies little, because the sensor fixes it. For images of 3 channels.
    """
    return (
        D4(),
        RandomScale(scale_limit=(-0.1, 0.1)),
        RandomBrightnessContrast(),
        RandomGamma(),
        HueSaturationValue(
            hue_shift_limit=(-5.0, 5.0), sat_shift_limit=(-30.0, 30.0), val_shift_limit=(0.0, 0.0)
        ),
    )


def light() -> Policy:
    """Returns flips and small changes of brightness, so that no small objects are lost.

    The cheapest policy, and a start for unknown images. For any number of channels.
    """
    return (
        HorizontalFlip(),
        VerticalFlip(),
        RandomBrightnessContrast(brightness_limit=(-0.1, 0.1), contrast_limit=(-0.1, 0.1)),
    )


POLICIES: dict[str, Callable[[], Policy]] = {
    policy.__name__: policy for policy in (nuclei, natural, satellite, light)
}
