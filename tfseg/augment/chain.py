"""A list of transforms as one field, one resample and one compiled call."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import tensorflow as tf

from tfseg import calls, checks, random
from tfseg.augment import compose, inputs, trial
from tfseg.augment.base import AffineMove, Example, Geometric, Params, Pixel, Transform
from tfseg.augment.sizes import RandomCrop
from tfseg.ids import IGNORE
from tfseg.kernels import field as fields
from tfseg.kernels import matrices, sampling
from tfseg.kernels.field import Field, Size

Result = TypeVar("Result")
_DTYPES = ("float32", "float16", "bfloat16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sampling(metaclass=calls.Public):
    """How a chain reads the pixels that its field points at.

    Attributes:
        interpolation: of the image: bilinear, bicubic or nearest. Ids are always nearest.
        border: what an image has beyond its border: constant, nearest, reflect, reflect_101, wrap.
        border_value: value of the border "constant", in [0, 1].
        fill: id of pixels beyond the border: `IGNORE`, or 0 for background. The nearest ones of
            `others` get it too, and must have a dtype that holds it.
        others: interpolation of further entries that are transformed like the image, by name, such
            as a weight map (bilinear) or an ignore mask (nearest, with `fill`).
        dtype: of the resulting image: float32, float16 or bfloat16, for models in half precision.
    """

    interpolation: str = "bilinear"
    border: str = "reflect_101"
    border_value: float = 0.0
    fill: int = IGNORE
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)
    dtype: str = "float32"

    def __post_init__(self) -> None:
        checks.one_of("Sampling.interpolation", self.interpolation, sampling.INTERPOLATIONS)
        checks.one_of("Sampling.border", self.border, sampling.BORDERS)
        checks.in_range("Sampling.border_value", self.border_value, low=0.0, high=1.0)
        checks.integer("Sampling.fill", self.fill, low=-(2**31))
        checks.one_of("Sampling.dtype", self.dtype, _DTYPES)
        for name, interpolation in self.others.items():
            checks.one_of(f"Sampling.others[{name!r}]", interpolation, sampling.INTERPOLATIONS)
            if name in ("image", "label"):
                raise checks.InputError(f"Sampling.others is for further entries; got {name!r}.")


class Chain(metaclass=calls.Public):
    """Applies transforms to image and ids, in their order.

    Geometric transforms are composed into a single coordinate field, from which the image and the
    ids are read once; then the pixel-level transforms act, in their order. Content that one
    transform moves out of the picture is not lost if a later one brings it back.

    Every transform is a branch of the compiled function, taken or not for each image: a transform
    that is off costs nothing, and XLA does not fuse one transform into the inner loop of the next:
    a turn, a blur and noise took 51 ms as one expression and 19 ms as branches (512 x 512 x 3).

    Example:
        chain = Chain([HorizontalFlip(), ShiftScaleRotate(), RandomGamma()])
        example = chain({"image": image, "label": label}, seed)
    """

    def __init__(
        self, transforms: Sequence[Transform], *, sampling: Sampling | None = None
    ) -> None:
        compose.check_transforms("A chain", transforms)
        self.transforms = tuple(transforms)
        self.sampling = sampling or Sampling()
        self._names = ("image", "label", *self.sampling.others)
        named = [pair for pair in compose.name_each(self.transforms) if pair[1].p > 0]
        self._geometric = [(name, move) for name, move in named if isinstance(move, Geometric)]
        self._pixel = [(name, change) for name, change in named if isinstance(change, Pixel)]
        _check_order(self._pixel)
        self._compiled = tf.function(self._apply, jit_compile=True, autograph=False)
        self._sample_batch = tf.function(self._sample_each, autograph=False, reduce_retracing=True)

    @calls.check
    def __call__(self, example: Mapping[str, tf.Tensor], seed: tf.Tensor | int) -> Example:
        """Draws and applies.

        Args:
            example: as for `apply`.
            seed: a whole number from 0 on, or a seed `[2]` int32 of `tfseg.random`; in a batch,
                image i then has the seed `random.fold_in(seed, i)`. Or `[B, 2]`, one per image.

        Raises:
            InputError: another seed, or as in `apply`.
        """
        inputs.check_entries(example, self._names)
        inputs.check_ranks(example)
        label = tf.convert_to_tensor(example["label"])
        seeds = inputs.seeds(seed, label)
        sample = self._sample_batch if label.shape.rank == 3 else self.sample
        return self.apply(example, sample(seeds))

    def sample(self, seed: tf.Tensor) -> dict[str, Params]:
        """Draws for one image: seed `[2]` int32 -> parameters by transform, as "GaussNoise/1".

        The seed of a transform depends only on its name and its number among those of that name, so
        adding another kind of transform does not change its draws.
        """
        return compose.draw(self.transforms, seed)

    def apply(self, example: Mapping[str, tf.Tensor], params: dict[str, Params]) -> Example:
        """Transforms one image, or a batch, with `[B, ...]` for all entries and parameters.

        Args:
            example: "image" `[H, W, C]`, uint8, uint16 or floats in [0, 1]; "label" `[H, W]`
                integer instance ids, of static size unless RandomCrop is the first geometric
                transform: then it is cut first, and transforms read the border beyond the cut; the
                entries of `Sampling.others`, `[H, W]` or `[H, W, C]`; all
                others stay unchanged.
            params: what `sample` drew.

        Returns:
            The same entries: image `[h, w, C]` float in [0, 1], label `[h, w]` int32.

        Raises:
            InputError: other entries, shapes or dtypes, or a dtype that cannot hold
                `Sampling.fill`; H, W or C is not static; or values are out of range: floats beyond
                [0, 1], ids beyond int32. In a graph such values are a
                tf.errors.InvalidArgumentError with the same message.
        """
        inputs.check_entries(example, self._names)
        for name, _ in (*self._geometric, *self._pixel):
            if name not in params:
                raise checks.InputError(
                    f"params must be what Chain.sample returns, with {name!r}; got "
                    f"{', '.join(params) or 'nothing'}. Call the chain itself, with a seed."
                )
        entries = {name: tf.convert_to_tensor(example[name]) for name in self._names}
        if entries["label"].shape.rank == 2 and None in entries["label"].shape:
            entries = self._known_size(entries, params)
        if self._geometric:
            filled = [name for name in self.sampling.others if not self._is_interpolated(name)]
            inputs.check_fill(entries, filled, self.sampling.fill)
        return {**example, **self._compiled(inputs.checked(entries), params)}

    def _known_size(self, entries: Example, params: dict[str, Params]) -> Example:
        """Cuts entries of unknown size where RandomCrop comes first, which makes it known."""
        name, first = self._geometric[0] if self._geometric else ("", None)
        if not isinstance(first, RandomCrop) or "/" in name.removeprefix("RandomCrop/"):
            return entries
        return inputs.cut(entries, first.output_size((first.height, first.width)), params[name])

    def output_size(self, size: Size) -> Size:
        """Returns (h, w) of the result for an image of `size` (H, W).

        Raises:
            InputError: a transform changes the size of some images only.
        """
        return self._sizes(size)[-1]

    def _sample_each(self, seeds: tf.Tensor) -> dict[str, Params]:
        with tf.init_scope():
            drawn = self.sample(random.root(0))
        signature = tf.nest.map_structure(tf.TensorSpec.from_tensor, drawn)
        return tf.map_fn(self.sample, seeds, fn_output_signature=signature)

    def _sizes(self, size: Size) -> list[Size]:
        sizes = [size]
        for name, transform in self._geometric:
            sizes.append(transform.output_size(sizes[-1]))
            if sizes[-1] != sizes[-2] and (transform.p < 1 or name.count("/") > 1):
                raise checks.InputError(
                    f"{name} makes {sizes[-1]} of {sizes[-2]}, so it must act on every image; "
                    "set its p to 1, outside of OneOf and SomeOf."
                )
        return sizes

    def _apply(self, example: Example, params: dict[str, Params]) -> Example:
        label = example["label"]
        size = self.output_size(tuple(label.shape[-2:]))
        for _, transform in self._pixel:
            trial.try_out(transform, (*size, example["image"].shape[-1]))
        if label.shape.rank == 2:
            return self._one(example, params)
        # Image by image: branches differ, and no bit may depend on the size of the batch.
        signature = {
            name: tf.TensorSpec([*size, *value.shape[3:]], self._dtype(name, value))
            for name, value in example.items()
        }
        return tf.map_fn(
            lambda arguments: self._one(*arguments),
            (example, params),
            fn_output_signature=signature,
        )

    def _one(self, example: Example, params: dict[str, Params]) -> Example:
        moved = self._moved(example, params)
        pair = moved["image"], moved["label"]
        for name, transform in self._pixel:
            pair = _when(params[name]["on"], _change, (transform, params[name], *pair), pair)
        return moved | {"image": tf.cast(pair[0], self.sampling.dtype), "label": pair[1]}

    def _moved(self, example: Example, params: dict[str, Params]) -> Example:
        sizes = self._sizes(tuple(example["label"].shape))
        unmoved = {name: self._unmoved(name, value) for name, value in example.items()}
        if len(set(sizes)) > 1:
            return self._resampled(example, params, sizes)
        if not self._geometric:
            return unmoved
        on = tf.reduce_any([params[name]["on"] for name, _ in self._geometric])
        return _when(on, self._resampled, (example, params, sizes), unmoved)

    def _resampled(self, example: Example, params: dict[str, Params], sizes: list[Size]) -> Example:
        field = self._field(params, sizes)
        return {name: self._read(name, value, field) for name, value in example.items()}

    def _field(self, params: dict[str, Params], sizes: list[Size]) -> Field:
        """Composes the geometric transforms. A field is pull-back, so the last one comes first."""
        field, pending = fields.grid(sizes[-1]), None
        for (name, transform), size in reversed(list(zip(self._geometric, sizes, strict=False))):
            drawn = params[name]
            if isinstance(transform, AffineMove):
                matrix = transform.matrix(drawn, size=size)
                matrix = tf.where(drawn["on"], matrix, matrices.identity())
                pending = matrix if pending is None else matrices.product(matrix, pending)
                continue
            if pending is not None:
                field, pending = fields.affine(field, pending), None
            field = Field(*_when(drawn["on"], _edit, (transform, drawn, size, field), field[:2]))
        return field if pending is None else fields.affine(field, pending)

    def _read(self, name: str, value: tf.Tensor, field: Field) -> tf.Tensor:
        if not self._is_interpolated(name):
            return sampling.ids(self._unmoved(name, value), field, fill=self.sampling.fill)
        settings = self.sampling
        border = sampling.Border(settings.border, settings.border_value / _unit(value))
        interpolation = settings.others.get(name, settings.interpolation)
        # Scaled after the sampling: an 8-bit image has a quarter of the bytes to gather.
        values = sampling.values(value, field, interpolation=interpolation, border=border)
        return values * _unit(value)

    def _unmoved(self, name: str, value: tf.Tensor) -> tf.Tensor:
        if self._is_interpolated(name):
            return tf.cast(value, tf.float32) * _unit(value)
        # Before the fill, which an unsigned type may not hold.
        return tf.cast(value, tf.int32) if name == "label" else value

    def _is_interpolated(self, name: str) -> bool:
        return name == "image" or self.sampling.others.get(name, "nearest") != "nearest"

    def _dtype(self, name: str, value: tf.Tensor) -> tf.DType:
        if name == "image":
            return tf.as_dtype(self.sampling.dtype)
        return self._unmoved(name, tf.zeros([], value.dtype)).dtype


def _check_order(pixel: list[tuple[str, Pixel]]) -> None:
    for (name, transform), (follower, _) in itertools.pairwise(pixel):
        if transform.value_range != Pixel.value_range:
            raise checks.InputError(
                f"{name} must be the last pixel-level transform, because it leaves [0, 1]; "
                f"put {follower} before it."
            )


def _when(
    on: tf.Tensor, function: Callable[..., Result], arguments: tuple, otherwise: Result
) -> Result:
    return tf.cond(on, lambda: function(*arguments), lambda: otherwise)


def _edit(
    transform: Geometric, params: Params, size: Size, field: Field
) -> tuple[tf.Tensor, tf.Tensor]:
    return transform.edit(field, params, size=size)[:2]


def _change(
    transform: Pixel, params: Params, image: tf.Tensor, label: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    changed = trial.checked(transform, image, transform.change(image, params))
    changed = tf.clip_by_value(changed, *transform.value_range)
    return changed, transform.change_label(label, params)


def _unit(values: tf.Tensor) -> float:
    """Returns the factor that brings `values` to [0, 1]."""
    return 1.0 if values.dtype.is_floating else 1.0 / values.dtype.max
