"""torchvision's transforms v2 on an image of 8 bits and a mask, by their functions.

`RandomAffine` draws parameters and calls `affine`; this script does the same, with the same
distribution as the others. Beyond the border the image is black, as `affine` cannot mirror; that
takes no time.
"""

from __future__ import annotations

import os
import random
from typing import Any

import protocol
import torch
import torchvision
from geometric import transformed
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

Pair = tuple[torch.Tensor, torch.Tensor]


def build(policy: list[dict[str, Any]], inputs: protocol.Arrays) -> protocol.Step:
    """Returns the work: one call of a function for each transform, on image and mask."""
    image = tv_tensors.Image(torch.from_numpy(inputs["image"]).permute(2, 0, 1).contiguous())
    mask = tv_tensors.Mask(torch.from_numpy(inputs["label"]))
    draw = random.Random(0)

    def step() -> Pair:
        moved_image, moved_mask = transformed((image, mask), policy, _TRANSFORMS, draw)
        return moved_image.permute(1, 2, 0), moved_mask

    return step


def _horizontal(image: torch.Tensor, mask: torch.Tensor, *_: object) -> Pair:
    return functional.horizontal_flip(image), functional.horizontal_flip(mask)


def _vertical(image: torch.Tensor, mask: torch.Tensor, *_: object) -> Pair:
    return functional.vertical_flip(image), functional.vertical_flip(mask)


def _affine(
    image: torch.Tensor, mask: torch.Tensor, entry: dict[str, Any], draw: random.Random
) -> Pair:
    shift = [draw.uniform(*entry["shift_limit"]) * length for length in reversed(mask.shape)]
    scale = 1.0 + draw.uniform(*entry["scale_limit"])
    angle = -draw.uniform(*entry["rotate_limit"])  # clockwise in torchvision
    bilinear = InterpolationMode.BILINEAR
    moved = functional.affine(image, angle, shift, scale, [0.0, 0.0], interpolation=bilinear)
    return moved, functional.affine(mask, angle, shift, scale, [0.0, 0.0])


_TRANSFORMS = {
    "HorizontalFlip": _horizontal,
    "VerticalFlip": _vertical,
    "ShiftScaleRotate": _affine,
}

if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["PEER_THREADS"]))
    protocol.serve(
        build,
        {
            "torchvision": torchvision.__version__,
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
        },
    )
