"""Several data sets as one: what is in all of them, and in which shares training takes from each.

The stream of a mixture is cut into blocks of as many samples as the weights are together. A block
has of every set as many samples as its weight says, in an order that is drawn for the block; each
set's own samples come in the order of its own epochs. So a position says which samples of every set
came before it, and training goes on anywhere.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfseg import checks, random
from tfseg.checks import InputError
from tfseg.data.files import Place
from tfseg.data.reading import positions
from tfseg.data.statistics import Statistics
from tfseg.data.store import INFO_FILE, Dataset, DatasetInfo, SplitInfo
from tfseg.data.traced import as_is


@dataclasses.dataclass(frozen=True)
class Mixture(Dataset):
    """Several data sets with the same classes, read as one: the records of the first come first.

    Images have the most channels and bits of any of the sets.

    Attributes:
        parts: the data sets.
    """

    parts: tuple[Dataset, ...]

    @classmethod
    def of(cls, parts: Sequence[Dataset]) -> Dataset:
        """Returns the mixture; of one data set, that itself.

        Raises:
            InputError: other classes, or one without a split train.
        """
        first, *others = parts
        for part in parts:
            part.split("train")
        for other in others:
            if other.info.class_names != first.info.class_names:
                raise InputError(
                    "Data sets that are trained on together must have the same classes; "
                    f"{first.path} has {checks.listed(first.info.class_names)}, {other.path} has "
                    f"{checks.listed(other.info.class_names)}. "
                    "Convert one of them again with the classes of the other."
                )
        if not others:
            return first
        # A name for what is said of all of them; the shards are found by the parts.
        path = Path(" + ".join(str(part.path) for part in parts))
        return cls(path, _joined([part.info for part in parts]), tuple(parts))

    def shard_paths(self, split: str) -> list[Place]:
        """Returns the files of a split of all parts, in order."""
        self.split(split)
        having = [part for part in self.parts if split in part.info.splits]
        return [path for part in having for path in part.shard_paths(split)]


def parts_of(dataset: Dataset) -> tuple[Dataset, ...]:
    """Returns the data sets in a mixture, or the one that it is."""
    return dataset.parts if isinstance(dataset, Mixture) else (dataset,)


def statistics_of(dataset: Dataset, *, needed: str) -> list[Statistics]:
    """Returns the statistics of each of `parts_of`.

    Args:
        dataset: one, or a mixture.
        needed: what of them by which option, such as "model.class_weights balanced needs the
            counts", for the error.

    Raises:
        InputError: dataset.json has none.
    """
    found = []
    for part in parts_of(dataset):
        if part.info.statistics is None:
            raise InputError(
                f"{needed} in {part.path / INFO_FILE}, which an older version wrote without them. "
                "Convert the data set again, or give numbers."
            )
        found.append(part.info.statistics)
    return found


def interleaved(
    counts: Sequence[int],
    *,
    weights: Sequence[int],
    seed: tf.Tensor,
    first: int,
    frequencies: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Returns the endless stream of {"epoch", "index"} of a mixture from sample `first` on.

    Args:
        counts: records of each set.
        weights: samples of each set in a block, from 1 on; empty takes the counts, so that a block
            has each record once.
        seed: `[2]` int32.
        first: sample that comes first.
        frequencies: `[sum(counts)]` float64, how often each record comes, relative to the others
            of its set.

    Raises:
        InputError: not a weight for each set.
    """
    if weights and len(weights) != len(counts):
        raise InputError(
            f"data.weights must be a whole number for each of the {len(counts)} data sets; got "
            f"{' '.join(map(str, weights))}."
        )
    per_block = np.array(weights or counts)
    sources = np.repeat(np.arange(len(counts)), per_block)
    first_block, begun = divmod(first, len(sources))

    def drawn(block: tf.Tensor) -> tf.Tensor:
        own = random.fold_in(random.for_name(seed, "mixture"), block)
        return tf.gather(sources, random.permutation(own, len(sources)))

    def choices(block: tf.Tensor) -> tf.data.Dataset:
        start = tf.where(block == first_block, begun, 0)
        return tf.data.Dataset.from_tensor_slices(drawn(block)[start:])

    before = np.bincount(drawn(tf.constant(first_block))[:begun], minlength=len(counts))
    streams = [
        _numbered(
            positions(
                count,
                seed=random.for_name(seed, f"data/{number}"),
                first=int(first_block * per_block[number] + before[number]),
                frequencies=None if frequencies is None else frequencies[start : start + count],
            ),
            start,
        )
        for number, (count, start) in enumerate(zip(counts, starts(counts), strict=True))
    ]
    blocks = tf.data.Dataset.range(first_block, 2**62)
    return tf.data.Dataset.choose_from_datasets(streams, blocks.flat_map(as_is(choices)))


def starts(counts: Sequence[int]) -> list[int]:
    """Returns the number of the first record of each set."""
    return np.cumsum([0, *counts])[:-1].tolist()


def _numbered(places: tf.data.Dataset, start: int) -> tf.data.Dataset:
    """Counts the records of a set from `start` on."""
    return places.map(as_is(lambda place: place | {"index": place["index"] + start}))


def _joined(infos: Sequence[DatasetInfo]) -> DatasetInfo:
    names = dict.fromkeys(name for info in infos for name in info.splits)
    return dataclasses.replace(
        infos[0],
        source_format="mixture",
        channels=max(info.channels for info in infos),
        dtype=max((info.dtype for info in infos), key=("uint8", "uint16").index),
        overlap_pixels=sum(info.overlap_pixels for info in infos),
        hidden_instances=sum(info.hidden_instances for info in infos),
        skipped_images=sum(info.skipped_images for info in infos),
        statistics=None,
        image_formats=tuple(dict.fromkeys(each for info in infos for each in info.image_formats)),
        splits={name: _joined_split(name, infos) for name in names},
    )


def _joined_split(name: str, infos: Sequence[DatasetInfo]) -> SplitInfo:
    own = [info.splits[name] for info in infos if name in info.splits]
    return SplitInfo(
        tuple(shard for split in own for shard in split.shards),
        sum(split.num_images for split in own),
        sum(split.num_instances for split in own),
        min(split.min_side for split in own),
    )
