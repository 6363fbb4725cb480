"""Cuts crops out of the images of a data set, at one brightness and one pixel size."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from tfseg.augment import Sampling
from tfseg.augment.base import Example
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.decoded_records import Decoding
from tfseg.data.pipeline import crops
from tfseg.data.pipeline.normalization import Normalization
from tfseg.data.pipeline.scale import Reads, Scale
from tfseg.data.pipeline.sources import Source


@dataclasses.dataclass(frozen=True)
class Cutter:
    """Cuts crops of one size, with a margin on all sides.

    Attributes:
        normalization: of the images.
        decoding: of their pixels.
        scale: brings crops to one pixel size; None: images are taken as they are.
        sampling: its border, border value and fill are those beyond an image.
        size: of the crop, pixels.
        margin: pixels.
    """

    normalization: Normalization
    decoding: Decoding
    scale: Scale | None
    sampling: Sampling
    size: int
    margin: int = 0

    @classmethod
    def of(
        cls, dataset: Dataset, config: RunConfig, sampling: Sampling, *, margin: int = 0
    ) -> Cutter:
        """Returns that of a training on `dataset`.

        Raises:
            InputError: an image has no pixel size, or the data set lacks percentiles.
        """
        normalization = Normalization.of(config.model, dataset)
        normalization.check_percentiles(dataset)
        scale = Scale.of(dataset, config.data)
        size = config.data.crop_size
        return cls(normalization, dataset.decoding, scale, sampling, size, margin)

    def reads(self, sample: Example) -> Reads:
        """Returns what a crop reads of the image of a sample."""
        if self.scale is None:
            return Reads(self.size, self.margin)
        return self.scale.reads(sample, self.size, self.margin)

    def limits(self, sample: Example) -> tf.Tensor:
        """Returns the values that become 0 and 1: those of the full image, not of the crop."""
        return self.normalization.limits_of_sample(sample, self.decoding)

    def cut(
        self, source: Source, shape: tf.Tensor, corner: tf.Tensor, reads: Reads, limits: tf.Tensor
    ) -> Example:
        """Cuts a crop.

        Args:
            source: the image.
            shape: `[2]` int32, its height and width.
            corner: `[2]` int32, the upper left one of the crop without its margin.
            reads: from `reads`.
            limits: from `limits`.

        Returns:
            image `[W, W, C]` float32 in [0, 1] and label `[W, W]`; with a scale, those and the
            factor of `Scale.window`.
        """
        window = crops.window(
            corner, shape, reads.size, margin=reads.margin, border=self.sampling.border
        )
        pixels = crops.cut(
            source.patch(window),
            window.beyond,
            sampling=self.sampling,
            scale=lambda image: self.normalization.scale(image, limits),
        )
        if self.scale is None:
            return pixels
        return self.scale.window(pixels, reads, self.size + 2 * self.margin)
