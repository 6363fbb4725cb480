"""HTML that a notebook shows: tables and small pictures. Texts are escaped and lengths bounded."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SIDE = 256  # pixels, the longer side of a picture
_QUALITY = 85  # of JPEG: 256 x 256 pixels of noise have 70 kB
_MOST_ROWS, _MOST_LETTERS = 20, 200


def text(value: object) -> str:
    """Returns a paragraph."""
    return f"<p>{_escaped(value)}</p>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns a table of the first 20 `rows`, and the number of the others."""
    rows = list(rows)
    shown = [_row("td", row) for row in rows[:_MOST_ROWS]]
    body = f"<thead>{_row('th', columns)}</thead><tbody>{''.join(shown)}</tbody>"
    more = len(rows) - len(shown)
    return f"<table>{body}</table>" + (text(f"and {more} more") if more else "")


def picture(pixels: np.ndarray, caption: str) -> str:
    """Returns a picture of `[H, W, 3]` uint8, enlarged or reduced to a longer side of 256.

    The file has the pixels that are given, so large pictures are thinned before.
    """
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=_QUALITY, subsampling=0)
    source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    height, width = pixels.shape[:2]
    size = f'width="{round(width * SIDE / max(height, width))}"'
    return (
        f'<figure style="display:inline-block;margin:0 8px 8px 0"><img {size} src="{source}" '
        f'alt="{_escaped(caption)}"><figcaption>{_escaped(caption)}</figcaption></figure>'
    )


def _row(tag: str, cells: Iterable[object]) -> str:
    style = ' style="text-align:left"'
    return f"<tr>{''.join(f'<{tag}{style}>{_escaped(cell)}</{tag}>' for cell in cells)}</tr>"


def _escaped(value: object) -> str:
    letters = str(value)
    short = letters if len(letters) <= _MOST_LETTERS else letters[: _MOST_LETTERS - 3] + "..."
    return html.escape(short)
