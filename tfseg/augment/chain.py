"""A list of transforms as one field, one resample and one compiled call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Geometric, Params, Pixel, Transform
from tfseg.kernels import field as fields
from tfseg.kernels import sampling

IGNORE = -1  # the id of pixels that were never annotated: losses leave them out


class Chain:
    """Transforms in the order in which the content passes through them.

    Geometric ones are composed into a single coordinate field, from which the image (bilinear) and
    the ids (nearest) are read once; then the pixel transforms act, in their order. What a field
    reads from outside the image is mirrored in the image and `IGNORE` in the ids.

    Example:
        chain = Chain([HorizontalFlip(), ShiftScaleRotate(), GaussNoise()])
        params = chain.sample(seed)                          # one image, in Dataset.map
        image, label = chain.apply(images, labels, params)   # a batch, compiled
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        for transform in transforms:
            if not isinstance(transform, Geometric | Pixel):
                raise checks.InputError(
                    f"A chain takes transforms such as HorizontalFlip(); got {transform!r}."
                )
        self.transforms = tuple(transforms)
        self._named = _name_each(self.transforms)
        self._compiled = tf.function(self._apply, jit_compile=True, autograph=False)

    def sample(self, seed: tf.Tensor) -> dict[str, Params]:
        """Draws for one image: seed `[2]` int32 -> scalars by transform, such as "GaussNoise/1".

        The seed of a transform depends on its own name and count only, so adding another transform
        leaves its draws as they were.
        """
        drawn = {}
        for name, transform in self._named.items():
            own = random.for_name(seed, name)
            on = random.uniform(random.for_name(own, "p"), 0.0, 1.0) < transform.p
            drawn[name] = {
                key: tf.where(on, value, tf.cast(transform.identity[key], value.dtype))
                for key, value in transform.sample(own).items()
            }
        return drawn

    def apply(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        params: dict[str, Params],
        *,
        size: fields.Size | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Moves and changes a batch.

        Args:
            images: `[B, H, W, C]`; uint8 and uint16 are brought to [0, 1], floats must be there.
            labels: `[B, H, W]` integer instance ids.
            params: what `sample` drew, `[B]` each.
            size: (h, w) of the result, cut from the middle after all moves; (H, W) by default.

        Returns:
            images `[B, h, w, C]` float32 in [0, 1], labels `[B, h, w]` int32.

        Raises:
            InputError: shapes or dtypes are not as said, or H, W or C is not static.
        """
        images, labels = tf.convert_to_tensor(images), tf.convert_to_tensor(labels)
        _check(images, labels)
        return self._compiled(images, labels, params, size=size or tuple(labels.shape[1:]))

    def _apply(
        self, images: tf.Tensor, labels: tf.Tensor, params: dict[str, Params], size: fields.Size
    ) -> tuple[tf.Tensor, tf.Tensor]:
        source = tuple(labels.shape[1:])
        images = tf.image.convert_image_dtype(images, tf.float32)
        labels = tf.cast(labels, tf.int32)  # before IGNORE, which an unsigned type cannot hold
        field = fields.identity(tf.shape(labels)[0], size)
        field = fields.center_crop(field, source, size)
        for name, transform in reversed(self._named.items()):
            if isinstance(transform, Geometric):
                field = transform.edit(field, params[name], size=source)
        images, labels = (
            sampling.bilinear(images, field),
            sampling.nearest(labels, field, fill=IGNORE),
        )
        for name, transform in self._named.items():
            if isinstance(transform, Pixel):
                images = transform.change(images, params[name])
        return tf.clip_by_value(images, 0.0, 1.0), labels


def _name_each(transforms: Sequence[Transform]) -> dict[str, Transform]:
    counts: Counter[str] = Counter()
    named = {}
    for transform in transforms:
        kind = type(transform).__name__
        counts[kind] += 1
        named[f"{kind}/{counts[kind]}"] = transform
    return named


def _check(images: tf.Tensor, labels: tf.Tensor) -> None:
    if images.shape.rank != 4 or labels.shape.rank != 3:
        raise checks.InputError(
            "Images must be [B, H, W, C] and labels [B, H, W]; "
            f"got {images.shape} and {labels.shape}. A grey image needs a channel axis of 1."
        )
    if not (images.dtype.is_floating or images.dtype in (tf.uint8, tf.uint16)):
        raise checks.InputError(
            f"Images must be uint8, uint16 or floats in [0, 1]; got {images.dtype.name}."
        )
    if not labels.dtype.is_integer:
        raise checks.InputError(f"Labels must be integer ids; got {labels.dtype.name}.")
    if None in labels.shape[1:] or images.shape[-1] is None:
        raise checks.InputError(
            "Height, width and channels must be static; "
            f"got {images.shape} and {labels.shape}. Crop or resize them first."
        )
    if images.shape[1:3] != labels.shape[1:]:
        raise checks.InputError(
            f"Image and label must have one size; got {images.shape[1:3]} and {labels.shape[1:]}."
        )
