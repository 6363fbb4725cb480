"""Background, interior and boundary of instances, as three classes.

Source: Ronneberger et al., U-Net (2015), arXiv 1505.04597, tells touching cells apart by background
between them; the third class in its place is that of Caicedo et al. (2019), Evaluation of deep
learning strategies for nucleus segmentation in fluorescence images, Cytometry A 95.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.instances import mark, numbered
from tfseg.heads.mask import MaskHead
from tfseg.kernels import regions
from tfseg.kernels.components import components, grow

_BACKGROUND, _INTERIOR, _BOUNDARY = 0, 1, 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boundary(MaskHead):
    """Connected pieces of the interior, grown back over the boundary.

    The boundary is the outermost pixel of every instance; a smaller instance is all interior. What
    is lost: instances that hang together by two pixels or fewer fall apart.

    Attributes:
        growth: pixels that an instance grows over the boundary, at most.
        part_weights: of the pixels of background, interior and boundary in the loss; empty: all 1.
    """

    outputs: ClassVar[dict[str, int]] = {"classes": 3}
    growth: int = 4
    part_weights: tuple[float, ...] = ()

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns classes `[B, H, W, 1]`: 0 background, 1 interior, 2 boundary, -1 ignored."""
        inner = tf.where(regions.interior(labels), float(_INTERIOR), float(_BOUNDARY))
        classes = mark(tf.where(labels > 0, inner, float(_BACKGROUND)), labels)
        return {"classes": self.weighted(classes, labels)}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Cross-entropy over the three classes, or the loss chosen, of each against the others."""
        if self.loss:
            loss = losses.parse(self.loss)
            return {"classes": losses.OneVersusRest(loss, self.part_weights, name="classes")}
        return {"classes": losses.ClassCE(self.part_weights, name="classes")}

    @property
    def loss_weights(self) -> dict[str, float]:
        """One loss, of weight 1."""
        return {"classes": 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Numbers the pieces of the interior in reading order, then gives them the boundary."""
        probability = tf.nn.softmax(outputs["classes"])
        winner = tf.argmax(outputs["classes"], axis=-1, output_type=tf.int32)
        seeds = components(winner == _INTERIOR)
        labels = grow(seeds, winner == _BOUNDARY, steps=self.growth)
        foreground = 1.0 - probability[..., _BACKGROUND]
        return numbered(labels, foreground, seeds, probability[..., _INTERIOR], self.min_area)
