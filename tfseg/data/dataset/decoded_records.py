"""Reading records in the graph: what they hold is listed in `records`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfseg.data.dataset import image_codec
from tfseg.data.dataset.instances import COLUMNS
from tfseg.kernels.normalize import WIDE

_SIZE = {name: tf.io.FixedLenFeature([], tf.int64) for name in ("height", "width")}
_PIXELS = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "image_format": tf.io.FixedLenFeature([], tf.string, default_value="png"),
    "label": tf.io.FixedLenFeature([], tf.string),
    **_SIZE,
}
_ID = {"id": tf.io.FixedLenFeature([], tf.string)}
_PIXEL_SIZE = {"pixel_size": tf.io.FixedLenFeature([], tf.float32, default_value=0.0)}
_RAW = {"spread": tf.float32, "foreground": tf.int32, "instances": tf.int32}
_HEADER = {
    **_ID,
    **_SIZE,
    "class_of": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True),
    "num_instances": tf.io.FixedLenFeature([], tf.int64),
    "dtype": tf.io.FixedLenFeature([], tf.string, default_value=""),
    **_PIXEL_SIZE,
    "tile": tf.io.FixedLenFeature([], tf.int64, default_value=0),
    **{name: tf.io.FixedLenFeature([], tf.string, default_value="") for name in _RAW},
}


class Kept(NamedTuple):
    """Channels that are kept of those that are stored: their positions, in the order wanted."""

    positions: tuple[int, ...]
    num_stored: int


class Decoding(NamedTuple):
    """How the pixels of a data set are read.

    Attributes:
        num_stored: channels of the data set.
        dtype: of its images, "uint8", "uint16" or "float32".
        formats: all that its images are stored in, of `image_codec.IMAGE_FORMATS`.
        kept: positions of the channels that are kept; empty: all.
    """

    num_stored: int
    dtype: str
    formats: Sequence[str]
    kept: tuple[int, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels that are kept."""
        return len(self.kept) or self.num_stored

    def has_spread(self) -> bool:
        """Returns whether `spread` knows the values of all channels that are kept together."""
        return len(self.kept) in (0, 1, self.num_stored)

    def spread(self, header: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns `contrast.Spread.table` of an image as it is read.

        Args:
            header: from `decode_header`, not of version 1.

        Returns:
            `[1 + channels, 3]` float32 in the unit of `dtype`; the first row only if `has_spread`.
        """
        stored = header["spread"]
        is_narrow = tf.equal(header["dtype"], "uint8") & (self.dtype == "uint16")
        is_grey = tf.shape(stored)[0] == 2
        unit = tf.where(is_narrow, float(WIDE), 1.0)
        wanted = tf.constant(self.kept or list(range(self.num_stored)), tf.int32) + 1
        wanted = tf.where(is_grey, 1, wanted)
        together = wanted[:1] if self.channels == 1 else tf.zeros([1], tf.int32)
        return tf.gather(stored, tf.concat([together, wanted], axis=0)) * unit


def decode_record(serialized: tf.Tensor, decoding: Decoding) -> dict[str, tf.Tensor]:
    """Reads the record of an image that is not in tiles; see `Dataset.decode`.

    Args:
        serialized: `[]` string.
        decoding: of its data set.

    Returns:
        `id` `[]` string, `image` `[H, W, C]`, `label` `[H, W]` int32 ids with
        0 = background and -1 = ignored, `class_of` `[N]` int32: the class of each id above 0, in
        the order of the ids, from 1 on, and `pixel_size` `[]` float32 in micrometres, 0 where it is
        not known.
    """
    header = decode_header(serialized)
    pixels = decode_pixels(serialized, decoding)
    names = ("class_of", "pixel_size")
    return {"id": header["id"], **pixels, **{name: header[name] for name in names}}


def decode_pixels(serialized: tf.Tensor, decoding: Decoding) -> dict[str, tf.Tensor]:
    """Reads `image` and `label` of `decode_record`, from its record or from that of a tile."""
    features = tf.io.parse_single_example(serialized, _PIXELS)
    image = image_codec.decode_tensor(
        features, decoding.formats, channels=decoding.num_stored, dtype=decoding.dtype
    )
    if decoding.kept:
        image = tf.gather(image, decoding.kept, axis=-1)
    return {"image": image, "label": _decoded_label(features)}


def decode_label(serialized: tf.Tensor) -> tf.Tensor:
    """Reads `label` of `decode_record`, from its record or from that of a tile."""
    return _decoded_label(tf.io.parse_single_example(serialized, _PIXELS))


def decode_header(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    """Reads everything in the record of an image but its pixels.

    Returns:
        `id` `[]` string, `size` `[2]` int32, `pixel_size` `[]` float32 (0: not known), `class_of`
        `[N]` int32, `dtype` `[]` string ("" in
        version 1), `spread` `[1 + C, 3]` float32 (`[0, 3]` in version 1), `tile` `[]` int32 (0:
        not in tiles), `foreground` `[T]` int32 and `instances` `[5, N]` int32 (`[5, 0]` where not
        in tiles); see the table above.
    """
    features = tf.io.parse_single_example(serialized, _HEADER)
    raw = {name: tf.io.decode_raw(features[name], dtype) for name, dtype in _RAW.items()}
    instances = tf.reshape(raw["instances"], [len(COLUMNS), -1])
    classes = tf.concat([tf.cast(features["class_of"], tf.int32), instances[1]], axis=0)
    missing = tf.cast(features["num_instances"], tf.int32) - tf.size(classes)
    return {
        "id": features["id"],
        "size": tf.cast(tf.stack([features["height"], features["width"]]), tf.int32),
        "class_of": tf.pad(classes, [[0, missing]], constant_values=1),
        "pixel_size": features["pixel_size"],
        "dtype": features["dtype"],
        "spread": tf.reshape(raw["spread"], [-1, 3]),
        "tile": tf.cast(features["tile"], tf.int32),
        "foreground": raw["foreground"],
        "instances": instances,
    }


def _decoded_label(features: dict[str, tf.Tensor]) -> tf.Tensor:
    return _ids(tf.io.decode_png(features["label"], dtype=tf.uint16))


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
    return tf.io.parse_single_example(serialized, _ID)["id"]


def sample_id(serialized: bytes) -> str:
    """Returns the id of a record outside the graph."""
    return read_id(serialized).numpy().decode()


def pixel_size(serialized: bytes) -> float:
    """Returns the pixel size of a record outside the graph, in micrometres; 0: not known."""
    return tf.io.parse_single_example(serialized, _PIXEL_SIZE)["pixel_size"].numpy().item()
