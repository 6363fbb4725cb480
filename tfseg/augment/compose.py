"""Choices between transforms: they only decide which of their parts act."""

from __future__ import annotations

import abc
import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast

import tensorflow as tf

from tfseg import checks, random
from tfseg.augment.base import Geometric, Params, Pixel, Transform, frozen_transform


class Choice(Transform):
    """A transform that chooses which of several transforms act.

    Attributes:
        transforms: the parts, which may be choices too.
        p: probability in [0, 1] that any part acts.
    """

    transforms: Sequence[Transform]

    def __post_init__(self) -> None:
        super().__post_init__()
        check_transforms(f"{type(self).__name__}.transforms", self.transforms)
        self._set("transforms", tuple(self.transforms))
        if not self.transforms:
            raise checks.InputError(f"{type(self).__name__}.transforms must not be empty.")

    @abc.abstractmethod
    def probabilities(self, seed: tf.Tensor) -> tf.Tensor:
        """Draws which parts may act: seed `[2]` int32 -> their probabilities, `[n]` float32."""


@frozen_transform
class OneOf(Choice):
    """Lets exactly one of its parts act; the `p` of the parts are their weights in the draw."""

    transforms: Sequence[Transform]
    p: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not any(part.p for part in self.transforms):
            raise checks.InputError("OneOf needs a part with p above 0.")

    def probabilities(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns 1 for the part drawn and 0 for the others."""
        ends = tf.cumsum(tf.constant([part.p for part in self.transforms], tf.float32))
        drawn = tf.searchsorted(ends, random.uniform(seed, 0.0, 1.0, (1,)) * ends[-1], "right")
        return tf.one_hot(drawn[0], len(self.transforms))


@frozen_transform
class SomeOf(Choice):
    """Picks some of its parts, in the order of the list; each of them then acts with its `p`.

    Attributes:
        n: how many are picked, (least, most), every number with the same probability; a number x is
            short for (x, x).
    """

    transforms: Sequence[Transform]
    n: int | tuple[int, int] = 1
    _: dataclasses.KW_ONLY
    p: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.n, int):
            self._set("n", (self.n, self.n))
        self._interval("n", low=0, high=len(self.transforms))

    def probabilities(self, seed: tf.Tensor) -> tf.Tensor:
        """Returns `p` for the parts picked and 0 for the others."""
        least, most = cast(tuple[int, int], self.n)
        count = random.integer(random.for_name(seed, "n"), least, most + 1)
        order = random.permutation(random.for_name(seed, "order"), len(self.transforms))
        return tf.where(order < count, tf.constant([part.p for part in self.transforms]), 0.0)


def check_transforms(name: str, transforms: Sequence[Transform]) -> None:
    """Checks that `transforms` is a list of transforms.

    Raises:
        InputError: it is not a list, or has another entry, or a transform without `p`.
    """
    if not isinstance(transforms, list | tuple):
        raise checks.InputError(
            f"{name} must be a list of transforms; got {checks.shown(transforms)}. "
            "Put it in a list."
        )
    for transform in transforms:
        if not isinstance(transform, Geometric | Pixel | Choice):
            raise checks.InputError(
                f"{name} must hold transforms such as HorizontalFlip(); got "
                f"{checks.shown(transform)}. Make transforms with tfseg.augment."
            )
        if "p" not in {field.name for field in dataclasses.fields(transform)}:
            raise checks.InputError(
                f"{type(transform).__name__} must be a frozen dataclass with the field p; got "
                f"{transform!r}. Add `p: float = 0.5` as its last field."
            )


def name_each(transforms: Sequence[Transform], path: str = "") -> Iterator[tuple[str, Transform]]:
    """Yields every transform with its name, such as "OneOf/1/Rotate/2"; opens choices."""
    for name, transform in _named(transforms, path):
        if isinstance(transform, Choice):
            yield from name_each(transform.transforms, f"{name}/")
        else:
            yield name, transform


def draw(transforms: Sequence[Transform], seed: tf.Tensor) -> dict[str, Params]:
    """Draws for one image: seed `[2]` int32 -> parameters by the names of `name_each`.

    The seed of a transform depends only on its kind and its number among transforms of this kind,
    so adding another kind of transform does not change its draws.
    """
    chances = tf.constant([transform.p for transform in transforms], tf.float32)
    return _draw(transforms, chances, tf.constant(True), seed, "")


def _draw(
    transforms: Sequence[Transform], chances: tf.Tensor, on: tf.Tensor, seed: tf.Tensor, path: str
) -> dict[str, Params]:
    drawn: dict[str, Params] = {}
    for index, (name, transform) in enumerate(_named(transforms, path)):
        part_seed = random.for_name(seed, name)
        acts = on & (random.uniform(random.for_name(part_seed, "p"), 0.0, 1.0) < chances[index])
        if isinstance(transform, Choice):
            inner = transform.probabilities(random.for_name(part_seed, "choice"))
            drawn |= _draw(transform.transforms, inner, acts, seed, f"{name}/")
        else:
            drawn[name] = {"on": acts, **transform.sample(part_seed)}
    return drawn


def _named(transforms: Sequence[Transform], path: str) -> Iterator[tuple[str, Transform]]:
    counts: Counter[str] = Counter()
    for transform in transforms:
        kind = type(transform).__name__
        counts[kind] += 1
        yield f"{path}{kind}/{counts[kind]}", transform
