"""The images in a report: chosen during the evaluation, small, with outlines of instances.

If there are more than `limit` images, it shows a third from the worst, a third from the best and a
third around the median. Worst and best are exact. The median is approximate: images are dropped
during the evaluation, around the median so far, so that memory holds fewer than twice `limit`.
An image of more than 16 million pixels is shown by the windows of it with the most errors.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from tfseg.data.files.limits import LARGE
from tfseg.drawing.display import PLAIN, Display
from tfseg.drawing.outlines import outlines
from tfseg.evaluation.report.outcomes import KINDS, Outcomes, count_kinds, is_wrong
from tfseg.evaluation.report.windows import windows_of
from tfseg.large_arrays import Windows
from tfseg.metrics import Pair

SIDE = 512  # pixels, the longest side of a picture
BUDGET = 9_000_000  # characters of all images, so that the page stays below 10 MB
_PICTURE_BYTES = 40_000
_QUALITIES = (85, 70, 50, 30, 15)  # of JPEG; the first that fits into _PICTURE_BYTES is used


@dataclasses.dataclass(frozen=True)
class GalleryImage:
    """One image of the gallery: already small, not yet drawn.

    Attributes:
        id: of the image.
        score: AP at IoU >= 0.50 of this image.
        size: height and width of the image, pixels.
        picture: JPEG bytes; b"" without an image file.
        labels: the true and the predicted ids, `[h, w]` int32, compressed.
        outcomes: of the instances.
        scale: height and width of the picture divided by height and width of the image.
    """

    id: str
    score: float
    size: tuple[int, int]
    picture: bytes
    labels: tuple[bytes, bytes]
    outcomes: Outcomes
    scale: tuple[float, float]


class Gallery:
    """Chooses the images to show among all that `add` receives."""

    def __init__(self, limit: int = 100) -> None:
        self.limit = limit
        self.num_added = 0  # images, and windows of large ones
        self.num_of_kinds = dict.fromkeys(KINDS, 0)  # in all images
        self._kept: list[GalleryImage] = []

    @property
    def num_kept(self) -> int:
        """Number of images held in memory."""
        return len(self._kept)

    def add(self, images: Sequence[GalleryImage], outcomes: Outcomes) -> None:
        """Adds one image, or windows of a large one, as `shown` returns them; may drop others."""
        for kind, number in count_kinds(outcomes).items():
            self.num_of_kinds[kind] += number
        for image in images:
            self.num_added += 1
            self._kept.append(image)
            if len(self._kept) >= 2 * self.limit:
                self._kept = choose(self._kept, self.limit)

    def entries(self) -> list[dict[str, Any]]:
        """Returns the entry of each shown image, the worst first, within the budget."""
        entries = [page_entry(image) for image in choose(self._kept, self.limit)]
        sizes = [len(pack(content)) for content in entries]
        while sum(sizes) > BUDGET:  # images in the middle are the least informative
            del entries[len(entries) // 2], sizes[len(sizes) // 2]
        return entries


def pack(data: Mapping[str, Any]) -> str:
    """Returns plain values as JSON, compressed (outlines to a quarter) and base64-encoded."""
    text = json.dumps(data, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def shown(
    pair: Pair,
    image: np.ndarray | Windows | None,
    outcomes: Outcomes,
    display: Display = PLAIN,
) -> list[GalleryImage]:
    """Returns a small copy of an image, or of windows of a large one."""
    if math.prod(pair.truth.shape) > LARGE:
        return [shrink(*part, display) for part in windows_of(pair, image, outcomes)]
    picture = None if image is None else np.asarray(image)
    return [shrink(pair, picture, outcomes, display)]


def choose(images: list[GalleryImage], limit: int) -> list[GalleryImage]:
    """Returns at most `limit` images, by score: the worst, the median ones, the best."""
    ordered = sorted(images, key=lambda image: (image.score, image.id))
    if len(ordered) <= limit:
        return ordered
    ends, middle = limit // 3, limit - 2 * (limit // 3)
    start = (len(ordered) - middle) // 2
    rest = slice(len(ordered) - ends, None)
    return ordered[:ends] + ordered[start : start + middle] + ordered[rest]


def shrink(
    pair: Pair, image: np.ndarray | None, outcomes: Outcomes, display: Display
) -> GalleryImage:
    """Returns a small copy of an image and of its ids."""
    size = np.shape(pair.truth)
    small = [max(1, round(side * min(1.0, SIDE / max(size)))) for side in size]
    rows, columns = (np.arange(new) * old // new for new, old in zip(small, size, strict=True))
    grid = np.ix_(rows, columns)
    truth, prediction = (
        zlib.compress(np.asarray(label)[grid].astype(np.int32).tobytes(), 1)
        for label in (pair.truth, pair.prediction)
    )
    right = int((outcomes.truth["partner"] > 0).sum())
    num_distinct = len(outcomes.truth) + len(outcomes.predicted) - right
    return GalleryImage(
        id=str(pair.id),
        score=right / num_distinct if num_distinct else 1.0,
        size=size,
        picture=b"" if image is None else _jpeg(display(image), small),
        labels=(truth, prediction),
        outcomes=outcomes,
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


def page_entry(image: GalleryImage) -> dict[str, Any]:
    """Returns an image as plain values for the page.

    An instance is [id, indices of its kinds, IoU, area, path, box], for a prediction also the
    score; the first kind is that of its colour; a box is [x, y, width, height] in the picture.
    """
    height, width = (
        round(side * scale) for side, scale in zip(image.size, image.scale, strict=True)
    )
    sides = [
        _instances(
            table, np.frombuffer(zlib.decompress(data), np.int32).reshape(height, width), image
        )
        for table, data in zip(image.outcomes, image.labels, strict=True)
    ]
    counts = count_kinds(image.outcomes)
    return {
        "id": image.id,
        "score": round(image.score, 4),
        "size": list(image.size),
        "picture": [width, height],
        "source": _data_uri(image.picture),
        "truth": sides[0],
        "predicted": sides[1],
        "num": [len(table) for table in image.outcomes],
        "kinds": [counts[kind] for kind in KINDS],
        "errors": sum(int(wrong.sum()) for wrong in is_wrong(image.outcomes)),
    }


def _instances(table: pd.DataFrame, label: np.ndarray, image: GalleryImage) -> list[list[Any]]:
    paths, (down, across) = outlines(label), image.scale
    instances = []
    for row in table.itertuples():
        box = [row.left * across, row.top * down]
        box += [(row.right - row.left) * across, (row.bottom - row.top) * down]
        kinds = [name for name in ("split", "merged") if getattr(row, name, False)] + [row.kind]
        values = [int(row.id), [KINDS.index(kind) for kind in kinds]]
        values += [round(row.iou, 2), int(row.area)]
        values += [paths.get(int(row.id), ""), [round(side, 1) for side in box]]
        if hasattr(row, "score") and row.score == row.score:  # not NaN
            values.append(round(float(row.score), 3))
        instances.append(values)
    return instances


def _data_uri(picture: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode() if picture else ""
