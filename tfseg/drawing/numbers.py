"""The ids of instances as numbers in a picture, so that a row of a table can be looked up there."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

_SIZE = 11  # of the digits, pixels
_TEXT, _AROUND = (255, 255, 255), (0, 0, 0)


def write_ids(picture: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns a picture with the id of every instance that is large enough for it.

    An id is written in the middle of the box of its instance, white with a black rim, if the box is
    at least as large as the number.

    Args:
        picture: `[H, W, 3]` uint8.
        label: `[H, W]` integer ids, 0 = background.
    """
    drawn = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(drawn), ImageFont.load_default(_SIZE)
    for id, box in enumerate(ndimage.find_objects(label), start=1):
        if box is None:
            continue
        rows, columns = box
        left, top, right, bottom = draw.textbbox((0, 0), str(id), font, stroke_width=1)
        if right - left <= columns.stop - columns.start and bottom - top <= rows.stop - rows.start:
            middle = (columns.start + columns.stop) / 2, (rows.start + rows.stop) / 2
            draw.text(
                middle, str(id), _TEXT, font, anchor="mm", stroke_width=1, stroke_fill=_AROUND
            )
    return np.asarray(drawn)
