"""kornia on float tensors: its functions, with the matrix that its random modules would make.

Ids are floats, as kornia requires.
"""

from __future__ import annotations

import os
import random
from typing import Any

import kornia
import protocol
import torch
from geometric import transformed
from kornia.geometry import transform

Pair = tuple[torch.Tensor, torch.Tensor]


def build(policy: list[dict[str, Any]], inputs: protocol.Arrays) -> protocol.Step:
    """Returns the work, including the conversion to float32."""
    image = torch.from_numpy(inputs["image"]).permute(2, 0, 1)[None].contiguous()
    mask = torch.from_numpy(inputs["label"])[None, None]
    draw = random.Random(0)

    def step() -> Pair:
        floats = image.float() / 255.0, mask.float()
        moved_image, moved_mask = transformed(floats, policy, _TRANSFORMS, draw)
        return moved_image[0].permute(1, 2, 0), moved_mask[0, 0].int()

    return step


def _horizontal(image: torch.Tensor, mask: torch.Tensor, *_: object) -> Pair:
    return transform.hflip(image), transform.hflip(mask)


def _vertical(image: torch.Tensor, mask: torch.Tensor, *_: object) -> Pair:
    return transform.vflip(image), transform.vflip(mask)


def _affine(
    image: torch.Tensor, mask: torch.Tensor, entry: dict[str, Any], draw: random.Random
) -> Pair:
    height, width = size = tuple(mask.shape[-2:])
    center = torch.tensor([[(width - 1) / 2, (height - 1) / 2]])
    angle = torch.tensor([draw.uniform(*entry["rotate_limit"])])
    scale = torch.full((1, 2), 1.0 + draw.uniform(*entry["scale_limit"]))
    matrix = transform.get_rotation_matrix2d(center, angle, scale)
    for axis, length in enumerate((width, height)):
        matrix[:, axis, 2] += draw.uniform(*entry["shift_limit"]) * length
    how = {"padding_mode": "reflection", "align_corners": True}
    return (
        transform.warp_affine(image, matrix, size, mode="bilinear", **how),
        transform.warp_affine(mask, matrix, size, mode="nearest", **how),
    )


_TRANSFORMS = {
    "HorizontalFlip": _horizontal,
    "VerticalFlip": _vertical,
    "ShiftScaleRotate": _affine,
}

if __name__ == "__main__":
    torch.set_num_threads(int(os.environ["PEER_THREADS"]))
    torch.set_grad_enabled(False)
    protocol.serve(
        build,
        {
            "kornia": kornia.__version__,
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
        },
    )
