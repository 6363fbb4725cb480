"""A data set on disk: a folder with dataset.json and TFRecord files, the shards.

dataset.json describes the content and is written last; a folder without it is not a data set. The
same input gives the same bytes: there are no dates, no paths, and of the command line only the
options that determine what is written.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfseg import calls, checks, notebook, tf_errors
from tfseg.autograph import no_autograph
from tfseg.channels import is_grey_or_rgb, names_of
from tfseg.checks import InputError, nearest
from tfseg.config.fields import is_required
from tfseg.data.dataset.decoded_records import Decoding, decode_record
from tfseg.data.dataset.image_codec import DTYPES, IMAGE_FORMATS
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.split_reader import SplitReader
from tfseg.data.dataset.statistics import PERCENTILES, Statistics
from tfseg.data.dataset.stored_image import StoredImage
from tfseg.data.dataset.typed import check_types
from tfseg.data.files.paths import DataPath, as_path
from tfseg.drawing.display import Display
from tfseg.drawing.overlays import overlay, thinning
from tfseg.run_files import CONFIG

SCHEMA_VERSION = "2.0"  # a reader takes this and every older one
_OLDEST = (1, 0)
INFO_FILE = "dataset.json"
_SHOWN = 3  # samples, in a notebook
Options = dict[str, str | int | float | bool]
SKIPPED_FILE = "skipped.csv"  # beside dataset.json: files of images left out, and the reasons


@dataclasses.dataclass(frozen=True)
class ShardInfo:
    """One file of records.

    Attributes:
        name: of the file.
        num_images: images that begin in it.
        num_instances: their instances.
        sha256: of its bytes, in hex digits.
        num_records: of images and of tiles. (from version 2.0 on)
        tiled: the images in tiles that begin in it: the position among its images, and the number
            of tiles, which may continue in the next files. (from version 2.0 on)
    """

    name: str
    num_images: int
    num_instances: int
    sha256: str
    num_records: int
    tiled: tuple[tuple[int, int], ...] = ()

    @classmethod
    def from_content(cls, entry: dict) -> ShardInfo:
        """Makes it from its entry in a JSON file.

        Raises:
            ValueError: a name that leads out of the folder, or impossible numbers.
        """
        name = entry["name"]
        num_images, num_instances = (int(entry[key]) for key in ("num_images", "num_instances"))
        if name != Path(name).name or name == "..":
            raise ValueError(f"a shard is a file beside it, not {name!r}")
        tiled = tuple((int(number), int(tiles)) for number, tiles in entry.get("tiled", ()))
        if not all(0 <= number < num_images and tiles > 0 for number, tiles in tiled):
            raise ValueError(f"tiled {list(tiled)}")
        num_records = int(entry.get("num_records", num_images))
        sha256 = str(entry["sha256"])
        return cls(str(name), num_images, num_instances, sha256, num_records, tiled)


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
        cut_instances: parts of instances that the borders of regions cut, where images were
            converted in regions. (from version 2.0 on)
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
        pixel_sizes: number of images by the side of a pixel in micrometres, such as "0.25"; those
            without a known one are not counted. (from version 2.0 on)
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
    cut_instances: int = 0
    skipped_images: int = 0
    statistics: Statistics | None = None
    image_formats: tuple[str, ...] = ("png",)
    options: Options = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    channel_names: tuple[str, ...] = ()
    pixel_sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    splits: dict[str, SplitInfo]

    @property
    def is_grey_or_rgb(self) -> bool:
        """Whether the images are grey or RGB, whose channels have common limits."""
        return is_grey_or_rgb(self.channels, self.channel_names)

    @property
    def num_images(self) -> int:
        """Number of images in all splits."""
        return sum(split.num_images for split in self.splits.values())

    @property
    def num_without_pixel_size(self) -> int:
        """Number of images whose pixels have no known size."""
        return self.num_images - sum(self.pixel_sizes.values())

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
        if version > newest or version < _OLDEST:
            raise InputError(
                f"{path} has schema version {content['version']}; this tfseg reads 1.0 to "
                f"{SCHEMA_VERSION}. Update tfseg, or convert again with this one."
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
        splits = {name: _split(split) for name, split in values["splits"].items()}
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
        for size in values.get("pixel_sizes", {}):
            checks.in_range("pixel_sizes", float(size), low=0)
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

    @property
    def has_tiles(self) -> bool:
        """Whether any image is stored in tiles, from which crops are read."""
        splits = self.info.splits.values()
        return any(shard.tiled for split in splits for shard in split.shards)

    @property
    def decoding(self) -> Decoding:
        """How the pixels of its records are read."""
        stored = self.kept.num_stored if self.kept else self.info.channels
        kept = self.kept.positions if self.kept else ()
        return Decoding(stored, self.info.dtype, self.info.image_formats, kept)

    @calls.check
    def records(self, split: str) -> tf.data.Dataset:
        """Returns the serialized records of the images of a split, `[]` string, in stored order.

        That of an image in tiles has no pixels; `all_records` has those of its tiles behind it.

        Raises:
            InputError: no such split, a shard is missing, has broken framing (which can end the
                process where TensorFlow reads it), or more or fewer records than dataset.json says.
        """
        if not self.has_tiles:
            return self.all_records(split)
        reader = self.reader(split)
        return self._mapped(split, lambda number: reader.read(number)["record"])

    def all_records(self, split: str) -> tf.data.Dataset:
        """Returns the `records` of a split, and behind that of an image those of its tiles.

        Raises:
            InputError: as for `records`.
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

        Images in tiles are joined, up to 100 million pixels; `images` reads larger ones.

        Raises:
            InputError: as for `records`.
        """
        if not self.has_tiles:
            return self.records(split).map(
                no_autograph(self.decode), num_parallel_calls=tf.data.AUTOTUNE
            )

        reader = self.reader(split)

        def sample(number: tf.Tensor) -> dict[str, tf.Tensor]:
            joined = reader.joined(reader.decode(reader.read(number)))
            return {
                name: joined[name] for name in ("id", "image", "label", "class_of", "pixel_size")
            }

        return self._mapped(split, sample)

    @calls.check
    def images(self, split: str, numbers: Sequence[int] = ()) -> Iterator[StoredImage]:
        """Yields the images of a split in stored order, to be read by windows, outside the graph.

        Args:
            split: its name.
            numbers: of the images that are wanted, in stored order from 0 on; empty: all.

        Raises:
            InputError: as for `records`, or a record cannot be decoded.

        Examples:
            >>> image = next(tfseg.Dataset.open("nuclei").images("test"))
            >>> image.shape, image.label[:2, 10:15].shape
            ((260, 347, 1), (2, 5))
        """
        reader = self.reader(split)
        samples = self._mapped(split, lambda number: reader.decode(reader.read(number)), numbers)
        try:
            for sample in samples.as_numpy_iterator():
                yield StoredImage.of(sample, reader, self.decoding)
        except tf.errors.InvalidArgumentError as error:
            reason = f"A record of {self.path}, {split}, cannot be decoded. Convert the data again."
            raise InputError(tf_errors.input_error(error.message) or reason) from error

    def reader(self, split: str, **options: Any) -> SplitReader:
        """Opens a split to read its images in the graph; `options` are those of `SplitReader`."""
        return SplitReader(Index.read(self, split), self.decoding, **options)

    def _mapped(
        self,
        split: str,
        function: Callable[[tf.Tensor], Any],
        numbers: Sequence[int] = (),
    ) -> tf.data.Dataset:
        """Returns what a function makes of the number of each image."""
        wanted = list(numbers) or np.arange(self.split(split).num_images)
        images = tf.data.Dataset.from_tensor_slices(tf.constant(wanted, tf.int64))
        return images.map(no_autograph(function), num_parallel_calls=tf.data.AUTOTUNE)

    def decode(self, record: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the pixels and ids of one of the `records`, as `decode_record` does.

        Not for that of an image in tiles, which has none.
        """
        return decode_record(record, self.decoding)

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
        display = Display(self.info.channel_names)
        for stored in itertools.islice(self.images(split), _SHOWN):
            thin = thinning(stored.shape[:2], notebook.SIDE)
            picture = overlay(stored.image[thin], stored.label[thin], display=display)
            yield notebook.picture(picture, stored.id)


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


def _split(entry: dict) -> SplitInfo:
    shards = tuple(ShardInfo.from_content(part) for part in entry["shards"])
    num_tiles = sum(tiles for shard in shards for _, tiles in shard.tiled)
    num_records = sum(shard.num_records for shard in shards)
    if num_records != sum(shard.num_images for shard in shards) + num_tiles:
        raise ValueError(f"num_records {num_records} are not its images and {num_tiles} tiles")
    numbers = (int(entry[key]) for key in ("num_images", "num_instances", "min_side"))
    return SplitInfo(shards, *numbers)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _damaged(path: DataPath, error: Exception) -> InputError:
    reason = f"no entry {error}" if isinstance(error, KeyError) else str(error)
    return InputError(f"{path} is damaged ({reason.rstrip('.')}). Convert the data again.")
