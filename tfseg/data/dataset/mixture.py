"""Several data sets read as one."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tfseg import checks
from tfseg.channels import names_of
from tfseg.checks import InputError
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.image_codec import DTYPES
from tfseg.data.dataset.info import INFO_FILE, DatasetInfo, SplitInfo
from tfseg.data.dataset.statistics import Statistics
from tfseg.data.files.paths import DataPath


@dataclasses.dataclass(frozen=True)
class Mixture(Dataset):
    """Several data sets with the same classes, read as one, in their order.

    Images have the largest number of channels and of bits of all sets; only grey and RGB images may
    have different numbers of channels.

    Attributes:
        parts: the data sets.
    """

    parts: tuple[Dataset, ...]

    @classmethod
    def join(cls, parts: Sequence[Dataset]) -> Dataset:
        """Returns the mixture, or the data set itself if there is only one.

        Raises:
            InputError: different classes or channels, floats beside integers, or a data set without
                a split train.
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
            if _kind(other.info) != _kind(first.info):
                raise InputError(
                    "Data sets that are trained on together must have the same channels, and "
                    f"floats or integers alone; {first.path} has {_described(first.info)}, "
                    f"{other.path} has {_described(other.info)}. Convert one of them again."
                )
        if not others:
            return first
        # A path for messages only; shards are read from the parts.
        path = Path(" + ".join(str(part.path) for part in parts))
        return cls(path, _joined([part.info for part in parts]), tuple(parts))

    def with_channels(self, names: Sequence[str]) -> Dataset:
        """Returns the mixture with only some of its channels; as for a `Dataset`."""
        chosen = super().with_channels(names)
        if chosen is self:
            return self
        parts = tuple(part.with_channels(names) for part in self.parts)
        return Mixture(chosen.path, chosen.info, parts, kept=chosen.kept)

    def shard_paths(self, split: str) -> list[DataPath]:
        """Returns the files of a split of all parts, in order."""
        self.split(split)
        having = [part for part in self.parts if split in part.info.splits]
        return [path for part in having for path in part.shard_paths(split)]


def parts_of(dataset: Dataset) -> tuple[Dataset, ...]:
    """Returns the data sets of a mixture, or the data set itself."""
    return dataset.parts if isinstance(dataset, Mixture) else (dataset,)


def statistics_of(dataset: Dataset, *, needed: str) -> list[Statistics]:
    """Returns the statistics of each of `parts_of`.

    Args:
        dataset: a data set, or a mixture.
        needed: the option and what it needs, for the error, such as "model.class_weights balanced
            needs the counts".

    Raises:
        InputError: a dataset.json has no statistics.
    """
    statistics = []
    for part in parts_of(dataset):
        if part.info.statistics is None:
            raise InputError(
                f"{needed} in {part.path / INFO_FILE}, which an older version wrote without them. "
                "Convert the data set again, or give numbers."
            )
        statistics.append(part.info.statistics)
    return statistics


def _kind(info: DatasetInfo) -> tuple[tuple[str, ...], bool]:
    """Returns what all images of a mixture have in common: names of channels, and whether floats.

    Grey and RGB are one kind.
    """
    return () if info.is_grey_or_rgb else info.channel_names, info.dtype == DTYPES[-1]


def _described(info: DatasetInfo) -> str:
    return f"{', '.join(names_of(info.channels, info.channel_names))} of {info.dtype}"


def _joined(infos: Sequence[DatasetInfo]) -> DatasetInfo:
    names = dict.fromkeys(name for info in infos for name in info.splits)
    largest = max(infos, key=lambda info: info.channels)
    return dataclasses.replace(
        infos[0],
        source_format="mixture",
        channels=largest.channels,
        channel_names=largest.channel_names,
        dtype=max((info.dtype for info in infos), key=DTYPES.index),
        overlap_pixels=sum(info.overlap_pixels for info in infos),
        hidden_instances=sum(info.hidden_instances for info in infos),
        turned_images=sum(info.turned_images for info in infos),
        unturned_images=sum(info.unturned_images for info in infos),
        ignored_crowds=sum(info.ignored_crowds for info in infos),
        skipped_images=sum(info.skipped_images for info in infos),
        statistics=None,
        notes=tuple(dict.fromkeys(note for info in infos for note in info.notes)),
        image_formats=tuple(
            dict.fromkeys(format for info in infos for format in info.image_formats)
        ),
        pixel_sizes=dict(sum((Counter(info.pixel_sizes) for info in infos), Counter())),
        splits={name: _joined_split(name, infos) for name in names},
    )


def _joined_split(name: str, infos: Sequence[DatasetInfo]) -> SplitInfo:
    splits = [info.splits[name] for info in infos if name in info.splits]
    return SplitInfo(
        tuple(shard for split in splits for shard in split.shards),
        sum(split.num_images for split in splits),
        sum(split.num_instances for split in splits),
        min(split.min_side for split in splits),
    )
