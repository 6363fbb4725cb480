"""The report of an evaluation: one HTML file with metrics and pictures that opens offline."""

from __future__ import annotations

import html
import math
import string
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from tfseg import atomic, calls, checks
from tfseg.channels import check_names
from tfseg.checks import InputError
from tfseg.drawing.curves import read_history
from tfseg.drawing.display import Display
from tfseg.evaluation.report.gallery import Gallery, GalleryImage, pack, shown
from tfseg.evaluation.report.outcomes import KINDS, Outcomes, outcomes
from tfseg.evaluation.report.sections import Content, sections
from tfseg.large_arrays import Windows, as_raster, bands
from tfseg.metrics import Conventions, Evaluation, Pair

REPORT = "report.html"
_PAGE = Path(__file__).parent / "page"


class Entry(NamedTuple):
    """What a report shows of an image: small pictures, its outcomes, and numbers by name."""

    shown: list[GalleryImage]
    outcomes: Outcomes
    facts: dict[str, float]


class Report(metaclass=calls.Public):
    """Gathers the content of a report, image by image, during an evaluation.

    Args:
        conventions: of the evaluation.
        limit: largest number of images in the gallery; metrics and charts use all.
        display: names of the channels that pictures show, in this order; empty: red, green and blue
            where there are such channels, else all, in a colour each.

    Examples:
        >>> report, label = tfseg.Report(), np.array([[1, 1, 0, 2]])
        >>> pair = tfseg.metrics.Pair("first", truth=label, prediction=label)
        >>> report.add(pair)
        >>> report.write("report.html", tfseg.evaluate_pairs([pair]), title="Nuclei").name
        'report.html'
    """

    def __init__(
        self,
        conventions: Conventions | None = None,
        *,
        limit: int = 100,
        display: Sequence[str] = (),
    ) -> None:
        self._conventions = conventions or Conventions()
        checks.integer("limit of Report", limit, low=1)
        self.display = check_names("display", display)
        self._gallery = Gallery(limit)
        self._tables: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
        self._images: list[dict[str, float]] = []

    def add(
        self,
        pair: Pair,
        image: np.ndarray | Windows | None = None,
        *,
        seconds: float | None = None,
        channel_names: Sequence[str] = (),
    ) -> None:
        """Adds one image.

        Args:
            pair: the pair that is evaluated.
            image: `[H, W, C]`, any real dtype; None without an image file.
            seconds: duration of its prediction.
            channel_names: of the image; empty for grey and RGB.

        Raises:
            InputError: the maps cannot be compared or have no pixels, or the image has another
                size. The message names the image.
        """
        self.gather(
            entry_of(
                pair,
                image,
                conventions=self._conventions,
                display=Display(tuple(channel_names), self.display),
                seconds=seconds,
            )
        )

    def gather(self, entry: Entry) -> None:
        """Adds what `entry_of` returned for an image, here or on another machine."""
        self._gallery.add(entry.shown, entry.outcomes)
        for gathered, table in zip(self._tables, entry.outcomes, strict=True):
            gathered.append(table)
        self._images.append(entry.facts)

    def write(
        self,
        path: str | Path,
        evaluation: Evaluation,
        *,
        title: str,
        history: str | Path | None = None,
        facts: Mapping[str, Mapping[str, object] | str] | None = None,
    ) -> Path:
        """Writes the report atomically, and returns its path.

        Args:
            path: of the file.
            evaluation: of the images that were added.
            title: of the page.
            history: history.csv of the training; left out if the file does not exist, and with a
                warning if it is no history.
            facts: tables of names and values, or texts, by their titles.

        Raises:
            InputError: nothing was added, or the file cannot be written.
        """
        if not self._images:
            raise InputError("A report needs at least one image; add the pairs that are evaluated.")
        path = Path(path)
        truth, predicted = (pd.concat(tables, ignore_index=True) for tables in self._tables)
        content = Content(
            evaluation=evaluation,
            summary=evaluation.summary(),
            truth=truth,
            predicted=predicted,
            images=pd.DataFrame(self._images),
            history=_history(history),
            facts=facts or {},
        )
        text = page(title, sections(content), self._data())
        with atomic.writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write_text(path, text)
        return path

    def _data(self) -> dict[str, object]:
        """Returns the content of the gallery."""
        gallery = self._gallery
        return {
            "kinds": KINDS,
            "images": gallery.entries(),
            "num_images": gallery.num_added,
            "num_of_kinds": [gallery.num_of_kinds[kind] for kind in KINDS],
        }


def entry_of(
    pair: Pair,
    image: np.ndarray | Windows | None = None,
    *,
    conventions: Conventions,
    display: Display,
    seconds: float | None = None,
) -> Entry:
    """Returns what a report shows of an image; arguments and errors are those of `Report.add`."""
    pair = pair._replace(truth=as_raster(pair.truth), prediction=as_raster(pair.prediction))
    shape = pair.truth.shape
    if not math.prod(shape):
        raise InputError(f"Image {pair.id!r} has no pixels. Remove it.")
    if image is not None and image.shape[:2] != shape:
        raise InputError(
            f"Image {pair.id!r} must have the size of its label, {shape}; "
            f"got {image.shape[:2]}. Give the image that was labelled."
        )
    try:
        tables = outcomes(pair, conventions)
    except InputError as error:
        raise InputError(f"Image {pair.id!r}: {error}") from None
    if image is not None and image.shape[-1] > 1:
        display.check("display")
    facts = {
        "height": shape[0],
        "width": shape[1],
        "brightness": np.nan if image is None else _brightness(image),
        "seconds": np.nan if seconds is None else seconds,
    }
    return Entry(shown(pair, image, tables, display), tables, facts)


def _history(path: str | Path | None) -> pd.DataFrame | None:
    if path is None or not Path(path).is_file():
        return None
    try:
        return read_history(path)
    except InputError as error:
        warnings.warn(f"{error} The report has no learning curves.", stacklevel=3)
        return None


def page(title: str, parts: Iterable[tuple[str, str]], data: Mapping[str, object]) -> str:
    """Returns the HTML of a page with the sections `parts` (title, HTML) and the gallery `data`."""
    first, *rest = parts
    kinds = ("html", "css", "js")
    texts = {kind: (_PAGE / f"report.{kind}").read_text(encoding="utf-8") for kind in kinds}
    links = "".join(f'<a href="#{_anchor(name)}">{html.escape(name)}</a>' for name, _ in rest)
    return string.Template(texts["html"]).substitute(
        title=html.escape(title),
        links=links,
        style=texts["css"],
        script=texts["js"],
        first=_section(*first),
        rest="".join(_section(*part) for part in rest),
        data=pack(data),
    )


def _section(name: str, text: str) -> str:
    anchor = _anchor(name)
    return (
        f'<section id="{anchor}" aria-labelledby="{anchor}-title">'
        f'<h2 id="{anchor}-title">{html.escape(name)}</h2>{text}</section>'
    )


def _anchor(name: str) -> str:
    return name.lower().replace(",", "").replace(" ", "-")


def _brightness(image: np.ndarray | Windows) -> float:
    if isinstance(image, Windows):
        sums = [rows.sum(dtype=np.float64) for _, rows in bands(image)]
        mean = float(sum(sums) / math.prod(image.shape))
    else:
        mean = float(image.mean())
    return mean / np.iinfo(image.dtype).max if image.dtype.kind in "ui" else mean
