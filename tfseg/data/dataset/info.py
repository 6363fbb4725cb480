"""dataset.json: what a data set holds, its splits and their shards.

It is written last; a folder without it is not a data set. The same input gives the same bytes:
there are no dates, no paths, and of the command line only the options that determine what is
written.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from tfseg import checks
from tfseg.channels import is_grey_or_rgb
from tfseg.checks import InputError
from tfseg.config.fields import is_required
from tfseg.data.dataset.image_codec import DTYPES, IMAGE_FORMATS
from tfseg.data.dataset.statistics import PERCENTILES, Statistics
from tfseg.data.dataset.typed import check_types
from tfseg.data.files.paths import DataPath
from tfseg.run_files import CONFIG

SCHEMA_VERSION = "2.0"  # a reader takes this and every older one
_OLDEST = (1, 0)
INFO_FILE = "dataset.json"
SKIPPED_FILE = "skipped.csv"  # beside dataset.json: files of images left out, and the reasons
Options = dict[str, str | int | float | bool]


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
    def has_tiles(self) -> bool:
        """Whether any image is stored in tiles, from which crops are read."""
        return any(shard.tiled for split in self.splits.values() for shard in split.shards)

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
