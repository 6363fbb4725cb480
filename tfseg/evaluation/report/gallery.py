"""The images that a report shows: chosen while they go by, small, with the outlines of instances.

Of more than `limit` images a third each is shown: the worst, the best, and those nearest to the
median. Worst and best are exact; the median is that of the images so far whenever some are left
out, so that no more than twice `limit` are ever held.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from tfseg.drawing.outlines import outlines
from tfseg.drawing.overlays import display
from tfseg.evaluation.report.outcomes import KINDS, Outcomes
from tfseg.metrics import Pair

SIDE = 512  # pixels, the most that a picture has
BUDGET = 9_000_000  # characters of all pictures in the page, which stays below 10 MB with them
_PICTURE_BYTES, _QUALITIES = 40_000, (85, 70, 50, 30, 15)  # of JPEG, the first that is small enough


@dataclasses.dataclass(frozen=True)
class Shown:
    """One image as it is kept: small already, not yet drawn.

    Attributes:
        id: of the image.
        score: AP at IoU >= 0.50 of this image.
        size: its own height and width, pixels.
        picture: JPEG bytes; b"" without the image.
        labels: the true and the predicted ids, `[h, w]` int32, compressed.
        found: what became of the instances.
        scale: height and width of the picture / those of the image.
    """

    id: str
    score: float
    size: tuple[int, int]
    picture: bytes
    labels: tuple[bytes, bytes]
    found: Outcomes
    scale: tuple[float, float]


class Gallery:
    """The images to show, of all those that `add` is given."""

    def __init__(self, limit: int = 100) -> None:
        self.limit = limit
        self.num_seen = 0
        self._kept: list[Shown] = []

    def add(self, pair: Pair, image: np.ndarray | None, found: Outcomes) -> None:
        """Takes one image in; may leave out another."""
        self.num_seen += 1
        self._kept.append(shown(pair, image, found))
        if len(self._kept) >= 2 * self.limit:
            self._kept = chosen(self._kept, self.limit)

    def entries(self) -> list[dict[str, Any]]:
        """Returns what the page needs of each image, the worst first, within the budget."""
        entries = [entry(each) for each in chosen(self._kept, self.limit)]
        sizes = [len(packed(each)) for each in entries]
        while sum(sizes) > BUDGET:  # from the middle, which says the least
            del entries[len(entries) // 2], sizes[len(sizes) // 2]
        return entries


def packed(data: Mapping[str, Any]) -> str:
    """Returns plain values as JSON, compressed (outlines to a quarter), in letters and digits."""
    text = json.dumps(data, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def chosen(images: list[Shown], limit: int) -> list[Shown]:
    """Returns at most `limit` images, by score: the worst, those at the median, the best."""
    ordered = sorted(images, key=lambda each: (each.score, each.id))
    if len(ordered) <= limit:
        return ordered
    ends, middle = limit // 3, limit - 2 * (limit // 3)
    start = (len(ordered) - middle) // 2
    rest = slice(len(ordered) - ends, None)
    return ordered[:ends] + ordered[start : start + middle] + ordered[rest]


def shown(pair: Pair, image: np.ndarray | None, found: Outcomes) -> Shown:
    """Returns a small copy of an image and of its ids."""
    size = np.shape(pair.truth)
    small = [max(1, round(side * min(1.0, SIDE / max(size)))) for side in size]
    rows, columns = (np.arange(new) * old // new for new, old in zip(small, size, strict=True))
    grid = np.ix_(rows, columns)
    truth, prediction = (
        zlib.compress(np.asarray(label)[grid].astype(np.int32).tobytes(), 1)
        for label in (pair.truth, pair.prediction)
    )
    right = int((found.truth["partner"] > 0).sum())
    everything = len(found.truth) + len(found.predicted) - right
    return Shown(
        id=str(pair.id),
        score=right / everything if everything else 1.0,
        size=size,
        picture=b"" if image is None else _jpeg(display(image), small),
        labels=(truth, prediction),
        found=found,
        scale=(small[0] / size[0], small[1] / size[1]),
    )


def _jpeg(picture: np.ndarray, size: list[int]) -> bytes:
    small = Image.fromarray(picture)
    if small.size != (size[1], size[0]):
        small = small.resize((size[1], size[0]), Image.Resampling.BOX)
    for quality in _QUALITIES:
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality)
        if file.tell() <= _PICTURE_BYTES:
            break
    return file.getvalue()


def entry(image: Shown) -> dict[str, Any]:
    """Returns an image as plain values for the page.

    An instance is [id, index of its kind, IoU, area, path, box], and of a prediction the score; a
    box is [x, y, width, height] in the picture.
    """
    height, width = (
        round(side * scale) for side, scale in zip(image.size, image.scale, strict=True)
    )
    sides = [
        _instances(
            table, np.frombuffer(zlib.decompress(data), np.int32).reshape(height, width), image
        )
        for table, data in zip(image.found, image.labels, strict=True)
    ]
    counts = pd.concat([table["kind"] for table in image.found]).value_counts()
    return {
        "id": image.id,
        "score": round(image.score, 4),
        "size": list(image.size),
        "picture": [width, height],
        "source": _data_uri(image.picture),
        "truth": sides[0],
        "predicted": sides[1],
        "num": [len(table) for table in image.found],
        "kinds": [int(counts.get(kind, 0)) for kind in KINDS],
    }


def _instances(table: pd.DataFrame, label: np.ndarray, image: Shown) -> list[list[Any]]:
    paths, (down, across) = outlines(label), image.scale
    rows = []
    for each in table.itertuples():
        box = [each.left * across, each.top * down]
        box += [(each.right - each.left) * across, (each.bottom - each.top) * down]
        row = [int(each.id), KINDS.index(each.kind), round(each.iou, 2), int(each.area)]
        row += [paths.get(int(each.id), ""), [round(side, 1) for side in box]]
        if hasattr(each, "score") and each.score == each.score:  # not NaN
            row.append(round(float(each.score), 3))
        rows.append(row)
    return rows


def _data_uri(picture: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode() if picture else ""
