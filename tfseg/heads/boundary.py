"""Background, interior and boundary of instances, as three classes.

Source: Ronneberger et al., U-Net (2015), arXiv 1505.04597, separates touching cells by background
between them; the third class comes from Caicedo et al. (2019), Evaluation of deep learning
strategies for nucleus segmentation in fluorescence images, Cytometry A 95.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import keras
import tensorflow as tf

from tfseg import losses
from tfseg.config import BoundaryOptions
from tfseg.heads.base import Decoded, Maps
from tfseg.heads.inputs import check_labels, check_outputs
from tfseg.heads.instances import drop_small_and_score, ignore_marked
from tfseg.heads.mask import MaskHead
from tfseg.kernels import regions
from tfseg.kernels.components import components, grow

_BACKGROUND, _INTERIOR, _BOUNDARY = 0, 1, 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boundary(BoundaryOptions, MaskHead):
    """Connected components of the interior, grown back over the boundary.

    The boundary is the outermost ring of pixels of every instance; an instance too small to have
    pixels inside the ring is all interior. Limitation: an instance is split where its parts are
    joined by two pixels or fewer.
    """

    outputs: ClassVar[dict[str, int]] = {"classes": 3}

    def targets(self, labels: tf.Tensor) -> Maps:
        """Returns classes `[B, H, W, 1]`: 0 background, 1 interior, 2 boundary, -1 ignored."""
        check_labels(labels)
        inner = tf.where(regions.interior(labels), float(_INTERIOR), float(_BOUNDARY))
        classes = ignore_marked(tf.where(labels > 0, inner, float(_BACKGROUND)), labels)
        return {"classes": self.weighted(classes, labels)}

    def losses(self) -> dict[str, keras.losses.Loss]:
        """Returns cross-entropy of the classes, or the chosen loss for each against the rest."""
        if self.loss:
            loss = losses.parse(self.loss)
            return {"classes": losses.OneVersusRest(loss, self.part_weights, name="classes")}
        return {"classes": losses.ClassCE(self.part_weights, name="classes")}

    @property
    def loss_weights(self) -> dict[str, float]:
        """1, for the only loss."""
        return {"classes": 1.0}

    def decode(self, outputs: Maps) -> Decoded:
        """Labels the connected components of the interior, then grows them over the boundary."""
        check_outputs(self, outputs)
        probability = tf.nn.softmax(outputs["classes"])
        winner = tf.argmax(outputs["classes"], axis=-1, output_type=tf.int32)
        seeds = components(winner == _INTERIOR)
        labels = grow(seeds, winner == _BOUNDARY, steps=self.growth)
        foreground = 1.0 - probability[..., _BACKGROUND]
        heat = probability[..., _INTERIOR]
        return drop_small_and_score(labels, foreground, seeds, heat, self.min_area)
