"""Predicting files with Apache Beam, on one machine or many.

A worker loads the network once and predicts parts of the files into the folder of the results, with
a note of what it did. The machine that started them reads the notes.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tfseg import beam
from tfseg.data.files.paths import DataPath, absolute, publishing, remove_folder
from tfseg.inference.replicas import Recipe, network_of, save_weights
from tfseg.inference.segmenter import Segmenter
from tfseg.inference.work import Outcome, Work

# So many parts keep hundreds of workers busy, and a part of so many files is soon done again.
_PARTS, _FILES = 512, 64


class _Part(NamedTuple):
    note: str  # name of the file
    files: list[DataPath]


def outcomes(
    work: Work, segmenter: Segmenter, files: Sequence[DataPath], *, options: Sequence[str]
) -> Iterator[tuple[DataPath, Outcome]]:
    """Predicts the files, and then yields each with its outcome, part by part.

    Args:
        work: what is done with every file.
        segmenter: made by `build_model`.
        files: of the images.
        options: options of the pipeline.

    Raises:
        InputError: Apache Beam is not installed, or another machine cannot make the network again.
    """
    results = dataclasses.replace(work.folder, path=absolute(work.folder.path))
    work, folder = dataclasses.replace(work, folder=results), results.path / beam.FOLDER
    remove_folder(folder)  # of a run that was killed
    folder.mkdir(parents=True)
    save_weights(segmenter, folder)
    size = min(_FILES, math.ceil(len(files) / _PARTS))
    starts = range(0, len(files), size)
    parts = (_Part(_note(start), [*map(absolute, files[start : start + size])]) for start in starts)
    predict = functools.partial(_predict, work=work, recipe=Recipe.of(segmenter), folder=folder)
    beam.for_each(predict, parts, options=options)
    for start in starts:
        made = json.loads((folder / _note(start)).read_text(encoding="utf-8"))
        for path, values in zip(files[start : start + size], made, strict=True):
            yield path, Outcome(*values)
    remove_folder(folder)


def _note(start: int) -> str:
    return f"{start:09d}.json"


def _predict(part: _Part, *, work: Work, recipe: Recipe, folder: DataPath) -> None:
    if (folder / part.note).is_file():  # of another worker, which was taken for lost
        return
    network = network_of(recipe, folder)
    made = dict(work.outcomes(network, part.files))
    text = json.dumps([made[path] for path in part.files])
    with publishing(folder / part.note) as note:
        note.write_text(text, encoding="utf-8")
