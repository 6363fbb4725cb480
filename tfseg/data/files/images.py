"""Reads and writes files of images and label maps.

PNG, JPEG, TIFF, BMP and WebP (label maps: PNG, TIFF and npy), recognised by their content. Nothing
is rescaled or reduced to 8 bits, and a damaged or truncated file is an error, never a partial
image. Pictures are turned upright by their orientation tags, and so are label maps by theirs. A
large TIFF is read in windows.
"""

from __future__ import annotations

import io
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.data.files import limits
from tfseg.data.files.opening import SAVE_IDS, Picture, explained, open_numbers, open_picture
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.data.files.tiff_windows import TiffWindows
from tfseg.data.files.windows import zeros
from tfseg.ids import MAX_ID, whole_numbers
from tfseg.large_arrays import bands_of

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    *(".btf", ".svs", ".ndpi", ".scn", ".bif", ".qptiff"),  # TIFF too
)
MASK_SUFFIXES = (".png", ".tif", ".tiff")
LABEL_SUFFIXES = (*MASK_SUFFIXES, ".npy")


def read_image(
    path: str | Path, *, orientation: str = "apply", size: tuple[int, ...] | None = None
) -> np.ndarray:
    """Reads the pixels of `open_picture` at once.

    Raises:
        InputError: as in `open_picture`, or larger than what is read at once.
    """
    pixels = open_picture(path, orientation=orientation, size=size).pixels
    with explained(Path(path)):
        height, width, channels = pixels.shape
        limits.check_size(height, width, channels * pixels.dtype.itemsize)
    return np.asarray(pixels)


def read_label(
    path: str | Path, *, orientation: str = "apply", selection: Selection = DEFAULT
) -> np.ndarray:
    """Reads a label map; a large one lies in a file, see `windows.zeros`.

    Args:
        path: a PNG, TIFF or npy file with one whole number per pixel, which may be a float; for a
            file with a palette, the numbers of the palette's entries.
        orientation: as for `open_picture`, by the tag of the label map's file.
        selection: page and level of a TIFF that has several.

    Returns:
        `[H, W]` int32 instance ids, 0 = background.

    Raises:
        InputError: missing, not an image, damaged, colour, lossy, fractions, or ids outside
            [0, 2147483647].
    """
    return as_label(path, open_numbers(Path(path), orientation, selection))


def read_middle(path: str | Path, *, selection: Selection = DEFAULT) -> np.ndarray:
    """Reads the rows in the middle of a label map, at most 16 million pixels; see `read_label`."""
    return as_label(path, open_numbers(Path(path), "apply", selection), most=limits.LARGE)


def as_label(
    path: str | Path, ids: np.ndarray | TiffWindows, *, most: int | None = None
) -> np.ndarray:
    """Returns the ids `[H, W]` of a file as int32; many lie in a file, see `windows.zeros`.

    Args:
        path: of the file, for errors.
        ids: `[H, W]`, or `[H, W, 1]` of a TIFF.
        most: pixels that are read, of a larger map those in the middle; None: all.

    Raises:
        InputError: not one whole number in [0, 2147483647] per pixel.
    """
    shape = ids.shape[:2] if isinstance(ids, TiffWindows) and ids.shape[2] == 1 else ids.shape
    if len(shape) == 3:
        raise InputError(
            f"{path} must hold one instance id per pixel; got {shape[-1]} channels. {SAVE_IDS}"
        )
    if len(shape) != 2 or not all(shape):
        raise InputError(f"{path} must be a map [H, W]; got {list(shape)}. {SAVE_IDS}")
    height, width = shape
    count = height if most is None else min(height, max(1, most // width))
    top = (height - count) // 2
    label = zeros((count, width), np.int32)
    for rows in bands_of(label.shape):
        label[rows] = _checked(path, ids[top + rows.start : top + rows.stop, :].reshape(-1, width))
    return label


def _checked(path: str | Path, ids: np.ndarray) -> np.ndarray:
    ids = whole_numbers(path, ids)
    if ids.dtype.kind not in "bui":
        raise InputError(f"{path} must have whole numbers as ids; got {ids.dtype}. {SAVE_IDS}")
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > MAX_ID:
        raise InputError(
            f"{path} must have ids in [0, {MAX_ID}]; got {low} to {high}. Renumber the instances."
        )
    return ids


def write_label(path: str | Path, label: np.ndarray) -> Path:
    """Writes a label map: 16-bit PNG, or 32-bit TIFF when an id is above 65535.

    Args:
        path: the file without its suffix, which is added.
        label: `[H, W]` integer ids from 0 on.

    Returns:
        The file written.

    Raises:
        InputError: an id below 0, or the file cannot be written.
    """
    if label.size and label.min() < 0:
        raise InputError(f"Ids in {path} must be from 0 on; got {label.min()}.")
    if label.size and label.max() > np.iinfo(np.uint16).max:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, label.astype(np.uint32), compression="zlib", metadata=None)
        return _write(Path(f"{path}.tif"), buffer.getvalue())
    return _write(Path(f"{path}.png"), imagecodecs.png_encode(label.astype(np.uint16)))


def write_picture(path: str | Path, picture: np.ndarray) -> Path:
    """Writes `picture` `[H, W, 3]` uint8 as the PNG file `path`, and returns the path.

    Raises:
        InputError: the file cannot be written.
    """
    return _write(Path(path), imagecodecs.png_encode(np.ascontiguousarray(picture)))


def list_images(folder: str | Path) -> list[Path]:
    """Returns the image files directly in `folder`, by name, without hidden ones.

    Raises:
        InputError: no such folder.
    """
    return [path for path in entries(folder) if path.suffix.lower() in IMAGE_SUFFIXES]


def entries(folder: str | Path) -> list[Path]:
    """Returns the files and folders directly in `folder`, by name, without hidden ones.

    Raises:
        InputError: no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise InputError(f"Folder {folder} {kind}. Check the path.")
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(f"{folder} cannot be listed: {error.strerror}.") from error


def same_size(image_path: Path, size: tuple[int, ...], path: Path, annotation: np.ndarray) -> None:
    """Refuses an annotation `[H, W, ...]` with another size (height, width) than its image.

    Raises:
        InputError: the sizes differ.
    """
    if size != annotation.shape[:2]:
        sizes = ["{} x {}".format(*pair) for pair in (annotation.shape[:2], size)]
        raise InputError(
            f"{path} must have the size of its image {image_path}; got {sizes[0]} pixels "
            f"(height x width) for an image of {sizes[1]}. Give the annotation made for this image."
        )


def stated_size(image_path: Path, picture: Picture, path: Path, size: tuple[int, int]) -> None:
    """Refuses an image without the `size` (height, width) in its annotation file `path`.

    Raises:
        InputError: the sizes differ.
    """
    if picture.size != size:
        stated, actual = ("{} x {}".format(*pair) for pair in (size, picture.size))
        raise InputError(
            f"{image_path} must have the size in {path.name}, {stated} (height x width); "
            f"got {actual}. Give the image that was annotated."
        )


def _write(path: Path, data: bytes | bytearray) -> Path:
    remedy = "Choose another folder or free some space."
    with atomic.writing(path, remedy), atomic.replacing(path, durable=False) as partial:
        partial.write_bytes(data)
    return path
