"""Converting samples from Python, in memory or made one after the other, into a data set."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from tfseg import calls, checks
from tfseg.channels import check_names
from tfseg.checks import InputError
from tfseg.data.conversion import encoding, splits, writer
from tfseg.data.conversion.atomic_folder import check_destination, writing
from tfseg.data.conversion.formats.base import SPLITS, Item, Sample
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.image_codec import check_store
from tfseg.data.dataset.records import instance_ids
from tfseg.data.files.paths import DataPath, as_path, is_remote
from tfseg.data.files.pixel_size import Stated
from tfseg.data.files.pixels import standard_type
from tfseg.data.files.tiff_windows import TiffWindows
from tfseg.ids import IGNORE, MAX_ID, whole_numbers
from tfseg.lengths import micrometres
from tfseg.ordered_map import ordered

Samples = Iterable[Mapping[str, Any] | tuple[Any, Any]]


class _Stored(NamedTuple):
    """Where a sample is in the temporary file: lengths and offsets.

    Attributes:
        sample: an `EncodedSample` without tiles.
        tiles: the records of its tiles.
    """

    sample: tuple[int, int]
    tiles: list[tuple[int, int]]


@calls.check
def convert_samples(
    samples: Samples | Mapping[str, Samples],
    destination: str | DataPath,
    *,
    class_names: Sequence[str] = ("object",),
    val_fraction: float = 0.0,
    seed: int = 0,
    groups: splits.Groups | None = None,
    shard_size: int = 256,
    store: str = "png",
    channels: Sequence[str] = (),
    pixel_size: float | str | None = None,
    overwrite: bool = False,
) -> Dataset:
    """Converts samples from Python into a data set.

    The samples are taken once and one after the other, so they need not fit in memory. The data set
    is written completely or not at all, and the same samples give the same bytes.

    Args:
        samples: any iterable, such as a list, a generator or a `tf.data.Dataset` (of TensorFlow
            Datasets, too), or one for each split: {"train": ..., "val": ...}. A sample is (image,
            label) or a mapping with the entries

            - image: `[H, W]` or `[H, W, C]` uint8, uint16 or floats, without alpha; 3 channels
              are red, green and blue unless `channels` says otherwise; or what
              `tfseg.data.files.opening.open_image` returns for a large TIFF;
            - label: `[H, W]` or `[H, W, 1]` integer ids, 0 = background, -1 = ignored;
            - class_of: the class of each id, from 1 on: a mapping, or `[N]` in the order of the
              ids; without it all have class 1;
            - pixel_size: side of a pixel, as the argument, which it replaces;
            - id: a text or a number, unique in its split; without it the position.
        destination: as for `convert`.
        class_names: what the instances are; the first is class 1.
        val_fraction: as for `convert`.
        seed: as for `convert`.
        groups: as for `convert`.
        shard_size: as for `convert`.
        store: as for `convert`, but not "original".
        channels: names of the channels, in their order; empty: they have none.
        pixel_size: side of a pixel, a number in micrometres or a text such as "0.3m"; None: not
            known.
        overwrite: replaces a data set at `destination`, once the new one is complete.

    Raises:
        InputError: a sample, option or path that cannot be used; names it, the rule and the remedy.

    Examples:
        >>> image, label = np.zeros((8, 8), np.uint8), np.eye(8, dtype=np.int32)
        >>> tfseg.convert_samples([(image, label)], "lines").split("train").num_instances
        1
    """
    destination = as_path(destination)
    if not class_names or not all(isinstance(name, str) for name in class_names):
        raise InputError("class_names must have a name for each class. Say what the instances are.")
    if isinstance(samples, str | Path) or not hasattr(samples, "__iter__"):
        raise InputError(
            f"samples must be pairs (image, label) or mappings; got {checks.shown(samples)}. "
            "tfseg.convert takes a folder."
        )
    check_store(store)
    if store == "original":
        raise InputError("store='original' is for files; samples have none. Choose png or raw.")
    names = check_names("channels", channels)
    check_destination(destination, overwrite=overwrite)
    parts = samples if isinstance(samples, Mapping) else {"train": samples}
    for name in parts:
        checks.one_of("A split of the samples", name, SPLITS)
    encode = functools.partial(
        _encode,
        num_classes=len(class_names),
        store=store,
        channel_names=names,
        pixel_size=None if pixel_size is None else micrometres("pixel_size", pixel_size),
    )
    with _spool(destination) as file:
        items = {
            split: list(_stored(parts[split], file, destination, encode))
            for split in SPLITS
            if split in parts
        }
        if not all(items.values()):
            raise InputError("Every split must have samples; one has none. Leave it out.")
        arranged = splits.assign_splits(items, val_fraction=val_fraction, seed=seed, groups=groups)
        return writer.write_dataset(
            writer.Contents(
                source_name="The source",
                splits=arranged,
                encode=lambda item: _load(item, file),
                source_format="python",
                class_names=tuple(class_names),
                options={
                    "val_fraction": val_fraction,
                    "seed": seed,
                    "groups": splits.description(groups),
                    "shard_size": shard_size,
                    "store": store,
                    "pixel_size": pixel_size,
                },
                shard_size=shard_size,
                num_records=lambda item: 1 + len(item.annotations.tiles),
            ),
            destination,
            overwrite=overwrite,
        )


def _spool(destination: DataPath) -> IO[bytes]:
    """Opens a temporary file, on the disk of `destination` if that is on this machine.

    The splits and shards of the samples are known only when all have been taken.
    """
    folder = None
    if not is_remote(destination):
        parents = Path(os.path.abspath(destination)).parents
        folder = next(path for path in parents if path.is_dir())
    with writing(destination):
        return tempfile.TemporaryFile(dir=folder, buffering=0)


def _stored(
    samples: Samples, file: IO[bytes], destination: DataPath, encode: Callable[[int, Any], Any]
) -> Iterator[Item[_Stored]]:
    """Writes the encoded samples into `file`, and yields an item for each."""
    iterator = samples.as_numpy_iterator() if hasattr(samples, "as_numpy_iterator") else samples
    ids: set[str] = set()
    encoded = ordered(lambda pair: encode(*pair), enumerate(iterator))
    with contextlib.closing(encoded):
        for id, sample in encoded:
            if id in ids:
                raise InputError(f"The id of a sample must be unique in its split; {id!r} is not.")
            ids.add(id)
            tiles = [_append(file, tile, destination) for tile in sample.tiles]
            alone = pickle.dumps(dataclasses.replace(sample, tiles=()))
            yield Item(id, Path(id), _Stored(_append(file, alone, destination), tiles))


def _append(file: IO[bytes], data: bytes, destination: DataPath) -> tuple[int, int]:
    """Writes bytes at the end of a file, and returns their length and offset."""
    offset = file.tell()
    with writing(destination):
        file.write(data)
    return len(data), offset


def _load(item: Item[_Stored], file: IO[bytes]) -> writer.Encoded:
    read = functools.partial(os.pread, file.fileno())
    sample = pickle.loads(read(*item.annotations.sample))
    tiles = (read(*position) for position in item.annotations.tiles)
    return dataclasses.replace(sample, tiles=tiles).serialized(group=item.group)


def _encode(
    index: int,
    sample: Any,
    *,
    num_classes: int,
    store: str,
    channel_names: tuple[str, ...],
    pixel_size: float | None,
) -> tuple[str, encoding.EncodedSample]:
    entries = sample if isinstance(sample, Mapping) else None
    if isinstance(sample, tuple) and len(sample) == 2:
        entries = dict(zip(("image", "label"), sample, strict=True))
    if entries is None or not {"image", "label"} <= entries.keys():
        got = sorted(map(str, entries)) if entries is not None else type(sample).__name__
        raise InputError(f"Sample {index} must have the entries image and label; got {got}.")
    id = entries.get("id", f"{index:06d}")
    id = id.decode() if isinstance(id, bytes) else str(id)
    name = f"The sample {id!r}"
    image, label = _image(name, entries["image"]), _label(name, entries["label"])
    if image.shape[:2] != label.shape:
        raise InputError(
            f"{name} must have a label of the size of its image; got {list(label.shape)} for "
            f"{list(image.shape[:2])}."
        )
    class_of = _class_of(name, entries.get("class_of"), label, num_classes)
    size = entries.get("pixel_size", pixel_size)
    return id, encoding.encode(
        id,
        Sample(image, label, class_of),
        name=name,
        channel_names=channel_names,
        store=store,
        pixel_size=Stated(0.0 if size is None else _pixel_size(name, size)),
    )


def _pixel_size(name: str, given: Any) -> float:
    """Returns a pixel size in micrometres; 0, as `Dataset.samples` yields it, is not known."""
    given = given.item() if isinstance(given, np.generic | np.ndarray) else given
    given = given.decode() if isinstance(given, bytes) else given
    return 0.0 if given == 0 else micrometres(f"The pixel_size of {name[4:]}", given)


def _image(name: str, image: Any) -> np.ndarray | TiffWindows:
    if isinstance(image, TiffWindows):
        return image
    array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or not array.size:
        raise InputError(
            f"{name} must have an image [H, W] or [H, W, C] with pixels; got {list(array.shape)}."
        )
    return standard_type(name, array)


def _label(name: str, label: Any) -> np.ndarray:
    array = np.asarray(label)
    array = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
    array = whole_numbers(f"The label of {name[4:]}", array)
    if array.ndim != 2 or array.dtype.kind not in "bui":
        raise InputError(
            f"{name} must have a label [H, W] of integer ids; got {list(array.shape)} "
            f"{array.dtype}. Number the instances 1, 2, ..."
        )
    if array.size and not IGNORE <= array.min() <= array.max() <= MAX_ID:
        raise InputError(
            f"{name} must have ids in [{IGNORE}, {MAX_ID}]; got {array.min()} to {array.max()}."
        )
    return array.astype(np.int32, copy=False)  # ids of a large map lie in a file


def _class_of(name: str, given: Any, label: np.ndarray, num_classes: int) -> np.ndarray | None:
    """Returns the class `[N]` int64 of each id above 0, in the order of the ids."""
    if given is None:
        return None
    ids = instance_ids(label).tolist()
    if isinstance(given, Mapping):
        classes = [given.get(id) for id in ids]
        classes = [value.item() if isinstance(value, np.generic) else value for value in classes]
    else:
        classes = np.asarray(given).ravel().tolist()
    if len(classes) != len(ids):
        raise InputError(
            f"{name} must have one class for each of its {len(ids)} ids; got {len(classes)}. "
            "Give them in the order of the ids, or as a mapping."
        )
    for id, value in zip(ids, classes, strict=True):
        checks.integer(f"The class of id {id} of {name[4:]}", value, low=1, high=num_classes)
    return np.array(classes, np.int64)
