"""Transforms that need two images: they act on batches."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tfseg import calls, checks, random
from tfseg.augment.base import Example
from tfseg.kernels import class_ids
from tfseg.kernels.static import unique


class Draws(NamedTuple):
    """What `CopyPaste` draws for an image.

    Attributes:
        share: of the other image's instances to paste; float32.
        on: whether any are pasted; bool.
        coins: `[N]` float32 in [0, 1), at least one for each id of the other image, in the order in
            which they first occur.
    """

    share: tf.Tensor
    on: tf.Tensor
    coins: tf.Tensor


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyPaste(metaclass=calls.Public):
    """Pastes instances of the next image of the batch onto each image, at the same position.

    Pasted instances cover others, which may vanish. A pasted instance gets a new id above all ids
    of the image, so ids stay unique. In a configuration it is the last transform of `augment`.

    Args:
        share: share of the other image's instances to paste, `(low, high)` in [0, 1], drawn for
            each image.
        p: probability in [0, 1] that instances are pasted onto an image.
        num_classes: number of classes that ids encode (see `kernels.class_ids`); new ids encode the
            class of the old ones.

    Source: Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method for Instance
    Segmentation (2021), arXiv 2012.07177, section 3; without scale jitter, which other transforms
    provide, and without blending, which made no difference in the paper (table 2).
    """

    share: tuple[float, float] = (0.1, 0.5)
    p: float = 0.5
    num_classes: int = 1

    def __post_init__(self) -> None:
        checks.interval("CopyPaste.share", self.share, low=0.0, high=1.0)
        checks.in_range("CopyPaste.p", self.p, low=0.0, high=1.0)
        checks.integer("CopyPaste.num_classes", self.num_classes, low=1)

    def __call__(self, example: Example, seeds: tf.Tensor) -> Example:
        """Pastes within a batch.

        Args:
            example: "image" `[B, H, W, C]` and "label" `[B, H, W]` int32; other entries pass
                through.
            seeds: `[B, 2]` int32, one per image.
        """
        images, labels = example["image"], example["label"]
        if (len(images.shape), len(labels.shape)) != (4, 3) or len(seeds.shape) != 2:
            raise checks.InputError(
                "CopyPaste must get a batch [B, H, W, C], its labels [B, H, W] and seeds [B, 2]; "
                f"got {images.shape}, {labels.shape} and {seeds.shape}. Batch the images first."
            )
        others = tf.roll(labels, -1, axis=0)
        pasted, masks = tf.map_fn(
            lambda one: self._paste(one[0], one[1], functools.partial(self._draw, one[2])),
            (labels, others, seeds),
            fn_output_signature=_signature(labels),
        )
        others = tf.roll(images, -1, axis=0)
        return example | {"image": tf.where(masks[..., None], others, images), "label": pasted}

    def draws(self, seeds: tf.Tensor, count: int) -> Draws:
        """Draws `count` coins and the rest for each of `seeds` `[B, 2]`: entries `[B, ...]`.

        Not for XLA, which draws other numbers.
        """
        scalar = tf.TensorSpec([], tf.float32)
        signature = Draws(scalar, tf.TensorSpec([], tf.bool), tf.TensorSpec([count], tf.float32))
        return tf.map_fn(
            lambda seed: self._draw(seed, tf.constant([count])),
            seeds,
            fn_output_signature=signature,
        )

    def paste(self, example: Example, draws: Draws) -> Example:
        """Pastes onto each image but the last from the next one, which `__call__` gets by turning.

        Args:
            example: "image" `[B + 1, H, W, C]` and "label" `[B + 1, H, W]` int32.
            draws: of `draws`, for B images, with H W coins.

        Returns:
            "image" `[B, H, W, C]` and "label" `[B, H, W]`.
        """
        images, labels = example["image"], example["label"]
        pasted, masks = tf.map_fn(
            lambda one: self._paste(one[0], one[1], lambda _: one[2]),
            (labels[:-1], labels[1:], draws),
            fn_output_signature=_signature(labels),
        )
        image = tf.where(masks[..., None], images[1:], images[:-1])
        return {"image": image, "label": pasted}

    def _draw(self, seed: tf.Tensor, shape: tf.Tensor) -> Draws:
        return Draws(
            random.uniform(random.for_name(seed, "CopyPaste/share"), *self.share),
            random.uniform(random.for_name(seed, "CopyPaste/p"), 0.0, 1.0) < self.p,
            random.uniform(random.for_name(seed, "CopyPaste/ids"), 0.0, 1.0, shape),
        )

    def _paste(
        self, label: tf.Tensor, other: tf.Tensor, draw: Callable[[tf.Tensor], Draws]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the new label `[H, W]`, and where the other image was pasted."""
        ids, position = unique(tf.reshape(other, [-1]))
        share, on, coins = draw(tf.shape(ids))
        chosen = on & (coins < share) & (ids > 0)
        mask = tf.reshape(tf.gather(chosen, position), tf.shape(other))
        count = self.num_classes
        highest = -(-tf.maximum(tf.reduce_max(label), 0) // count) * count  # multiple of K
        class_of = class_ids.classes(other, num_classes=count)
        new_ids = highest + tf.reshape(position, tf.shape(other)) * count + class_of
        return tf.where(mask, new_ids, label), mask


def _signature(labels: tf.Tensor) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    """Returns the specifications of the new label and the mask of an image."""
    return tf.TensorSpec(labels.shape[1:], tf.int32), tf.TensorSpec(labels.shape[1:], tf.bool)
