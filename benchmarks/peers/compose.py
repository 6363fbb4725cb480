"""albumentations 2.0.8 and AlbumentationsX 2.5.1: `Compose` on NumPy arrays.

Both take tfseg's parameters. AlbumentationsX calls a `_limit` a `_range`, and its ElasticTransform
is different: a cubic B-spline on a grid of control points, drawn in a disk. It gets the grid that
makes the spline as wide as the Gaussian, and the disk that gives displacements of equal variance.
"""

from __future__ import annotations

import importlib.metadata
import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import albumentations
import cv2
import protocol

IS_X = not albumentations.__version__.startswith("2.0.")
# For transforms with these parameters: tfseg's defaults, and different noise in each channel.
SAME = {
    "interpolation": cv2.INTER_LINEAR,
    "mask_interpolation": cv2.INTER_NEAREST,
    "border_mode": cv2.BORDER_REFLECT_101,
    "per_channel": True,
}


def build(policy: list[dict[str, Any]], inputs: protocol.Arrays) -> protocol.Step:
    """Returns the work: one call for one image and its ids."""
    compose = composed(policy, min(inputs["label"].shape))

    def step() -> tuple[Any, Any]:
        moved = compose(image=inputs["image"], mask=inputs["label"])
        return moved["image"], moved["mask"]

    return step


def composed(policy: list[dict[str, Any]], size: int) -> albumentations.Compose:
    """Returns the transforms of a policy for images of `size`, pixels."""
    return albumentations.Compose([_transform(entry, size) for entry in policy], seed=0)


def _transform(entry: dict[str, Any], size: int) -> albumentations.BasicTransform:
    kind = getattr(albumentations, entry["name"])
    known = inspect.signature(kind.__init__).parameters
    given = {key: value for key, value in entry.items() if key != "name"}
    if IS_X:
        given = {key.replace("_limit", "_range"): value for key, value in given.items()}
        if given.pop("noise_distribution", ""):
            given |= _spline(given.pop("alpha"), given.pop("sigma"), size)
    given |= {key: value for key, value in SAME.items() if key in known}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


def _spline(alpha: float, sigma: float, size: int) -> dict[str, Any]:
    """Returns grid and displacement of a spline that moves as a Gaussian field does.

    White noise under a Gaussian has the standard deviation alpha / (2 sqrt(pi) sigma). Under a
    cubic B-spline of knots h apart, which is as wide as a Gaussian of h / sqrt(3), values that are
    uniform in a disk of radius r have, in each direction, r / 2 x 151 / 315 (the mean over the
    positions of the sum of the squared weights, for both axes, and its square root).
    """
    control = round(size / (math.sqrt(3.0) * sigma)) + 3
    radius = alpha / (2.0 * math.sqrt(math.pi) * sigma) / (0.5 * 151.0 / 315.0)
    share = radius / (size - 1)
    return {"control_grid_shape": (control, control), "displacement_range": (share, share)}


def serve(build: Callable[..., protocol.Step]) -> None:
    """Answers requests with one thread of OpenCV per caller."""
    warnings.simplefilter("ignore")  # ShiftScaleRotate advises to use Affine instead
    cv2.setNumThreads(1)
    name = "albumentationsx" if IS_X else "albumentations"
    versions = {
        package: importlib.metadata.version(package) for package in (name, "albucore", "numpy")
    }
    protocol.serve(
        build,
        versions
        | {
            "opencv": cv2.__version__,
            "opencv_threads": cv2.getNumThreads(),
            "opencv_simd": cv2.getCPUFeaturesLine(),
        },
    )


if __name__ == "__main__":
    serve(build)
