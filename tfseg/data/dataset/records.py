"""One image as one record, a tf.train.Example; in tiles, as one of it and one of each tile.

| key           | value |
|---------------|-------|
| id            | UTF-8 string, unique in its split |
| image         | see `image_codec` |
| image_format  | how it is stored; absent where it is png |
| label         | 16-bit PNG, one channel; two (low and high 16 bits) for ids above 65535 or -1 |
| class_of      | int64 list, class of each id above 0, in their order; absent where all are 1 |
| height, width | int64, pixels |
| num_instances | int64, distinct ids above 0 |
| group         | UTF-8 string, samples of a group stay in one split; absent without groups |
| source_sha256 | SHA-256 of the image's file in hex digits; absent without a file |
| pixel_size    | float, side of a pixel in micrometres; absent where it is not known |
| dtype         | of the stored pixels |
| spread        | `contrast.Spread.table`, float32 |
| tile          | int64, side of the tiles in pixels; absent in an image without tiles |
| foreground    | int32 `[T]`, pixels of instances in each tile; only beside `tile` |
| instances     | `instances.Instances.table`, int32 `[5, N]`; only beside `tile`, for `class_of` |

The record of an image in tiles has no pixels, and that of a tile has id, image, image_format,
label, height and width, those of the tile. Numbers of the last rows are raw and little-endian.
Records of version 1 have none of the keys from `pixel_size` on.

An image is stored with the channels and bits of its file; `decode_pixels` converts it to those of
the data set. Grey becomes RGB by repetition, 8 bits become 16 by a factor of 257, so that white
stays white. Other channels and floats are never converted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset import image_codec
from tfseg.data.dataset.contrast import Spread
from tfseg.data.dataset.image_codec import Picture
from tfseg.data.dataset.instances import Instances
from tfseg.data.dataset.tiles import TiledArray
from tfseg.data.files.windows import tally
from tfseg.ids import IGNORE
from tfseg.large_arrays import bands_of

_LABEL_LEVEL = 6
_WORD = 2**16
Features = dict[str, bytes | int | float | list[int]]


def encode(
    id: str,
    image: np.ndarray,
    label: np.ndarray,
    class_of: Sequence[int] | np.ndarray | None = None,
    *,
    picture: Picture | None = None,
    group: str | None = None,
    source_sha256: str | None = None,
) -> bytes:
    """Makes a record; the same sample gives the same bytes.

    Args:
        id: name of the sample, unique in its split.
        image: `[H, W, C]` uint8, uint16 or float32.
        label: `[H, W]` int32 instance ids, 0 = background, -1 = ignored.
        class_of: `[N]`, class of each id above 0 in their order, from 1 on; None: all of class 1.
        picture: the encoded image; None: it is encoded as for the store "png".
        group: group of the image; None without groups.
        source_sha256: checksum of the image file; None without a file.

    Raises:
        InputError: arrays of another shape or type.
    """
    entries = features(id, image, label, class_of, picture=picture)
    return serialize(entries, group=group, source_sha256=source_sha256)


def features(
    id: str,
    image: np.ndarray,
    label: np.ndarray,
    class_of: Sequence[int] | np.ndarray | None = None,
    *,
    picture: Picture | None = None,
) -> Features:
    """Returns the compressed entries of a record without group and checksum; see `encode`.

    Raises:
        InputError: arrays of another shape or type.
    """
    _check_arrays(id, image, label)
    pixels = _pixels(id, label, picture or image_codec.encode(image))
    num_instances = count_instances(label)
    entries = pixels | {"num_instances": num_instances} | _described(image)
    classes = None if class_of is None else _checked(id, np.asarray(class_of), num_instances)
    if classes is not None and (classes != 1).any():
        entries["class_of"] = classes.tolist()
    return entries


def tile_features(id: str, image: np.ndarray, label: np.ndarray, picture: Picture) -> Features:
    """Returns the entries of the record of a tile, whose arguments are those of `encode`.

    Raises:
        InputError: arrays of another shape or type.
    """
    _check_arrays(id, image, label)
    return _pixels(id, label, picture)


def _pixels(id: str, label: np.ndarray, picture: Picture) -> Features:
    height, width = label.shape
    entries: Features = {
        "id": id.encode(),
        "image": picture.data,
        "label": image_codec.png(_words(label), _LABEL_LEVEL),
        "height": height,
        "width": width,
    }
    if picture.format != "png":
        entries["image_format"] = picture.format.encode()
    return entries


def header_features(
    id: str, image: TiledArray, instances: Instances, class_of: np.ndarray | None = None
) -> Features:
    """Returns the entries of the record of an image in tiles; see `features`.

    Args:
        id: name of the sample.
        image: the pixels as they are stored.
        instances: of its label.
        class_of: as for `encode`.
    """
    num_instances = len(instances.ids)
    classes = None if class_of is None else _checked(id, np.asarray(class_of), num_instances)
    height, width, side = image.grid
    return {
        "id": id.encode(),
        "height": height,
        "width": width,
        "num_instances": num_instances,
        "tile": side,
        "foreground": instances.foreground.astype("<i4").tobytes(),
        "instances": instances.table(classes).tobytes(),
        **_described(image),
    }


def _described(image: np.ndarray | TiledArray) -> Features:
    spread = Spread.table(image).astype("<f4").tobytes()
    return {"dtype": image.dtype.name.encode(), "spread": spread}


def _check_arrays(id: str, image: np.ndarray, label: np.ndarray) -> None:
    if image.ndim != 3 or image.dtype.name not in image_codec.DTYPES:
        raise InputError(
            f"The image of {id!r} must be [H, W, C] uint8, uint16 or float32; got "
            f"{list(image.shape)} {image.dtype}. Convert it first."
        )
    if (
        label.shape != image.shape[:2]
        or label.dtype != np.int32
        or not label.size
        or label.min() < IGNORE
    ):
        raise InputError(
            f"The label of {id!r} must be {list(image.shape[:2])} int32 from {IGNORE} on; got "
            f"{list(label.shape)} {label.dtype}. Give one id for each pixel of the image."
        )


def serialize(
    entries: Features, *, group: str | None = None, source_sha256: str | None = None
) -> bytes:
    """Makes a record from the entries of `features`; group and checksum are those of `encode`."""
    origin = {"group": group, "source_sha256": source_sha256}
    texts = {name: text.encode() for name, text in origin.items() if text is not None}
    feature = {name: _feature(value) for name, value in (entries | texts).items()}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def instance_ids(label: np.ndarray) -> np.ndarray:
    """Returns the distinct ids above 0 in `label` `[H, W]` in ascending order."""
    return instance_areas(label)[0]


def instance_areas(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns `instance_ids` `[N]`, and their numbers of pixels `[N]`."""
    parts = [_areas(label[rows]) for rows in bands_of(label.shape)]
    return parts[0] if len(parts) == 1 else tally(*parts)


def _areas(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    inside = label[label > 0]
    if inside.size and inside.max() > label.size:  # a counter for each number would take memory
        return np.unique(inside, return_counts=True)
    areas = np.bincount(inside)  # a tenth of the time that sorting takes
    ids = np.flatnonzero(areas)
    return ids, areas[ids]


def count_instances(label: np.ndarray) -> int:
    """Returns the number of distinct ids above 0 in `label` `[H, W]`."""
    return len(instance_ids(label))


def _checked(id: str, class_of: np.ndarray, num_instances: int) -> np.ndarray:
    lowest = min(class_of.tolist(), default=1)
    if len(class_of) != num_instances or lowest < 1:
        raise InputError(
            f"class_of of {id!r} must be a class from 1 on for each of its {num_instances} "
            f"instances; got {len(class_of)} from {lowest} on."
        )
    return class_of


def _words(label: np.ndarray) -> np.ndarray:
    low = (label % _WORD).astype(np.uint16)
    if label.min() >= 0 and label.max() < _WORD:
        return low
    return np.stack([low, (label // _WORD % _WORD).astype(np.uint16)], axis=-1)


def _feature(value: bytes | int | float | list[int]) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    integers = value if isinstance(value, list) else [value]
    return tf.train.Feature(int64_list=tf.train.Int64List(value=integers))
