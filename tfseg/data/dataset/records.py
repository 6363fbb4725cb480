"""One sample as one record, a tf.train.Example.

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

An image is stored with the channels and bits of its file; `decode_record` converts it to those of
the data set. Grey becomes RGB by repetition, 8 bits become 16 by a factor of 257, so that white
stays white. Other channels and floats are never converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import imagecodecs
import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset import image_codec
from tfseg.data.dataset.image_codec import Picture
from tfseg.ids import IGNORE

_LABEL_LEVEL = 6
_WORD = 2**16
_FEATURES = {
    "id": tf.io.FixedLenFeature([], tf.string),
    "image": tf.io.FixedLenFeature([], tf.string),
    "image_format": tf.io.FixedLenFeature([], tf.string, default_value="png"),
    "label": tf.io.FixedLenFeature([], tf.string),
    "class_of": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
    **{name: tf.io.FixedLenFeature([], tf.int64) for name in ("height", "width", "num_instances")},
}


Features = dict[str, bytes | int | list[int]]


class Record(NamedTuple):
    """A record as it is stored.

    Attributes:
        id: of the sample.
        image: `[H, W, C]` uint8, uint16 or float32.
        image_format: how it is stored.
        label: `[H, W]` int64 instance ids, -1 = ignored.
        class_of: `[N]` int64, class from 1 on of each id above 0, in the order of the ids.
        height: as stored beside the image, in pixels.
        width: as stored beside the image, in pixels.
        num_instances: as stored.
        group: of samples that must stay in one split; "" without groups.
    """

    id: str
    image: np.ndarray
    image_format: str
    label: np.ndarray
    class_of: np.ndarray
    height: int
    width: int
    num_instances: int
    group: str


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
    height, width = label.shape
    num_instances = count_instances(label)
    picture = picture or image_codec.encode(image)
    entries: Features = {
        "id": id.encode(),
        "image": picture.data,
        "label": image_codec.png(_words(label), _LABEL_LEVEL),
        "height": height,
        "width": width,
        "num_instances": num_instances,
    }
    if picture.format != "png":
        entries["image_format"] = picture.format.encode()
    classes = None if class_of is None else _checked(id, np.asarray(class_of), num_instances)
    if classes is not None and (classes != 1).any():
        entries["class_of"] = classes.tolist()
    return entries


def serialize(
    entries: Features, *, group: str | None = None, source_sha256: str | None = None
) -> bytes:
    """Makes a record from the entries of `features`; group and checksum are those of `encode`."""
    origin = {"group": group, "source_sha256": source_sha256}
    texts = {name: text.encode() for name, text in origin.items() if text is not None}
    feature = {name: _feature(value) for name, value in (entries | texts).items()}
    example = tf.train.Example(features=tf.train.Features(feature=feature))
    return example.SerializeToString(deterministic=True)


def decode_record(
    serialized: tf.Tensor, *, channels: int, dtype: str, formats: Sequence[str]
) -> dict[str, tf.Tensor]:
    """Reads a record in the graph; `Dataset.decode` calls it with the values of its data set.

    Args:
        serialized: `[]` string.
        channels: of the data set.
        dtype: of the data set's images, "uint8", "uint16" or "float32".
        formats: all that its images are stored in, of `image_codec.IMAGE_FORMATS`.

    Returns:
        `id` `[]` string, `image` `[H, W, channels]` of `dtype`, `label` `[H, W]` int32 ids with
        0 = background and -1 = ignored, `class_of` `[N]` int32: the class of each id above 0, in
        the order of the ids, from 1 on.
    """
    features = tf.io.parse_single_example(serialized, _FEATURES)
    image = image_codec.decode_tensor(features, formats, channels=channels, dtype=dtype)
    classes = tf.cast(features["class_of"], tf.int32)
    missing = tf.cast(features["num_instances"], tf.int32) - tf.size(classes)
    return {
        "id": features["id"],
        "image": image,
        "label": _ids(tf.io.decode_png(features["label"], dtype=tf.uint16)),
        "class_of": tf.pad(classes, [[0, missing]], constant_values=1),
    }


def _ids(words: tf.Tensor) -> tf.Tensor:
    """Returns ids `[H, W]` int32 from words `[H, W, 1 or 2]` uint16, the low one first."""
    shape = tf.shape(words)

    def from_one_word() -> tf.Tensor:
        return tf.cast(tf.reshape(words, shape[:2]), tf.int32)

    def from_two_words() -> tf.Tensor:
        return tf.bitcast(tf.reshape(words, [shape[0], shape[1], 2]), tf.int32)

    return tf.cond(shape[2] == 1, from_one_word, from_two_words)


def read_id(serialized: tf.Tensor) -> tf.Tensor:
    """Returns the id of a record in the graph, `[]` string, without decoding its images."""
    return tf.io.parse_single_example(serialized, {"id": _FEATURES["id"]})["id"]


def sample_id(serialized: bytes) -> str:
    """Returns the id of a record outside the graph."""
    return read_id(serialized).numpy().decode()


def parse(serialized: bytes) -> Record:
    """Reads everything in a record outside the graph.

    Raises:
        InputError: not a record, or one that cannot be decoded.
    """
    try:
        features = tf.train.Example.FromString(serialized).features.feature
        format, group = (
            b"".join(features[name].bytes_list.value).decode() for name in ("image_format", "group")
        )
        picture = Picture(format or "png", features["image"].bytes_list.value[0])
        words = imagecodecs.png_decode(features["label"].bytes_list.value[0]).astype(np.int64)
        height, width, num_instances = (
            int(features[key].int64_list.value[0]) for key in ("height", "width", "num_instances")
        )
        image = image_codec.decode_array(picture, (height, width))
        id = features["id"].bytes_list.value[0].decode()
        classes = np.array(features["class_of"].int64_list.value, np.int64)
    except Exception as error:  # from protobuf or libpng, or a missing entry
        raise InputError(f"A record cannot be decoded ({error!r}). Write it again.") from error
    label = words if words.ndim == 2 else words[..., 0] + _WORD * words[..., 1]
    label[label == _WORD**2 - 1] = IGNORE
    classes = classes if classes.size else np.ones(count_instances(label), np.int64)
    return Record(id, image, picture.format, label, classes, height, width, num_instances, group)


def instance_ids(label: np.ndarray) -> np.ndarray:
    """Returns the distinct ids above 0 in `label` `[H, W]` in ascending order."""
    return instance_areas(label)[0]


def instance_areas(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns `instance_ids` `[N]`, and their numbers of pixels `[N]`."""
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


def _feature(value: bytes | int | list[int]) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    integers = value if isinstance(value, list) else [value]
    return tf.train.Feature(int64_list=tf.train.Int64List(value=integers))
