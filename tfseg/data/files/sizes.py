"""Sizes of images, from the first bytes of their files."""

from __future__ import annotations

import contextlib
from pathlib import Path

import tifffile
from PIL import Image

from tfseg.data.files.content import starts_with
from tfseg.data.files.limits import TIFF


def stored_size(path: Path) -> tuple[int, int] | None:
    """Returns height and width as they are stored, or None where the header does not say them."""
    # The libraries raise many kinds of errors for damaged files, which are reported when read.
    with contextlib.suppress(Exception):
        if starts_with(path, TIFF):
            with tifffile.TiffFile(path) as tiff:
                page = tiff.pages.first
                return page.imagelength, page.imagewidth
        with Image.open(path) as image:
            return image.height, image.width
    return None
