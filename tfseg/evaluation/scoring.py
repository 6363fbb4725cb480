"""Predicting and scoring the images of a split, each without regard to the others."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.info import ShardInfo
from tfseg.data.dataset.integrity import verify
from tfseg.data.files.limits import LARGE
from tfseg.drawing.display import Display
from tfseg.large_arrays import Windows
from tfseg.metrics import Conventions, Pair
from tfseg.metrics.scoring import Scored, score

if TYPE_CHECKING:
    from tfseg.data.dataset.stored_image import StoredImage
    from tfseg.evaluation.report.report import Entry
    from tfseg.inference.replicas import Replicas


class Result(NamedTuple):
    """What is known of an image, without its pixels.

    Attributes:
        scored: its counts.
        entry: what a report shows of it, if there is one.
        is_approximate: as in `Prediction`.
    """

    scored: Scored
    entry: Entry | None
    is_approximate: bool


@dataclasses.dataclass(frozen=True)
class Scoring:
    """How the images of a split are scored.

    Attributes:
        dataset: with the channels of the network.
        split: its name.
        conventions: what is counted.
        class_names: of the scored classes; empty ignores classes.
        number_of: for each class of the data set its number among `class_names`.
        shown: channels that pictures of a report show, as for `Report`; None without a report.
    """

    dataset: Dataset
    split: str
    conventions: Conventions
    class_names: tuple[str, ...]
    number_of: np.ndarray
    shown: tuple[str, ...] | None

    def of_shards(self, shards: Sequence[ShardInfo]) -> Scoring:
        """Returns the scoring of some shards of the split, one of its `parts`."""
        info = self.dataset.info
        split = dataclasses.replace(
            info.splits[self.split],
            shards=tuple(shards),
            num_images=sum(shard.num_images for shard in shards),
            num_instances=sum(shard.num_instances for shard in shards),
        )
        info = dataclasses.replace(info, splits={self.split: split})
        return dataclasses.replace(self, dataset=dataclasses.replace(self.dataset, info=info))

    def parts(self) -> list[tuple[ShardInfo, ...]]:
        """Divides the split between shards, but not where an image in tiles continues."""
        parts, part, rest = [], [], 0
        for shard in self.dataset.split(self.split).shards:
            part.append(shard)
            rest += shard.num_images + sum(tiles for _, tiles in shard.tiled) - shard.num_records
            if not rest:
                parts.append(tuple(part))
                part = []
        return parts + ([tuple(part)] if part else [])

    def results(self, network: Replicas) -> Iterator[Result]:
        """Yields the result of every image, in stored order.

        Raises:
            InputError: a shard is not the one that dataset.json describes.
        """
        verify(self.dataset, self.split)
        for stored in self.dataset.images(self.split):
            yield self._result(network, stored)

    def _result(self, network: Replicas, stored: StoredImage) -> Result:
        is_large = stored.shape[0] * stored.shape[1] > LARGE
        image, truth = (stored.image, stored.label) if is_large else stored.arrays()
        start = time.perf_counter()
        # `check` says the doubts.
        prediction = network.predict(image, pixel_size=stored.pixel_size)
        seconds = time.perf_counter() - start
        predicted = prediction.instances
        pair = Pair(stored.id, truth, predicted.labels, scores=predicted.scores)
        if self.class_names:
            # The classes of the truth are in the order of its ids, which may have gaps.
            numbered = Renumbered(truth, stored.ids())
            pair = pair._replace(
                truth=numbered if is_large else np.asarray(numbered),
                truth_class_of=self.number_of[stored.class_of - 1],
                predicted_class_of=predicted.classes,
            )
        entry = None
        if self.shown is not None:
            from tfseg.evaluation.report.report import entry_of  # imports Matplotlib

            display = Display(self.dataset.info.channel_names, self.shown)
            entry = entry_of(
                pair, image, conventions=self.conventions, display=display, seconds=seconds
            )
        scored = score(pair, conventions=self.conventions, class_names=self.class_names)
        return Result(scored, entry, prediction.is_approximate)


class Renumbered(Windows):
    """A map of ids, renumbered from 1 without gaps in the same order; 0 and -1 stay.

    Args:
        label: `[H, W]` ids.
        ids: `[N]`, those above 0, ascending.
    """

    dtype = np.dtype(np.int32)

    def __init__(self, label: np.ndarray | Windows, ids: np.ndarray) -> None:
        self.shape = label.shape
        self._label, self._ids = label, ids

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        label = self._label[window]
        number = np.searchsorted(self._ids, label) + 1
        return np.where(label > 0, number, label).astype(np.int32)
