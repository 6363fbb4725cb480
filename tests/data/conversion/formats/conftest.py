"""Fixtures that write small files of images and ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def png() -> Callable[..., Path]:
    """Returns a function that writes `array` as a PNG file, and the folders it lies in."""

    def write(path: Path, array: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))
        return path

    return write


@pytest.fixture(scope="session")
def palette_png() -> Callable[..., Path]:
    """Returns a function that writes indices `[H, W]` as a PNG file with a palette of colours."""

    def write(path: Path, indices: np.ndarray) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        height, width = indices.shape
        picture = Image.new("P", (width, height))
        picture.putpalette(np.random.default_rng(0).permutation(768).astype(np.uint8).tobytes())
        picture.putdata(indices.ravel().tolist())
        picture.save(path)
        return path

    return write
