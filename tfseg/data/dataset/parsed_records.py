"""Reading records outside the graph: what they hold is listed in `records`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.data.dataset import image_codec
from tfseg.data.dataset.image_codec import Picture
from tfseg.data.dataset.instances import COLUMNS, Instances
from tfseg.data.dataset.records import count_instances, instance_areas
from tfseg.data.dataset.tiles import Grid, TiledArray
from tfseg.ids import IGNORE
from tfseg.lengths import rounded

_WORD = 2**16


class Record(NamedTuple):
    """A record as it is stored, with its tiles.

    Attributes:
        id: of the sample.
        image: `[H, W, C]` uint8, uint16 or float32.
        image_format: how it, or its first tile, is stored.
        label: `[H, W]` int64 instance ids, -1 = ignored.
        class_of: `[N]` int64, class from 1 on of each id above 0, in the order of the ids.
        height: as stored beside the image, in pixels.
        width: as stored beside the image, in pixels.
        num_instances: as stored.
        group: of samples that must stay in one split; "" without groups.
        pixel_size: side of a pixel in micrometres; 0 where it is not known.
        spread: as stored; None in version 1.
        tile_index: of an image in tiles, `foreground` and `instances` as stored; else empty.
    """

    id: str
    image: np.ndarray | TiledArray
    image_format: str
    label: np.ndarray | TiledArray
    class_of: np.ndarray
    height: int
    width: int
    num_instances: int
    group: str
    pixel_size: float = 0.0
    spread: np.ndarray | None = None
    tile_index: tuple[np.ndarray, ...] = ()

    def ids_and_areas(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the distinct ids above 0, ascending, and their numbers of pixels, `[N]` each."""
        if isinstance(self.label, np.ndarray):
            return instance_areas(self.label)
        return Instances.of(self.label, self.label.grid)[:2]


def parse(serialized: bytes, tile: Callable[[int], bytes] | None = None) -> Record:
    """Reads everything in a record outside the graph.

    Args:
        serialized: the record of an image.
        tile: returns the record of one of its tiles, which is read with a window that needs it.

    Raises:
        InputError: not a record, or one that cannot be decoded; also while a window is read.
    """
    with _decoding():
        features = tf.train.Example.FromString(serialized).features.feature
        if features["tile"].int64_list.value and tile is not None:
            return _parse_tiled(features, tile)
        classes = np.array(features["class_of"].int64_list.value, np.int64)
        described = _described(features)
    pixels = _parse_pixels(serialized)
    classes = classes if classes.size else np.ones(count_instances(pixels.label), np.int64)
    image, format, label, height, width = pixels
    return Record(
        image=image,
        image_format=format,
        label=label,
        class_of=classes,
        height=height,
        width=width,
        **described,
    )


def num_tiles(serialized: bytes) -> int:
    """Returns how many records of tiles follow that of an image; 0 if it cannot be decoded."""
    with contextlib.suppress(Exception):
        features = tf.train.Example.FromString(serialized).features.feature
        if features["tile"].int64_list.value:
            return Grid(*(_integer(features, key) for key in ("height", "width", "tile"))).num_tiles
    return 0


def _described(features: Any) -> dict[str, Any]:
    spread = np.frombuffer(b"".join(features["spread"].bytes_list.value), "<f4").reshape(-1, 3)
    return {
        "id": _text(features, "id"),
        "group": _text(features, "group"),
        "num_instances": _integer(features, "num_instances"),
        "pixel_size": rounded(sum(features["pixel_size"].float_list.value)),
        "spread": spread if spread.size else None,
    }


def _parse_tiled(features: Any, tile: Callable[[int], bytes]) -> Record:
    """Reads the record of an image in tiles and, for the type of the pixels, its first tile."""
    described = _described(features)
    height, width, side = (_integer(features, key) for key in ("height", "width", "tile"))
    foreground, instances = (
        np.frombuffer(b"".join(features[key].bytes_list.value), "<i4").astype(np.int64)
        for key in ("foreground", "instances")
    )
    instances = instances.reshape(len(COLUMNS), -1)
    first = _parse_pixels(tile(0))
    grid = Grid(height, width, side)

    def pixels(number: int) -> Pixels:
        pixels, (rows, columns) = _parse_pixels(tile(number)), grid.slices(number)
        size = (rows.stop - rows.start, columns.stop - columns.start)
        kind = (first.image.shape[-1], first.image.dtype, first.format)
        if (
            not pixels.image.shape[:2] == pixels.label.shape == pixels[3:] == size
            or (pixels.image.shape[-1], pixels.image.dtype, pixels.format) != kind
        ):
            raise InputError(
                f"Tile {number} of {described['id']!r} must have {size[0]} x {size[1]} pixels of "
                f"the type of the first; got {list(pixels.image.shape)} {pixels.image.dtype} as "
                f"{pixels.format}. Write it again."
            )
        return pixels

    shape = (height, width, first.image.shape[-1])
    image = TiledArray(shape, first.image.dtype, lambda number: pixels(number).image, side=side)
    label = TiledArray(shape[:2], np.int64, lambda number: pixels(number).label, side=side)
    return Record(
        image=image,
        image_format=first.format,
        label=label,
        class_of=instances[1],
        height=height,
        width=width,
        tile_index=(foreground, instances),
        **described,
    )


class Pixels(NamedTuple):
    """Image and label of a record, as in `Record`; also of that of a tile."""

    image: np.ndarray
    format: str
    label: np.ndarray
    height: int
    width: int


def _parse_pixels(serialized: bytes) -> Pixels:
    with _decoding():
        features = tf.train.Example.FromString(serialized).features.feature
        picture = Picture(
            _text(features, "image_format") or "png", features["image"].bytes_list.value[0]
        )
        words = imagecodecs.png_decode(features["label"].bytes_list.value[0]).astype(np.int64)
        height, width = (_integer(features, key) for key in ("height", "width"))
        image = image_codec.decode_array(picture, (height, width))
    label = words if words.ndim == 2 else words[..., 0] + _WORD * words[..., 1]
    label[label == _WORD**2 - 1] = IGNORE
    return Pixels(image, picture.format, label, height, width)


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # from protobuf or libpng, or a missing entry
        raise InputError(f"A record cannot be decoded ({error!r}). Write it again.") from error


def _text(features: Any, key: str) -> str:
    return b"".join(features[key].bytes_list.value).decode()


def _integer(features: Any, key: str) -> int:
    return int(features[key].int64_list.value[0])
