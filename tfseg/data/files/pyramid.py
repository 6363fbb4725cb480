"""Writes large id maps as pyramids: OME-TIFF in tiles, each level half the size of the one before.

Source: the OME-TIFF specification, section "Sub-resolutions"; QuPath, Fiji and napari read it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tifffile

from tfseg import atomic
from tfseg.large_arrays import release

TILE = 512  # pixels, the side of a tile
_LARGEST_TIFF = 2**32 - 2**26  # bytes; offsets of 32 bits reach no further


def write_pyramid(path: Path, label: np.ndarray) -> Path:
    """Writes an id map as tiled TIFF of 32 bits, compressed without loss, with smaller levels.

    A level has every second row and column of the one before, so that it has no new ids.

    Args:
        path: the file without its suffix, which is added.
        label: `[H, W]` integer ids from 0 on; may be larger than memory.

    Returns:
        The file written.

    Raises:
        InputError: the file cannot be written.
    """
    path = Path(f"{path}.tif")
    levels = _number_of_levels(label.shape)
    # With all levels a third more, and compressed never much larger.
    is_big = 4 * label.size * 3 // 2 > _LARGEST_TIFF
    # The identifier is that of the name: the same ids give the same bytes.
    metadata = {"axes": "YX", "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, path.name))}
    writing = atomic.writing(path, "Choose another folder or free some space.")
    with (
        writing,
        atomic.replacing(path, durable=False) as partial,
        tifffile.TiffWriter(partial, bigtiff=is_big, ome=True) as file,
    ):
        for level in range(levels):
            step, is_first = 2**level, level == 0
            file.write(
                _tiles(label, step),
                shape=tuple(-(-side // step) for side in label.shape),
                dtype=np.uint32,
                tile=(TILE, TILE),
                compression="zlib",
                photometric="minisblack",
                subifds=levels - 1 if is_first else None,
                subfiletype=0 if is_first else 1,
                metadata=metadata if is_first else None,
            )
    return path


def _number_of_levels(shape: tuple[int, ...]) -> int:
    """Returns how many halves lead to a level of at most one tile, the whole size included."""
    levels = 1
    while -(-max(shape) // 2 ** (levels - 1)) > TILE:
        levels += 1
    return levels


def _tiles(label: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Yields the tiles of a level, row by row; those at the end are smaller."""
    height, width = label.shape
    size = TILE * step
    for top in range(0, height, size):
        for left in range(0, width, size):
            tile = label[top : top + size : step, left : left + size : step].astype(np.uint32)
            release(label)
            yield np.pad(tile, [(0, TILE - side) for side in tile.shape])
