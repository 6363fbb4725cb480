"""Reads and writes files of images and label maps.

PNG, JPEG, TIFF, BMP and WebP (label maps: PNG, TIFF and npy), recognised by their content. Nothing
is rescaled or reduced to 8 bits, and a damaged or truncated file is an error, never a partial
image. Pictures are turned upright by their orientation tags, and so are label maps by theirs.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import tifffile

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.data.files import tiff
from tfseg.data.files.decoding import decode_image_file, decode_label_file
from tfseg.data.files.limits import BMP, JPEG, TIFF, WEBP
from tfseg.data.files.orientation import tag_of, upright, upright_shape
from tfseg.ids import MAX_ID, whole_numbers

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MASK_SUFFIXES = (".png", ".tif", ".tiff")
LABEL_SUFFIXES = (*MASK_SUFFIXES, ".npy")
_NOT_FOR_IDS = {"JPEG": JPEG, "WebP": WEBP, "BMP": BMP}
_SAVE_IDS = "Save one id per pixel as 16-bit grey PNG or 32-bit TIFF."


class Picture(NamedTuple):
    """The content of an image file.

    Attributes:
        pixels: `[H, W, C]` uint8, uint16 or float32, without alpha.
        turned: whether its orientation tag was applied; None if it has none.
    """

    pixels: np.ndarray
    turned: bool | None


def read_image(path: str | Path) -> np.ndarray:
    """Reads an image upright: the pixels of `read_picture`."""
    return read_picture(path).pixels


def read_picture(
    path: str | Path, *, orientation: str = "apply", size: tuple[int, ...] | None = None
) -> Picture:
    """Reads an image.

    An alpha channel, which only counts as one if the file declares it, is dropped; integer types
    other than uint8 become uint16 where all values fit.

    Args:
        path: a PNG, JPEG, TIFF, BMP or WebP file.
        orientation: "apply" turns the picture upright by the orientation tag of its file; "ignore"
            leaves it as it is stored.
        size: height and width of the annotation of the image; a picture that has them only as it
            is stored is not turned.

    Raises:
        InputError: missing, not an image, damaged, several images, or unsupported pixels.
    """
    path = Path(path)
    data = load(path)
    image = decode_image_file(path, data)
    image = image if image.ndim == 3 else image[..., None]
    if image.shape[-1] in (2, 4) and not data.startswith(TIFF):  # PNG and WebP declare alpha so
        image = image[..., :-1]
    image, tag = standard_type(path, image), tag_of(data)
    if tag == 1:
        return Picture(image, None)
    sizes = [image.shape[:2], upright_shape(image.shape[:2], tag)]
    if orientation == "ignore" or (size in sizes and size != sizes[1]):
        return Picture(image, turned=False)
    return Picture(upright(image, tag), turned=True)


def read_label(path: str | Path, *, orientation: str = "apply") -> np.ndarray:
    """Reads a label map.

    Args:
        path: a PNG, TIFF or npy file with one whole number per pixel, which may be a float; for a
            file with a palette, the numbers of the palette's entries.
        orientation: as for `read_picture`, by the tag of the label map's file.

    Returns:
        `[H, W]` int32 instance ids, 0 = background.

    Raises:
        InputError: missing, not an image, damaged, colour, lossy, fractions, or ids outside
            [0, 2147483647].
    """
    path = Path(path)
    data = load(path)
    for kind, start in _NOT_FOR_IDS.items():
        if data.startswith(start):
            raise InputError(f"{path} must be PNG, TIFF or npy; got {kind}. {_SAVE_IDS}")
    label = as_label(path, decode_label_file(path, data))
    return upright(label, tag_of(data)) if orientation == "apply" else label


def as_label(path: str | Path, ids: np.ndarray) -> np.ndarray:
    """Returns the ids `[H, W]` of a file as int32.

    Raises:
        InputError: not one whole number in [0, 2147483647] per pixel.
    """
    if ids.ndim == 3:
        raise InputError(
            f"{path} must hold one instance id per pixel; got {ids.shape[-1]} channels. {_SAVE_IDS}"
        )
    if ids.ndim != 2 or not ids.size:
        raise InputError(f"{path} must be a map [H, W]; got {list(ids.shape)}. {_SAVE_IDS}")
    ids = whole_numbers(path, ids)
    if ids.dtype.kind not in "bui":
        raise InputError(f"{path} must have whole numbers as ids; got {ids.dtype}. {_SAVE_IDS}")
    low, high = int(ids.min()), int(ids.max())
    if low < 0 or high > MAX_ID:
        raise InputError(
            f"{path} must have ids in [0, {MAX_ID}]; got {low} to {high}. Renumber the instances."
        )
    return ids.astype(np.int32)


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


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """Converts between grey and RGB: grey is repeated, colour averaged.

    Args:
        image: `[H, W, C]` of any type, C = `channels`, or 1 or 3 where this is 3 or 1.
        channels: from 1 on.

    Returns:
        `[H, W, channels]` of the same type.

    Raises:
        InputError: the image has another number of channels.
    """
    check_shape(image.shape)
    if image.shape[-1] == channels:
        return image
    if {image.shape[-1], channels} != {1, 3}:
        raise InputError(
            f"An image must have {channels} channels; got {image.shape[-1]}. Give the channels "
            "with which the network was trained, in their order."
        )
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    mean = image.mean(axis=-1, keepdims=True, dtype=np.float64)
    return (np.rint(mean) if image.dtype.kind in "ui" else mean).astype(image.dtype)


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuses an image whose shape is not `[H, W, C]`.

    Raises:
        InputError: another shape.
    """
    if len(shape) != 3 or not shape[-1]:
        raise InputError(
            f"An image must be [H, W, C] with at least one channel; got {list(shape)}. A grey "
            "image needs a channel axis of 1."
        )


def same_size(image_path: Path, image: np.ndarray, path: Path, annotation: np.ndarray) -> None:
    """Refuses an annotation `[H, W, ...]` with another height or width than its image.

    Raises:
        InputError: the sizes differ.
    """
    if image.shape[:2] != annotation.shape[:2]:
        sizes = ["{} x {}".format(*array.shape[:2]) for array in (annotation, image)]
        raise InputError(
            f"{path} must have the size of its image {image_path}; got {sizes[0]} pixels "
            f"(height x width) for an image of {sizes[1]}. Give the annotation made for this image."
        )


def stated_size(image_path: Path, image: np.ndarray, path: Path, size: tuple[int, int]) -> None:
    """Refuses an image without the `size` (height, width) in its annotation file `path`.

    Raises:
        InputError: the sizes differ.
    """
    if image.shape[:2] != size:
        stated, actual = ("{} x {}".format(*pair) for pair in (size, image.shape[:2]))
        raise InputError(
            f"{image_path} must have the size in {path.name}, {stated} (height x width); "
            f"got {actual}. Give the image that was annotated."
        )


def channel_names(data: bytes) -> tuple[str, ...]:
    """Returns the names of the channels of an image file that `read_picture` reads.

    Args:
        data: content of the file.

    Returns:
        As `tiff.channel_names`; empty for any other file, which has grey or RGB.
    """
    return tiff.channel_names(io.BytesIO(data)) if data.startswith(TIFF) else ()


def file_channel_names(path: Path) -> tuple[str, ...]:
    """Returns `channel_names` of a file, whose pixels are not read."""
    with path.open("rb") as file:
        return tiff.channel_names(path) if file.read(4) in TIFF else ()


def load(path: Path) -> bytes:
    """Returns the content of a file.

    Raises:
        InputError: missing, not a regular file, or not readable.
    """
    try:
        if path.is_fifo() or path.is_char_device():  # which may be endless
            raise InputError(f"{path} must be a regular file. Remove it from the folder.")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist. Check the path.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def standard_type(path: object, image: np.ndarray) -> np.ndarray:
    """Returns `image` as uint8, uint16 or float32, without loss.

    Raises:
        InputError: no pixels, pixels that are not finite as float32, integers outside [0, 65535],
            or no numbers; names the image by `path`.
    """
    if not image.size:
        raise InputError(f"{path} must have pixels; got {list(image.shape)}.")
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype in (np.uint8, np.uint16):
        return image
    if image.dtype.kind == "f":
        return _finite(path, image)
    if image.dtype.kind not in "ui":
        raise InputError(f"{path} must have real numbers as pixels; got {image.dtype}.")
    low, high = image.min(), image.max()
    if low < 0 or high > np.iinfo(np.uint16).max:
        raise InputError(
            f"{path} must have pixels from 0 to 65535, or floats; got {image.dtype} from {low} to "
            f"{high}. Rescale it and save it with 16 bits."
        )
    return image.astype(np.uint16)


def _finite(path: object, image: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused
        pixels = image.astype(np.float32)
    wrong = pixels.size - np.count_nonzero(np.isfinite(pixels))
    if wrong:
        raise InputError(
            f"{path} must have finite pixels; {wrong} of the {pixels.size} read are NaN, infinite "
            "or too large for float32. Replace them, for example with numpy.nan_to_num."
        )
    return pixels


def _write(path: Path, data: bytes | bytearray) -> Path:
    remedy = "Choose another folder or free some space."
    with atomic.writing(path, remedy), atomic.replacing(path, durable=False) as partial:
        partial.write_bytes(data)
    return path
