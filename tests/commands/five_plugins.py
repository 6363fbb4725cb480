"""A transform, a head, a loss, a metric and a format from outside, for test_plugins.py."""

import dataclasses

import numpy as np
import tensorflow as tf

import tfseg
from tfseg import heads, losses
from tfseg.data.conversion.formats.base import Item, Sample, SourceIndex
from tfseg.data.conversion.formats.format import Format
from tfseg.heads.instances import drop_small_and_score, foreground_targets
from tfseg.kernels import components


@tfseg.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class Darken(tfseg.augment.Pixel):
    factor: float = 0.5
    p: float = 0.5

    def change(self, image, params):
        return self.factor * image


@tfseg.register
class Hinge(losses.PixelLoss):
    def masked_loss(self, truth, logits, counted):
        return losses.base.mean(tf.nn.relu(1.0 - (2.0 * truth - 1.0) * logits), counted)


@tfseg.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class Blobs(heads.MaskHead):
    outputs = {"foreground": 1}
    loss_weights = {"foreground": 1.0}
    tunable = {"level": (0.3, 0.5)}
    level: float = 0.5

    def targets(self, labels):
        return {"foreground": self.weighted(foreground_targets(labels), labels)}

    def losses(self):
        return {"foreground": losses.parse(self.loss or "bce")}

    def decode(self, outputs):
        mask = tf.sigmoid(outputs["foreground"])[..., 0]
        labels = components.components(mask > self.level)
        return drop_small_and_score(labels, mask, labels, mask, self.min_area)


@tfseg.register
class AreaRatio(tfseg.metrics.Metric):
    formula = "|P| / |T|, instances of all images together"
    counts = ("predicted", "true")

    def count(self, truth, prediction, table):
        return {"predicted": table.predicted_areas.sum(), "true": table.truth_areas.sum()}

    def compute(self, counts):
        return counts["predicted"] / counts["true"]


@tfseg.register
class Archives(Format):
    LAYOUT = "NAME.npz with the arrays image and ids"

    def matches(self, source):
        return any(source.glob("*.npz"))

    def find(self, source, reading):
        paths = sorted(source.glob("*.npz"))
        return SourceIndex({"train": [Item(path.stem, path, None) for path in paths]})

    def read(self, item, reading):
        with np.load(item.image) as arrays:
            return Sample(arrays["image"], arrays["ids"])
