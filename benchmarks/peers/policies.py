"""The transforms of every library, as plain values of tfseg; the others translate only names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import tfseg

# In the order in which they act. The elastic field is fine because albumentations smooths it with a
# kernel of 8 sigma, which is slower for a larger sigma. Its displacements are small (standard
# deviation of 1 pixel) because AlbumentationsX allows no more on such a fine grid.
NINE: dict[str, dict[str, Any]] = {
    "HorizontalFlip": {},
    "VerticalFlip": {},
    "RandomRotate90": {},
    "ShiftScaleRotate": {
        "shift_limit": [-0.0625, 0.0625],
        "scale_limit": [-0.1, 0.1],
        "rotate_limit": [-45.0, 45.0],
    },
    "ElasticTransform": {"alpha": 35.0, "sigma": 10.0, "noise_distribution": "uniform"},
    "GridDistortion": {"num_steps": 5, "distort_limit": [-0.3, 0.3]},
    "OpticalDistortion": {"distort_limit": [-0.3, 0.3]},
    "GaussianBlur": {"sigma_limit": [0.5, 3.0]},
    "GaussNoise": {"std_range": [0.02, 0.1]},
}
FIVE = (
    "HorizontalFlip",
    "ShiftScaleRotate",
    "ElasticTransform",
    "GridDistortion",
    "OpticalDistortion",
)
GEOMETRIC = ("HorizontalFlip", "VerticalFlip", "ShiftScaleRotate")
GEOMETRIC_PEERS = ("torchvision", "kornia", "warps")  # libraries with only these
SMOOTH_ELASTIC = [
    {
        "name": "ElasticTransform",
        "p": 1.0,
        **NINE["ElasticTransform"],
        "alpha": 175.0,
        "sigma": 50.0,
    }
]

# One value instead of a range, for transforms that all libraries define in the same way. The shift
# is an integer number of pixels, because albumentations cuts off the rest.
FIXED: dict[str, dict[str, Any]] = {
    "HorizontalFlip": {},
    "VerticalFlip": {},
    "ShiftScaleRotate": {
        "shift_limit": [0.0625, 0.0625],
        "scale_limit": [0.1, 0.1],
        "rotate_limit": [30.0, 30.0],
    },
    "OpticalDistortion": {"distort_limit": [0.2, 0.2]},
    "GaussianBlur": {"sigma_limit": [1.5, 1.5]},
}
DIFFERENCES = {
    "ShiftScaleRotate": "torchvision has black beyond the border, where the others mirror",
    "OpticalDistortion": "the peers' camera map moves the picture by half a pixel beside the "
    "distortion (albumentations 2.0.8 also at strength 0); tfseg's does not",
}


def policy(*names: str, p: float = 1.0) -> list[dict[str, Any]]:
    """Returns the transforms called `names`, each with probability `p`; all nine if none."""
    return [{"name": name, "p": p, **NINE[name]} for name in names or NINE]


def write_inputs(path: Path, *, size: int, ids: int) -> None:
    """Writes a real picture of `size` x `size` with `ids` instances: image uint8, label int32.

    It is an embedded one, mirrored repeatedly, and shrunk until there are `ids` instances.
    """
    files = tfseg.sample.path() / "other"
    name = "a0325cb7aa59.png"
    picture, nuclei = (Image.open(files / kind / name) for kind in ("images", "labels"))
    square = (0, 0, 256, 256)
    for repeats in range(max(1, size // 256), size + 1):
        tile = (-(-size // repeats),) * 2
        image = np.asarray(picture.convert("RGB").crop(square).resize(tile, Image.BILINEAR))
        label = np.asarray(nuclei.crop(square).resize(tile, Image.NEAREST)).astype(np.int32)
        image, label = _mirrored(image, repeats), _mirrored(label, repeats)
        kinds = np.kron(np.arange(repeats**2).reshape(repeats, repeats), np.ones(tile, np.int32))
        label = np.where(label > 0, label + kinds.astype(np.int32) * 1000, 0)[:size, :size]
        present, label = np.unique(label, return_inverse=True)
        if len(present) > ids:
            label = label.reshape(size, size).astype(np.int32)
            np.savez(path, image=image[:size, :size], label=np.where(label > ids, 0, label))
            return
    raise ValueError(f"{ids} instances do not fit into {size} x {size} pixels.")


def _mirrored(tile: np.ndarray, repeats: int) -> np.ndarray:
    rows = [tile, tile[::-1]] * repeats
    column = np.concatenate(rows[:repeats])
    return np.concatenate(([column, column[:, ::-1]] * repeats)[:repeats], axis=1)
