"""From a sample, as a format reads it, to the records of its image and tiles, and its counts."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfseg.channels import is_grey_or_rgb, numbered
from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Sample
from tfseg.data.conversion.writer import Encoded
from tfseg.data.dataset import image_codec, records, tiles
from tfseg.data.dataset.counts import Counts, count, is_repeated
from tfseg.data.dataset.image_codec import Picture
from tfseg.data.dataset.instances import Instances
from tfseg.data.dataset.records import Features
from tfseg.data.dataset.tiles import Grid, TiledArray
from tfseg.data.files.pixel_size import UNKNOWN, Stated
from tfseg.ordered_map import ordered

_MOST_PIXELS = 2**31 - 1  # crops draw one of the pixels as an int32


@dataclasses.dataclass(frozen=True)
class EncodedSample:
    """A sample whose group and checksum are not known yet.

    Attributes:
        features: the entries of its record, see `records.features`.
        counts: of the sample.
        tiles: the records of its tiles, which are taken once.
    """

    features: Features
    counts: Counts
    tiles: Iterable[bytes] = ()

    def with_pixel_size(self, stated: Stated) -> EncodedSample:
        """Returns it with the size of its pixels."""
        known = {"pixel_size": stated.size} if stated.size else {}
        counts = Counts(
            pixel_sizes=Counter([stated.size] if stated.size else []),
            ignored_pixel_sizes=Counter([stated.ignored] if stated.ignored else []),
        )
        return EncodedSample(self.features | known, self.counts + counts, self.tiles)

    def serialized(self, *, group: str | None = None, source_sha256: str | None = None) -> Encoded:
        """Returns its records; the arguments are those of `records.encode`."""
        record = records.serialize(self.features, group=group, source_sha256=source_sha256)
        return Encoded(record, self.counts, self.tiles)


def encode(
    id: str,
    sample: Sample,
    *,
    name: object,
    channel_names: Sequence[str] = (),
    store: str = "png",
    original: bytes = b"",
    pixel_size: Stated = UNKNOWN,
) -> EncodedSample:
    """Encodes a sample; a large image tile by tile, so that it need not be in memory.

    Args:
        id: id of the sample.
        sample: what a format has read; image and label are read by windows.
        name: name of the image, for errors.
        channel_names: of the image; empty: it has none.
        store: how the image is stored, see `image_codec.encode`; tiles are PNG for "original".
        original: bytes of the image file, see `image_codec.encode`.
        pixel_size: of the image.

    Raises:
        InputError: another number of channels than names, or pixels that `store` cannot hold.
    """
    num_channels = sample.image.shape[-1]
    if len(channel_names or range(num_channels)) != num_channels:
        raise InputError(
            f"{name} must have the {len(channel_names)} channels {', '.join(channel_names)}; it "
            f"has {num_channels}. Give their names, or take the image out."
        )
    channel_names = channel_names or (() if num_channels in (1, 3) else numbered(num_channels))
    if tiles.is_tiled(sample.image.shape, tiles.SIDE):
        encoded = _encode_tiles(id, sample, name=name, channel_names=channel_names, store=store)
        return encoded.with_pixel_size(pixel_size)
    image, label = sample.image[:, :], sample.label[:, :]
    if is_grey_or_rgb(num_channels, channel_names) and is_repeated(image):
        image = image[..., :1]
    picture = image_codec.encode(image, store, original=original, name=name)
    if picture.format == "jpeg":  # count the pixels that will be read
        image = image_codec.decode_array(picture, image.shape[:2])
    counts = count(image, label, sample.class_of, channel_names)
    features = records.features(id, image, label, sample.class_of, picture=picture)
    encoded = EncodedSample(features, counts + _other_counts(sample, picture.format))
    return encoded.with_pixel_size(pixel_size)


def _encode_tiles(
    id: str, sample: Sample, *, name: object, channel_names: Sequence[str], store: str
) -> EncodedSample:
    """Encodes an image in tiles: the index and the counts now, the tiles when they are taken."""
    label, grid = sample.label, Grid(sample.image.shape[0], sample.image.shape[1], tiles.SIDE)
    if grid.height * grid.width > _MOST_PIXELS:
        raise InputError(
            f"{name} must have at most {_MOST_PIXELS} pixels; got {grid.height} x {grid.width} "
            "(height x width). Cut it into parts."
        )
    is_grey = is_grey_or_rgb(sample.image.shape[-1], channel_names) and is_repeated(sample.image)
    channels = slice(1 if is_grey else None)

    def source(tile: int) -> np.ndarray:
        return np.ascontiguousarray(sample.image[grid.slices(tile)][..., channels])

    def picture(pixels: np.ndarray) -> Picture:
        return image_codec.encode(pixels, "png" if store == "original" else store, name=name)

    def pixels(tile: int) -> np.ndarray:
        pixels = source(tile)
        if not store.startswith("jpeg"):
            return pixels
        return image_codec.decode_array(picture(pixels), pixels.shape[:2])  # as it will be read

    def record(tile: int) -> bytes:
        pixels, ids = source(tile), np.asarray(label[grid.slices(tile)])
        return records.serialize(records.tile_features(id, pixels, ids, picture(pixels)))

    shape = (*sample.image.shape[:2], 1 if is_grey else sample.image.shape[-1])
    stored = TiledArray(shape, sample.image.dtype, pixels, side=grid.side)
    counts = count(stored, label, sample.class_of, channel_names)
    features = records.header_features(id, stored, Instances.of(label, grid), sample.class_of)
    encoded: Iterator[bytes] = ordered(record, range(grid.num_tiles))
    # The tiles of an array in memory are smaller than it is, so it is not kept for them.
    in_memory = type(sample.image) is np.ndarray
    return EncodedSample(
        features,
        counts + _other_counts(sample, picture(source(0)).format),
        list(encoded) if in_memory else encoded,
    )


def _other_counts(sample: Sample, image_format: str) -> Counts:
    """Returns the counts of a sample that are not those of its pixels."""
    return Counts(
        image_formats=Counter([image_format]),
        overlap_pixels=sample.overlap_pixels,
        hidden_instances=sample.hidden_instances,
        turned_images=int(sample.turned is True),
        unturned_images=int(sample.turned is False),
        ignored_crowds=sample.ignored_crowds,
        cut_instances=sample.cut_instances,
    )
