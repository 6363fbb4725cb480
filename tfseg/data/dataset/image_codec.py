"""How the pixels of an image are stored in a record: as PNG, raw, compressed, or as JPEG.

| `image_format` | `image` |
|----------------|---------|
| png            | PNG, 8 or 16 bit, grey or RGB |
| raw            | the rows of `[H, W, C]`, 16 bit little-endian: 1 byte a pixel is grey, 3 are RGB, 2 and 6 the same of 16 bit |
| jpeg           | JPEG, grey or RGB |
| raw:DTYPE      | the rows of `[H, W, C]`, little-endian, of uint8, uint16 or float32, any C |
| zlib:DTYPE     | the same, compressed by zlib |

The last two are for what the others cannot hold: floats, and images that are neither grey nor RGB.
`decode_tensor` (TensorFlow) and `decode_array` (NumPy) return the same pixels; those of JPEG come
from the accurate integer transform.
"""  # noqa: E501

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import imagecodecs
import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.files.decoding import decode_png
from tfseg.data.files.limits import JPEG, PNG
from tfseg.kernels.normalize import WIDE

DTYPES = ("uint8", "uint16", "float32")  # of images
_BLOCKS = tuple(f"{way}:{dtype}" for way in ("raw", "zlib") for dtype in DTYPES)
IMAGE_FORMATS = ("png", "raw", "jpeg", *_BLOCKS)
# For the embedded sample, level 3 takes a quarter of the time of level 6, for 5 % more bytes.
_LEVEL = 3
_ZLIB_LEVEL = 1
STORES = ("png", "raw", "original", "jpeg")  # the last with a quality, as in jpeg:95
_STORE = re.compile(rf"{'|'.join(STORES)}:([1-9]\d?|100)")


class Picture(NamedTuple):
    """An encoded image: its format, one of `IMAGE_FORMATS`, and the bytes."""

    format: str
    data: bytes


def check_store(store: str) -> None:
    """Refuses an unknown way to store images.

    Raises:
        InputError: not png, raw, original or jpeg:QUALITY.
    """
    if not isinstance(store, str) or not _STORE.fullmatch(store):
        raise InputError(
            "store must be png, raw, original, or jpeg:QUALITY with a quality from 1 to 100, such "
            f"as jpeg:95; got {store!r}."
        )


def encode(
    image: np.ndarray, store: str = "png", *, original: bytes = b"", name: object = "The image"
) -> Picture:
    """Encodes an image; the same image gives the same bytes.

    Args:
        image: `[H, W, C]` uint8, uint16 or float32.
        store: "png"; "raw"; "jpeg:95" or another quality, which changes the pixels; "original",
            which keeps the file if TensorFlow decodes it to exactly these pixels, else makes a PNG.
            What is no PNG, because of its channels or floats, is compressed by zlib in its place.
        original: bytes of the file that the image comes from, for "original".
        name: of the image, for errors.

    Raises:
        InputError: JPEG of other than 1 or 3 channels of 8 bits, or of more than 65500 pixels a
            side.
    """
    if store.startswith("jpeg:"):
        return _jpeg(image, int(store.removeprefix("jpeg:")), name=name)
    if image.shape[-1] not in (1, 3) or image.dtype == np.float32:
        rows = np.ascontiguousarray(image, image.dtype.newbyteorder("<")).tobytes()
        if store == "raw":
            return Picture(f"raw:{image.dtype.name}", rows)
        return Picture(f"zlib:{image.dtype.name}", zlib.compress(rows, _ZLIB_LEVEL))
    if store == "original":
        for format, start in (("png", PNG), ("jpeg", JPEG)):
            if original.startswith(start) and _reads(Picture(format, original), image):
                return Picture(format, original)
    if store == "raw":
        return Picture("raw", np.ascontiguousarray(image, image.dtype.newbyteorder("<")).tobytes())
    return Picture("png", png(image, _LEVEL))


def decode_array(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """Decodes an image of a `size` (height, width) outside the graph.

    Returns:
        `[H, W, C]` uint8, uint16 or float32.
    """
    if picture.format in _BLOCKS:
        way, _, dtype = picture.format.partition(":")
        rows = zlib.decompress(picture.data) if way == "zlib" else picture.data
        pixels = np.frombuffer(rows, np.dtype(dtype).newbyteorder("<"))
        return pixels.reshape(*size, -1).astype(dtype, copy=False)
    if picture.format == "raw":
        wide = len(picture.data) // (size[0] * size[1]) % 2 == 0
        return np.frombuffer(picture.data, "<u2" if wide else "u1").reshape(*size, -1)
    is_png = picture.format == "png"
    image = decode_png(picture.data) if is_png else imagecodecs.jpeg8_decode(picture.data)
    return image if image.ndim == 3 else image[..., None]


def decode_tensor(
    features: Mapping[str, tf.Tensor], formats: Sequence[str], *, channels: int, dtype: str
) -> tf.Tensor:
    """Decodes an image in the graph.

    Args:
        features: of a record: `image`, `image_format`, `height` and `width`.
        formats: all that occur in the data set; with only one, the graph has no branch.
        channels: of the data set.
        dtype: of the data set's images, one of `DTYPES`.

    Returns:
        `[H, W, channels]` of `dtype`.
    """
    data = features["image"]

    def from_png() -> tf.Tensor:
        return tf.io.decode_png(data, channels=channels, dtype=tf.as_dtype(dtype))

    def from_jpeg() -> tf.Tensor:
        image = tf.io.decode_jpeg(data, channels=channels, dct_method="INTEGER_ACCURATE")
        return image if dtype == "uint8" else tf.cast(image, tf.uint16) * WIDE

    def from_raw() -> tf.Tensor:
        size = tf.stack([features["height"], features["width"]])
        return _shaped(_numbers(data, size, dtype), size, channels)

    def from_block(format: str) -> tf.Tensor:
        way, _, stored = format.partition(":")
        rows = tf.io.decode_compressed(data, "ZLIB") if way == "zlib" else data
        values = tf.io.decode_raw(rows, tf.as_dtype(stored))
        if (stored, dtype) == ("uint8", "uint16"):
            values = tf.cast(values, tf.uint16) * WIDE
        return _shaped(values, tf.stack([features["height"], features["width"]]), channels)

    readers: dict[str, Callable[[], tf.Tensor]] = {
        "png": from_png,
        "raw": from_raw,
        "jpeg": from_jpeg,
        **{format: functools.partial(from_block, format) for format in _BLOCKS},
    }
    if len(formats) == 1:
        image = readers[formats[0]]()
    else:
        which = tf.argmax(tf.equal(features["image_format"], list(formats)), output_type=tf.int32)
        image = tf.switch_case(which, [readers[format] for format in formats])
    return tf.ensure_shape(image, (None, None, channels))


def png(array: np.ndarray, level: int) -> bytes:
    """Returns `array` `[H, W]` or `[H, W, C]` as PNG."""
    # A copy: to NumPy any view one pixel wide is contiguous, to imagecodecs it is not.
    return bytes(imagecodecs.png_encode(_plain(array).copy(order="C"), level=level))


def _jpeg(image: np.ndarray, quality: int, *, name: object) -> Picture:
    height, width, channels = image.shape
    if image.dtype != np.uint8 or channels not in (1, 3) or max(height, width) > 65500:
        got = f"{channels} channels, {image.dtype.itemsize * 8} bits, {height} x {width} pixels"
        raise InputError(
            f"{name} cannot be stored as JPEG, which has 1 or 3 channels of 8 bits and at most "
            f"65500 pixels a side; got {got}. Choose --store png."
        )
    return Picture("jpeg", bytes(imagecodecs.jpeg8_encode(_plain(image), level=quality)))


def _plain(array: np.ndarray) -> np.ndarray:
    return array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array


def _reads(picture: Picture, image: np.ndarray) -> bool:
    """Returns whether a picture decodes to exactly `image`, in the graph and outside it."""
    try:
        if not np.array_equal(decode_array(picture, image.shape[:2]), image):
            return False
        pixels = decode_tensor(
            {"image": tf.constant(picture.data)},
            [picture.format],
            channels=image.shape[-1],
            dtype=image.dtype.name,
        )
    except (RuntimeError, ValueError, tf.errors.OpError):  # the libraries cannot decode it
        return False
    return np.array_equal(pixels, image)


def _shaped(values: tf.Tensor, size: tf.Tensor, channels: int) -> tf.Tensor:
    """Returns raw pixels `[N]` as `[H, W, channels]`; those of a grey image are repeated."""
    image = tf.reshape(values, tf.concat([size, [-1]], axis=0))
    return tf.broadcast_to(image, tf.concat([size, [channels]], axis=0))


def _numbers(data: tf.Tensor, size: tf.Tensor, dtype: str) -> tf.Tensor:
    """Returns raw pixels `[N]` in the dtype of the data set."""
    if dtype == "uint8":
        return tf.io.decode_raw(data, tf.uint8)
    pixels = tf.cast(tf.reduce_prod(size), tf.int32)
    return tf.cond(
        tf.strings.length(data) // pixels % 2 == 0,
        lambda: tf.io.decode_raw(data, tf.uint16),
        lambda: tf.cast(tf.io.decode_raw(data, tf.uint8), tf.uint16) * WIDE,
    )
