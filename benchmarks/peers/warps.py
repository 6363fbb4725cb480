"""A gather warp by SciPy per transform, as in imgaug without a function of OpenCV."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import protocol
import scipy
from geometric import transformed
from scipy import ndimage

Pair = tuple[np.ndarray, np.ndarray]


def build(policy: list[dict[str, Any]], inputs: protocol.Arrays) -> protocol.Step:
    """Returns the work."""
    draw = random.Random(0)
    pair = inputs["image"], inputs["label"]
    return lambda: transformed(pair, policy, _TRANSFORMS, draw)


def _horizontal(image: np.ndarray, label: np.ndarray, *_: object) -> Pair:
    return np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(label[:, ::-1])


def _vertical(image: np.ndarray, label: np.ndarray, *_: object) -> Pair:
    return np.ascontiguousarray(image[::-1]), np.ascontiguousarray(label[::-1])


def _affine(
    image: np.ndarray, label: np.ndarray, entry: dict[str, Any], draw: random.Random
) -> Pair:
    angle = math.radians(draw.uniform(*entry["rotate_limit"]))
    scale = 1.0 + draw.uniform(*entry["scale_limit"])
    y, x = (
        np.arange(length, dtype=np.float32)
        - (length - 1) / 2
        - draw.uniform(*entry["shift_limit"]) * length
        for length in label.shape
    )
    y, x = y[:, None], x[None]
    sine, cosine = math.sin(angle) / scale, math.cos(angle) / scale
    coordinates = np.stack([cosine * y + sine * x, cosine * x - sine * y])
    coordinates += np.array([(length - 1) / 2 for length in label.shape])[:, None, None]
    moved = np.stack(
        [
            ndimage.map_coordinates(image[..., channel], coordinates, order=1, mode="mirror")
            for channel in range(image.shape[-1])
        ],
        axis=-1,
    )
    return moved, ndimage.map_coordinates(label, coordinates, order=0, mode="mirror")


_TRANSFORMS = {
    "HorizontalFlip": _horizontal,
    "VerticalFlip": _vertical,
    "ShiftScaleRotate": _affine,
}

if __name__ == "__main__":
    protocol.serve(build, {"scipy": scipy.__version__, "numpy": np.__version__})
