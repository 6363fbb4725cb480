"""A data set on disk: a folder with dataset.json and TFRecord files, the shards.

dataset.json describes the content and is written last; a folder without it is not a data set. The
same input gives the same bytes: there are no dates, no paths, and of the command line only the
options that determine what is written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from tfseg import calls, checks, notebook
from tfseg.autograph import no_autograph
from tfseg.channels import is_grey_or_rgb, names_of
from tfseg.checks import InputError, nearest
from tfseg.config.fields import is_required
from tfseg.data.dataset import records
from tfseg.data.dataset.image_codec import DTYPES, IMAGE_FORMATS
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.statistics import PERCENTILES, Statistics
from tfseg.data.dataset.typed import check_types
from tfseg.data.files.paths import DataPath, as_path
from tfseg.drawing.overlays import overlay, thinning
from tfseg.run_files import CONFIG

SCHEMA_VERSION = "1.7"  # a reader takes this and every older one of the same major number
INFO_FILE = "dataset.json"
_SHOWN = 3  # samples, in a notebook
Options = dict[str, str | int | float | bool]
SKIPPED_FILE = "skipped.csv"  # beside dataset.json: files of images left out, and the reasons


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """One file of records: its name, its counts, and the SHA-256 of its bytes in hex digits."""

    name: str
    num_images: int
    num_instances: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class SplitInfo:
    """The shards of one split, in order, their counts, and the least height or width in pixels."""

    shards: tuple[ShardInfo, ...]
    num_images: int
    num_instances: int
    min_side: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """The content of dataset.json.

    Attributes:
        version: of the schema, "major.minor".
        tfseg_version: version that wrote the data set.
        source_format: name of the format it was converted from.
        channels: of every decoded image; of grey and RGB images together, 3.
        dtype: of every decoded image, "uint16" where any has 16 bits, else "uint8"; "float32" where
            all are floats.
        class_names: names of the classes; class 1 is the first.
        overlap_pixels: pixels in several instances of the source.
        hidden_instances: instances of the source without a pixel: covered by others, outside the
            image, or too small. (from version 1.1 on)
        turned_images: images that were turned upright by the orientation tags of their files. (from
            version 1.5 on)
        unturned_images: images that are stored as they were, though they have such a tag. (from
            version 1.5 on)
        ignored_crowds: annotations of the source with iscrowd 1 whose pixels are ignored. (from
            version 1.5 on)
        skipped_images: images of the source that could not be used. (from version 1.2 on)
        statistics: of all splits together; None in a data set of an older version. (from version
            1.2 on)
        image_formats: all that images are stored in, in the order of `IMAGE_FORMATS`; only "png" in
            a data set of an older version. (from version 1.3 on)
        options: options of the conversion by name that determine what is written and have no entry
            above; a table by its SHA-256. Empty in a data set of an older version. (from version
            1.4 on)
        notes: what the conversion left out or took in another sense, a sentence each. (from version
            1.5 on)
        channel_names: names of the channels, in their order; empty for grey and RGB images without
            names, and in a data set of an older version. (from version 1.7 on)
        splits: by name, in the order train, val, test.
    """

    version: str = SCHEMA_VERSION
    tfseg_version: str
    source_format: str
    channels: int
    dtype: str
    class_names: tuple[str, ...]
    overlap_pixels: int
    hidden_instances: int = 0
    turned_images: int = 0
    unturned_images: int = 0
    ignored_crowds: int = 0
    skipped_images: int = 0
    statistics: Statistics | None = None
    image_formats: tuple[str, ...] = ("png",)
    options: Options = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    channel_names: tuple[str, ...] = ()
    splits: dict[str, SplitInfo]

    @property
    def is_grey_or_rgb(self) -> bool:
        """Whether the images are grey or RGB, whose channels have common limits."""
        return is_grey_or_rgb(self.channels, self.channel_names)

    def to_json(self) -> str:
        """Returns the text of dataset.json."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: DataPath) -> DatasetInfo:
        """Reads the dataset.json of a folder.

        Raises:
            InputError: no data set, one of a newer tfseg, or a damaged file.
        """
        path = folder / INFO_FILE
        if not folder.is_dir():
            raise InputError(
                f"No data set at {folder}: no such folder. Make one with tfseg convert."
            )
        if not path.is_file():
            if (folder / CONFIG).is_file():
                raise InputError(
                    f"{folder} is the folder of a run, not a data set. Give the data set, made by "
                    "convert; perhaps the two are swapped."
                )
            raise InputError(
                f"{folder} is not a data set: it has no {INFO_FILE}. Make one with tfseg convert."
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version = _numbers(content["version"])
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(path, error) from error
        newest = _numbers(SCHEMA_VERSION)
        if version > newest or version[0] < newest[0]:
            raise InputError(
                f"{path} has schema version {content['version']}; this tfseg reads "
                f"{newest[0]}.0 to {SCHEMA_VERSION}. Update tfseg, or convert again with this one."
            )
        try:
            info = cls._from_content(content)
            check_types(info, cls, INFO_FILE)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise _damaged(path, error) from error
        return info

    @classmethod
    def _from_content(cls, content: dict) -> DatasetInfo:
        values = {
            field.name: content[field.name]
            for field in dataclasses.fields(cls)
            # Entries that were added after 1.0 have a default, and may be missing.
            if field.name in content or is_required(field)
        }
        splits = {
            name: SplitInfo(
                tuple(_shard(entry) for entry in split["shards"]),
                int(split["num_images"]),
                int(split["num_instances"]),
                int(split["min_side"]),
            )
            for name, split in values["splits"].items()
        }
        checks.one_of("dtype", values["dtype"], DTYPES)
        channels, named = values["channels"], values.get("channel_names", ())
        if (
            channels < 1
            or len(named or range(channels)) != channels
            or (not named and channels not in (1, 3))
        ):
            raise ValueError(f"channels {channels} named {list(named)}")
        for format in values.get("image_formats", ()):
            checks.one_of("image_formats", format, IMAGE_FORMATS)
        if values.get("statistics") is not None:
            values["statistics"] = statistics = Statistics.from_content(values["statistics"])
            _check_statistics(statistics, num_classes=len(values["class_names"]))
        checks.mapping("options", values.get("options", {}))
        names = ("class_names", "image_formats", "notes", "channel_names")
        lists = {name: tuple(values[name]) for name in names if name in values}
        return cls(**values | lists | {"splits": splits})


class Kept(NamedTuple):
    """Channels that are kept of those that are stored: their positions, in the order wanted."""

    positions: tuple[int, ...]
    num_stored: int


@dataclasses.dataclass(frozen=True)
class Dataset(metaclass=calls.Public):
    """A data set on disk. Only dataset.json is read until records are asked for.

    Attributes:
        path: the folder.
        info: the content of dataset.json, of the kept channels.
        kept: which of the stored channels are kept, and how many are stored; None: all.

    Examples:
        >>> dataset = tfseg.Dataset.open("nuclei")
        >>> dataset.split("test").num_images
        12
        >>> next(dataset.samples("test").as_numpy_iterator())["image"].shape
        (260, 347, 1)
    """

    path: DataPath
    info: DatasetInfo
    kept: Kept | None = dataclasses.field(default=None, kw_only=True)

    @classmethod
    @calls.check
    def open(cls, path: str | DataPath) -> Dataset:
        """Opens the data set in the folder `path`, which may be a URL like gs://bucket/folder.

        Raises:
            InputError: no data set, one of a newer tfseg, or a damaged dataset.json.
        """
        return cls(as_path(path), DatasetInfo.read(as_path(path)))

    def split(self, name: str) -> SplitInfo:
        """Returns the description of one split.

        Raises:
            InputError: no such split; names the existing ones.
        """
        if name not in self.info.splits:
            raise InputError(
                f"{self.path} has no split {name!r}; it has {', '.join(self.info.splits)}."
                f"{nearest(name, self.info.splits)} Choose one of them, or convert data with "
                f"{name!r} too."
            )
        return self.info.splits[name]

    @calls.check
    def records(self, split: str) -> tf.data.Dataset:
        """Returns the serialized records of a split, `[]` string, in stored order, each once.

        Raises:
            InputError: no such split, a shard is missing, has broken framing (which can end the
                process where TensorFlow reads it), or more or fewer records than dataset.json says.
        """
        index = Index.read(self, split)
        for which, _ in index.unreadable():
            raise InputError(f"{which} is damaged. Convert the data again.")
        return tf.data.TFRecordDataset(list(index.paths))

    def shard_paths(self, split: str) -> list[DataPath]:
        """Returns the files of a split, in order.

        Raises:
            InputError: no such split, or a shard is missing.
        """
        paths = [self.path / shard.name for shard in self.split(split).shards]
        for path in paths:
            if not path.is_file():
                raise InputError(f"{path} is missing. Convert the data again.")
        return paths

    @calls.check
    def samples(self, split: str) -> tf.data.Dataset:
        """Returns the samples of a split in stored order, each once, as `decode` returns them.

        Raises:
            InputError: as for `records`.
        """
        return self.records(split).map(
            no_autograph(self.decode), num_parallel_calls=tf.data.AUTOTUNE
        )

    def decode(self, record: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the pixels and ids of one of the `records`, as `records.decode_record` does."""
        sample = records.decode_record(
            record,
            channels=self.kept.num_stored if self.kept else self.info.channels,
            dtype=self.info.dtype,
            formats=self.info.image_formats,
        )
        if self.kept:
            sample["image"] = tf.gather(sample["image"], self.kept.positions, axis=-1)
        return sample

    def with_channels(self, names: Sequence[str]) -> Dataset:
        """Returns the data set with only some of its channels.

        Args:
            names: of the channels, in the order wanted; empty keeps all.

        Raises:
            InputError: the data set has no channel of a name; says which there are.
        """
        known = names_of(self.info.channels, self.info.channel_names)
        if not names or tuple(names) == known:
            return self
        for name in names:
            if name not in known:
                raise InputError(
                    f"{self.path} has no channel {name!r}; it has {', '.join(known)}."
                    f"{nearest(name, known)}"
                )
        positions = tuple(map(known.index, names))
        statistics = self.info.statistics
        info = dataclasses.replace(
            self.info,
            channels=len(names),
            channel_names=tuple(names),
            statistics=statistics and statistics.of_channels(positions),
        )
        before = self.kept or Kept(tuple(range(len(known))), len(known))
        kept = Kept(tuple(before.positions[index] for index in positions), before.num_stored)
        return dataclasses.replace(self, info=info, kept=kept)

    def _repr_html_(self) -> str:
        """Returns the counts of every split, and pictures of some samples, for notebooks."""
        names = checks.listed(self.info.class_names)
        splits = self.info.splits.items()
        rows = [(name, split.num_images, split.num_instances) for name, split in splits]
        try:
            pictures = "".join(self._pictures(next(iter(self.info.splits))))
        except (InputError, tf.errors.OpError) as error:  # the counts are shown in any case
            pictures = notebook.text(error)
        return (
            notebook.text(f"{self.path}: instances of {names}")
            + notebook.table(("split", "images", "instances"), rows)
            + pictures
        )

    def _pictures(self, split: str) -> Iterator[str]:
        for sample in self.samples(split).take(_SHOWN).as_numpy_iterator():
            image, label = sample["image"], sample["label"]
            thin = thinning(label.shape, notebook.SIDE)
            yield notebook.picture(overlay(image[thin], label[thin]), sample["id"].decode())


def file_sha256(path: DataPath) -> str:
    """Returns the SHA-256 of a file's bytes in hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _check_statistics(statistics: Statistics, *, num_classes: int) -> None:
    """Refuses statistics that do not have a number for each class and each percentile."""
    if not len(statistics.class_images) == len(statistics.class_instances) == num_classes:
        raise ValueError(f"statistics of other classes than its {num_classes}")
    for row in (statistics.area, statistics.instances_per_image, *statistics.channels):
        if row.percentiles.keys() != set(map(str, PERCENTILES)):
            raise ValueError(f"percentiles {list(row.percentiles)}")


def _shard(entry: dict) -> ShardInfo:
    num_images, num_instances = (int(entry[key]) for key in ("num_images", "num_instances"))
    if entry["name"] != Path(entry["name"]).name or entry["name"] == "..":
        raise ValueError(f"a shard is a file beside it, not {entry['name']!r}")
    return ShardInfo(str(entry["name"]), num_images, num_instances, str(entry["sha256"]))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _damaged(path: DataPath, error: Exception) -> InputError:
    reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
    return InputError(f"{path} is damaged ({reason.rstrip('.')}). Convert the data again.")
