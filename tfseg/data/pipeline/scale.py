"""Crops of images with several pixel sizes, brought to one.

An image has a number of pixels along a pixel of the crop, its factor. The window of a crop is first
reduced by the whole number nearest to it, each block of pixels to its mean, so that no pixel is
skipped. The rest of the factor, from 2/3 to 3/2, or less where the image is coarser than the crop,
belongs to the one field that all transforms share. So pixels are interpolated once, and windows
have the same size for all images, as compiled code needs.

The nearest number keeps most: a wave of 4 pixels of the crop, of 0.71 in root mean square, keeps
0.42 to 0.65 for factors from 1.2 to 3.7, and one of 4/3 pixels, which no crop can show, 0.04 to
0.46. By the next smaller number these are 0.56 to 0.67 and 0.23 to 0.46, with windows of twice the
side in place of 1.5 times; by means weighted with the shares of pixels, 0.60 to 0.63 and 0.16 to
0.41, but a transform would then interpolate a second time.
"""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import tensorflow as tf

from tfseg import lengths
from tfseg.augment.base import AffineMove, Example, Params
from tfseg.checks import InputError, listed
from tfseg.config import DataConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.decoded_records import pixel_size, sample_id
from tfseg.data.dataset.mixture import parts_of
from tfseg.data.pipeline.visibility import Areas
from tfseg.kernels import matrices
from tfseg.kernels.field import Size

_NAME = "FitPixelSize/1"  # of the transform in a chain
_FACTOR = "factor"  # of a window, and of `FitPixelSize`


class Reads(NamedTuple):
    """What a crop reads of an image.

    Attributes:
        size: side of the crop in pixels of the image.
        margin: pixels of the image that are read beyond it, on each side.
        block: side in pixels of what is reduced to a pixel of the window.
        factor: pixels of the window along a pixel of the crop, `[]` float32; None: 1 for all.
    """

    size: int | tf.Tensor
    margin: int | tf.Tensor
    block: int | tf.Tensor = 1
    factor: tf.Tensor | None = None

    def areas(self, areas: Areas) -> Areas:
        """Returns the areas of instances of the image in pixels of the crop."""
        if self.factor is None:
            return areas
        along = self.factor * tf.cast(self.block, tf.float32)
        return areas._replace(pixels=tf.cast(areas.pixels, tf.float32) / along**2)


@dataclasses.dataclass(frozen=True)
class FitPixelSize(AffineMove):
    """Resizes a window about its middle, by a factor that comes with the window.

    Attributes:
        side: of the result, pixels.
    """

    side: int
    p: float = 1.0

    def output_size(self, size: Size) -> Size:
        """Returns the size of the result."""
        del size
        return self.side, self.side

    def sample(self, seed: tf.Tensor) -> Params:
        """Returns a factor that `with_factor` replaces."""
        del seed
        return {_FACTOR: tf.ones([])}

    def matrix(self, params: Params, *, size: Size) -> tf.Tensor:
        """Reads the pixels of the result that many pixels apart."""
        enlarged = 1.0 / params[_FACTOR]
        shift = (self.side - size[0]) / 2
        return matrices.product(
            matrices.scale(enlarged, enlarged, size), matrices.translate(shift, shift)
        )


@dataclasses.dataclass(frozen=True)
class Scale:
    """Brings crops to one pixel size.

    Attributes:
        wanted: pixel size of the crops, in micrometres.
        largest: the largest of the factors that are left to the field, of all images.
    """

    wanted: float
    largest: float

    @classmethod
    def of(cls, dataset: Dataset, config: DataConfig) -> Scale | None:
        """Returns the scale of a training; None where images are taken as they are.

        Raises:
            InputError: an image has no pixel size; names it.
        """
        if not config.pixel_size:
            return None
        wanted = lengths.micrometres("data.pixel_size", config.pixel_size)
        if dataset.info.num_without_pixel_size:
            raise _unknown(dataset, wanted)
        factors = [wanted / float(size) for size in dataset.info.pixel_sizes]
        return cls(wanted, max(factor / max(1, round(factor)) for factor in factors))

    def least_side(self, dataset: Dataset) -> int:
        """Returns the least height or width of the split train in pixels of crops, or a bit less.

        Each part of a mixture counts as if its smallest image had its finest pixels.
        """
        return min(
            int(part.split("train").min_side * min(map(float, part.info.pixel_sizes)) / self.wanted)
            for part in parts_of(dataset)
        )

    def side(self, width: int) -> int:
        """Returns the side of the window of a crop of `width`, in pixels of the window."""
        # Windows end with a pixel's centre, and float32 has rounded the factor of an image.
        side = math.ceil(self.largest * (width - 1) - 1e-4) + 1
        return side + (side - width) % 2  # so that pixels of the same size coincide

    def reads(self, sample: Example, size: int, margin: int) -> Reads:
        """Returns what a crop of `size` with a `margin` reads of an image with a `pixel_size`."""
        factor = tf.cast(self.wanted, tf.float32) / sample["pixel_size"]
        block = tf.maximum(tf.round(factor), 1.0)
        covered = tf.cast(block, tf.int32) * self.side(size + 2 * margin)
        inside = tf.cast(tf.round(factor * float(size)), tf.int32)
        inside += (covered - inside) % 2  # so that it lies in the middle, whatever the margin
        return Reads(inside, (covered - inside) // 2, tf.cast(block, tf.int32), factor / block)

    def window(self, window: Example, reads: Reads, width: int) -> Example:
        """Returns what `reads` covers, reduced: image `[S, S, C]` and label `[S, S]`.

        An id is that of the pixel in the middle of its block.

        Args:
            window: image `[h, h, C]` float32 and label `[h, h]`, as `reads` says.
            reads: of the crop.
            width: of the crop with its margin, in its pixels.
        """
        side, block = self.side(width), reads.block
        image, label = window["image"], window["label"]
        channels = image.shape[-1]

        def reduced() -> tf.Tensor:
            # Rows first: a mean over both axes at once takes several times as long.
            rows = tf.reshape(image, [side, block, side * block, channels])
            rows = tf.reduce_mean(rows, axis=1)
            return tf.reduce_mean(tf.reshape(rows, [side, side, block, channels]), axis=2)

        image = tf.cond(tf.equal(block, 1), lambda: image, reduced)
        label = label[block // 2 :: block, block // 2 :: block]
        return {
            "image": tf.ensure_shape(image, (side, side, channels)),
            "label": tf.ensure_shape(label, (side, side)),
            _FACTOR: reads.factor,
        }


def with_factor(params: dict[str, Params], window: Example) -> dict[str, Params]:
    """Returns parameters of a chain, in which `FitPixelSize` has the factor of a window."""
    if _FACTOR not in window:
        return params
    return {**params, _NAME: {**params[_NAME], _FACTOR: window[_FACTOR]}}


def _unknown(dataset: Dataset, wanted: float) -> InputError:
    """Returns the error that names the images without a pixel size."""
    ids = []
    for split in dataset.info.splits:
        for record in dataset.records(split).as_numpy_iterator():
            if not pixel_size(record):
                ids.append(f"{split}/{sample_id(record)}")
    return InputError(
        f"data.pixel_size {lengths.text(wanted)} needs images with a pixel size; {dataset.path} "
        f"has {len(ids)} without: {listed(ids)}. Convert them with --pixel_size, such as 0.25um, "
        "or leave data.pixel_size out."
    )
