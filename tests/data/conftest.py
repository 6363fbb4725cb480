"""Small image folders to convert."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from tfseg import Dataset, convert
from tfseg.data.files.images import write_label


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """Returns a function that writes the images and label maps NAME or SPLIT/NAME.

    An image is noise of `label`'s size, drawn from its name; the label has two squares of 36 and 64
    pixels, unless given.
    """

    def write_pairs(
        folder: Path,
        names: Iterable[str],
        *,
        image: np.ndarray | None = None,
        label: np.ndarray | None = None,
    ) -> Path:
        if label is None:
            label = np.zeros((20, 24), np.int32)
            label[2:8, 3:9], label[10:18, 12:20] = 1, 2
        for name in names:
            *split, stem = name.split("/")
            draw = np.random.default_rng(zlib.crc32(name.encode()))
            noise = draw.integers(0, 256, label.shape, np.uint8)
            images, labels = (folder.joinpath(*split, kind) for kind in ("images", "labels"))
            images.mkdir(parents=True, exist_ok=True)
            labels.mkdir(exist_ok=True)
            encoded = imagecodecs.png_encode(noise if image is None else image)
            (images / f"{stem}.png").write_bytes(encoded)
            write_label(labels / stem, label)
        return folder

    return write_pairs


@pytest.fixture(scope="session")
def ten(write, tmp_path_factory) -> Dataset:
    """Ten images of 20 x 24 pixels in train, a to j, in shards of 2, 3, 2 and 3."""
    folder = tmp_path_factory.mktemp("ten")
    return convert(write(folder / "files", "abcdefghij"), folder / "data", shard_size=3)
