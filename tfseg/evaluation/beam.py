"""Scoring a split with Apache Beam, on one machine or many.

A worker loads the network once, and writes the results of a shard into a file. The machine that
started them reads the files in the order of the shards. Results are plain values and small arrays,
kept by pickle, with which Beam sends the work, too: nobody but the user may write into the folder.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import pickle
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tfseg import beam
from tfseg.checks import InputError, listed
from tfseg.data.dataset.info import ShardInfo
from tfseg.data.dataset.integrity import info_sha256
from tfseg.data.files.paths import (
    DataPath,
    absolute,
    as_path,
    files_in,
    publishing,
    remove_folder,
)
from tfseg.evaluation.scoring import Result, Scoring
from tfseg.inference.replicas import WEIGHTS, Recipe, network_of, save_weights
from tfseg.metrics import registered

if TYPE_CHECKING:
    from tfseg.inference.segmenter import Segmenter

# What a killed run leaves: the network, results by shard and key, and those half written.
_LEFT = re.compile(rf"(.+\.[0-9a-f]{{64}}|{re.escape(WEIGHTS)})(\.[0-9a-f]+\.partial)?")


def results(
    scoring: Scoring, segmenter: Segmenter, *, shared: str | DataPath, options: Sequence[str]
) -> Iterator[Result]:
    """Scores a split, and then yields the result of every image, in stored order.

    Args:
        scoring: of the split.
        segmenter: made by `build_model`.
        shared: folder for the results of each shard, removed at the end; those of the same
            scoring, which a killed run has left, are kept. It has nothing else in it.
        options: options of the pipeline.

    Raises:
        InputError: Apache Beam is not installed, there is no folder or one with other files, there
            are registered metrics, or a shard or the network cannot be used on another machine.
    """
    if not shared:
        raise InputError("beam_options need shared, a folder that all machines see; got none.")
    if plugins := registered.plugins():
        raise InputError(
            f"Other machines do not know registered metrics; got {listed(list(plugins))}. Leave "
            "out Beam, or the metrics."
        )
    dataset = dataclasses.replace(scoring.dataset, path=absolute(scoring.dataset.path))
    scoring = dataclasses.replace(scoring, dataset=dataset)
    folder, recipe = absolute(as_path(shared)), Recipe.of(segmenter)
    if others := [file.name for file in files_in(folder) if not _LEFT.fullmatch(file.name)]:
        raise InputError(
            f"shared must be a new folder, because it is removed at the end; {folder} has "
            f"{listed(sorted(others))}. Choose another folder."
        )
    key = _key(scoring, recipe)
    files = {part: folder / f"{part[0].name}.{key}" for part in scoring.parts()}
    missing = [part for part, file in files.items() if not file.is_file()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(segmenter, folder)
        work = functools.partial(_score, scoring=scoring, recipe=recipe, folder=folder, key=key)
        beam.for_each(work, missing, options=options)
    for file in files.values():
        with file.open("rb") as stored:
            yield from pickle.loads(stored.read())
    remove_folder(folder)


def _key(scoring: Scoring, recipe: Recipe) -> str:
    """Returns a digest of all that the results depend on."""
    parts = (
        *(recipe.digest, info_sha256(scoring.dataset), scoring.dataset.kept, scoring.split),
        *(scoring.conventions, scoring.class_names, scoring.shown),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _score(
    part: tuple[ShardInfo, ...], *, scoring: Scoring, recipe: Recipe, folder: DataPath, key: str
) -> None:
    made = list(scoring.of_shards(part).results(network_of(recipe, folder)))
    with publishing(folder / f"{part[0].name}.{key}") as file:
        file.write_bytes(pickle.dumps(made))
