"""Opens files of images and label maps: a large TIFF in windows, any other file at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from tfseg.checks import InputError
from tfseg.data.files import limits, pixel_size, tiff
from tfseg.data.files.content import load, starts_with
from tfseg.data.files.decoding import damaged, decode_image_file, decode_label_file
from tfseg.data.files.limits import BMP, JPEG, TIFF, WEBP, NotOneImage
from tfseg.data.files.orientation import page_tag, tag_of, upright, upright_shape
from tfseg.data.files.pixel_size import Stated
from tfseg.data.files.pixels import standard_type
from tfseg.data.files.selection import DEFAULT, Selection
from tfseg.data.files.tiff_layout import Layout, layout_of
from tfseg.data.files.tiff_windows import TiffWindows
from tfseg.lengths import rounded

_NOT_FOR_IDS = {"JPEG": JPEG, "WebP": WEBP, "BMP": BMP}
SAVE_IDS = "Save one id per pixel as 16-bit grey PNG or 32-bit TIFF."
_NPY = b"\x93NUMPY"


class Picture(NamedTuple):
    """The content of an image file.

    Attributes:
        pixels: `[H, W, C]` uint8, uint16 or float32, without alpha.
        turned: whether its orientation tag was applied; None if it has none.
        size: height and width, or those of level 0 where `pixels` are another level of a pyramid.
    """

    pixels: np.ndarray | TiffWindows
    turned: bool | None
    size: tuple[int, int]


def open_image(path: str | Path) -> np.ndarray | TiffWindows:
    """Opens an image upright: the pixels of `open_picture`."""
    return open_picture(path).pixels


def open_picture(
    path: str | Path,
    *,
    orientation: str = "apply",
    size: tuple[int, ...] | None = None,
    selection: Selection = DEFAULT,
) -> Picture:
    """Opens a large TIFF, which is then read in windows, or reads any other image at once.

    An alpha channel, which only counts as one if the file declares it, is dropped; integer types
    other than uint8 become uint16 where all values fit.

    Args:
        path: a PNG, JPEG, TIFF, BMP or WebP file.
        orientation: "apply" turns the picture upright by the orientation tag of its file; "ignore"
            leaves it as it is stored.
        size: height and width of the annotation of the image; a picture that has them only as it
            is stored is not turned.
        selection: which page and level of a TIFF.

    Raises:
        InputError: missing, not an image, damaged, several images, or unsupported pixels.
    """
    path = Path(path)
    if starts_with(path, TIFF):
        with _tiff(path, selection) as layout:
            return _open_tiff(path, layout, orientation, size, selection)
    if selection.level or selection.page:
        raise InputError(
            f"{path} must be a TIFF to have the {'level' if selection.level else 'page'} "
            f"{selection.level or selection.page}; it has one picture. Leave the option out."
        )
    data = load(path)
    image = decode_image_file(path, data)
    image = image if image.ndim == 3 else image[..., None]
    if image.shape[-1] in (2, 4):  # PNG and WebP declare alpha so
        image = image[..., :-1]
    image = standard_type(path, image)
    tag, turned = _turn(tag_of(data), (image.shape[:2],), orientation, size)
    image = upright(image, tag) if turned else image
    return Picture(image, turned, (image.shape[0], image.shape[1]))


def file_channel_names(path: Path, selection: Selection = DEFAULT) -> tuple[str, ...]:
    """Returns the names of the channels of an image file, whose pixels are not read.

    They are those of `tiff.channel_names`; empty for any other file, which has grey or RGB.
    """
    if not starts_with(path, TIFF):
        return ()
    with explained(path):
        return tiff.channel_names(path, selection)


def file_pixel_size(path: Path, selection: Selection = DEFAULT) -> Stated:
    """Returns what a file says about the size of the pixels of the selected level."""
    stated = pixel_size.of_file(path)
    if not selection.level or not stated.size:
        return stated
    with _tiff(path, selection) as layout:
        factor = layout.full.imagelength / layout.series.keyframe.imagelength
        return stated._replace(size=rounded(stated.size * factor))


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises an `InputError` that names the file in place of the errors of decoders."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except NotOneImage as error:
        raise InputError(f"{path} {error}") from error
    except Exception as error:  # tifffile raises many kinds of errors for damaged bytes
        raise damaged(path, error) from error


@contextlib.contextmanager
def _tiff(path: Path, selection: Selection, *, is_label: bool = False) -> Iterator[Layout]:
    """Opens a TIFF, and yields where its image lies."""
    with explained(path), tifffile.TiffFile(path, _multifile=False) as file:
        layout = layout_of(file, selection, is_label=is_label)
        page = layout.series.keyframe
        limits.check_claim(page.imagelength, page.imagewidth, path.stat().st_size)
        yield layout


def _open_tiff(
    path: Path,
    layout: Layout,
    orientation: str,
    size: tuple[int, ...] | None,
    selection: Selection,
) -> Picture:
    full = layout.full.imagelength, layout.full.imagewidth
    page = layout.series.keyframe
    level = page.imagelength, page.imagewidth
    tag, turned = _turn(page_tag(layout.full), (full, level), orientation, size)
    to_pixels = tiff.to_pixels(page)
    windows = TiffWindows(
        path,
        layout,
        lambda stored: standard_type(path, to_pixels(stored)),
        channels=layout.channels,
        projection=selection.projection,
        tag=tag,
    )
    height, width = upright_shape(full, tag)
    return Picture(_read_if_small(windows), turned, (height, width))


def open_numbers(path: Path, orientation: str, selection: Selection) -> np.ndarray | TiffWindows:
    """Opens the numbers of a label map, as they are stored."""
    for kind, start in _NOT_FOR_IDS.items():
        if starts_with(path, (start,)):
            raise InputError(f"{path} must be PNG, TIFF or npy; got {kind}. {SAVE_IDS}")
    if starts_with(path, (_NPY,)):
        with explained(path):
            return np.load(path, mmap_mode="r", allow_pickle=False)
    if not starts_with(path, TIFF):
        data = load(path)
        numbers = decode_label_file(path, data)
        return upright(numbers, tag_of(data)) if orientation == "apply" else numbers
    with _tiff(path, selection, is_label=True) as layout:
        tag = page_tag(layout.full) if orientation == "apply" else 1
        count = layout.pages.shape[1] * layout.series.keyframe.samplesperpixel
        return TiffWindows(path, layout, lambda stored: stored, channels=range(count), tag=tag)


def _read_if_small(windows: TiffWindows) -> np.ndarray | TiffWindows:
    height, width, channels = windows.shape
    is_small = height * width <= limits.LARGE
    is_light = height * width * channels * windows.dtype.itemsize <= limits.MAX_BYTES
    return windows[:, :] if is_small and is_light else windows


def _turn(
    tag: int, stored: Sequence[tuple[int, ...]], orientation: str, size: tuple[int, ...] | None
) -> tuple[int, bool | None]:
    """Returns the tag by which a picture is turned, and whether it is, as in `Picture`.

    Args:
        tag: orientation tag of the picture.
        stored: sizes of the picture as it is stored: of level 0, and of the level that is read.
        orientation: as for `open_picture`.
        size: as for `open_picture`.
    """
    if tag == 1:
        return 1, None
    turned = [upright_shape(shape, tag) for shape in stored]
    if orientation == "ignore" or (size in stored and size not in turned):
        return 1, False
    return tag, True
