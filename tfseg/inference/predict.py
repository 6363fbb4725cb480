"""Prediction of image files into a folder."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from tfseg import checks
from tfseg.data.images import list_images, read_image, write_label, write_picture
from tfseg.evaluation.plots import overlay
from tfseg.inference.instances import Instances
from tfseg.inference.outputs import instance_table
from tfseg.inference.segmenter import Segmenter
from tfseg.whole import write_whole


@dataclasses.dataclass(frozen=True)
class PredictReport:
    """What became of the files: `done`, and `skipped` with the reason for each."""

    done: list[Path]
    skipped: list[tuple[Path, str]]
    num_instances: int


def predict_files(
    segmenter: Segmenter,
    paths: Iterable[str | Path],
    out: str | Path,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> PredictReport:
    """Writes ids, an overlay and table rows for every image.

    `out` gets labels/NAME.png (16-bit ids; 32-bit NAME.tif where they do not fit),
    overlays/NAME.png and instances.csv with a row an instance. A file that cannot be read is
    skipped and reported, the others are done.

    Args:
        segmenter: a trained network.
        paths: image files, or folders of them.
        out: made where it is missing; files of the same name are replaced.
        on_progress: called with (files done, files in all).

    Raises:
        InputError: no images, two of one name, or `out` cannot be written.
    """
    files, out = _collect(paths), Path(out)
    done, skipped = [], []
    tables = [_table("", Instances(np.zeros((1, 1), np.int32), np.zeros(0, np.float32)))]
    try:
        for folder in ("labels", "overlays"):
            (out / folder).mkdir(parents=True, exist_ok=True)
        for count, path in enumerate(files, start=1):
            try:
                image = read_image(path)
            except checks.InputError as error:
                skipped.append((path, str(error)))
            else:
                instances = segmenter.predict(image)
                write_label(out / "labels" / path.stem, instances.label)
                write_picture(
                    out / "overlays" / f"{path.stem}.png", overlay(image, instances.label)
                )
                tables.append(_table(path.name, instances))
                done.append(path)
            if on_progress:
                on_progress(count, len(files))
        rows = _write_table(tables, out / "instances.csv")
    except OSError as error:
        raise checks.InputError(
            f"{out} cannot be written: {error.strerror}. Choose another folder with --out."
        ) from error
    return PredictReport(done, skipped, rows)


def _collect(paths: Iterable[str | Path]) -> list[Path]:
    files: list[Path] = []
    for path in map(Path, paths):
        files += list_images(path) if path.is_dir() else [path]
    if not files:
        raise checks.InputError("There are no images to predict; name files or folders of them.")
    twice = [stem for stem, count in Counter(path.stem for path in files).items() if count > 1]
    if twice:
        raise checks.InputError(
            f"Two images are called {twice[0]}, so their results would overwrite each other; "
            "predict them into different folders."
        )
    return files


def _table(name: str, instances: Instances) -> pd.DataFrame:
    return instance_table(instances.label, instances.scores).assign(image=name)


def _write_table(tables: list[pd.DataFrame], path: Path) -> int:
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "image", table.pop("image"))
    write_whole(path, lambda file: table.to_csv(file, index=False))
    return len(table)
