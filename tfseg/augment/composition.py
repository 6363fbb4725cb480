"""A chain in the words of albumentations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfseg import checks
from tfseg.augment.base import Example, Transform
from tfseg.augment.chain import Chain, Sampling
from tfseg.augment.compose import SomeOf
from tfseg.augment.parameters import Absent

_ABSENT = {
    "bbox_params": Absent(None, (None,), "Boxes follow from the ids: leave them out."),
    "keypoint_params": Absent(None, (None,), "Key points follow from the ids: leave them out."),
    "is_check_shapes": Absent(True, (True,), "Shapes are always checked."),
    "strict": Absent(False),  # an unknown parameter is always an error
    "mask_interpolation": Absent(None, (None, 0, 6), "Ids are those of the nearest pixel."),
    "seed": Absent(None, (None,), "Every call has its seed: chain(example, seed)."),
    "save_applied_params": Absent(False, (False,), "chain.sample(seed) returns them."),
}


class Compose(Chain):
    """A `Chain` that takes the parameters of albumentations.

    It is called as every chain, with an example and a seed: `chain({"image": image, "label": ids},
    seed)`; in tf.data, use `tfseg.augmented(dataset, chain.transforms, seed=0)`.

    Args:
        transforms: in the order in which they act.
        additional_targets: names of further masks, {"name": "mask"}: they become nearest entries of
            `Sampling.others`.
        p: probability in [0, 1] that any of the transforms acts.
        sampling: how the pixels are read, see `Chain`; without `additional_targets`.
        others: further parameters of albumentations, at the value that means what a chain does.
    """

    def __init__(
        self,
        transforms: Sequence[Transform],
        *,
        additional_targets: Mapping[str, str] | None = None,
        p: float = 1.0,
        sampling: Sampling | None = None,
        **others: Any,
    ) -> None:
        for name, value in others.items():
            checks.one_of("A parameter of Compose", name, (*_ABSENT, "additional_targets", "p"))
            if rule := _ABSENT[name].refusal(value):
                reason = _ABSENT[name].reason
                raise checks.InputError(f"Compose.{name} {rule}; got {value!r}. {reason}")
        if additional_targets:
            if sampling is not None:
                raise checks.InputError(
                    "Compose must have either additional_targets or sampling; got both. Put the "
                    "names in Sampling.others."
                )
            for name, kind in additional_targets.items():
                checks.one_of(f"Compose.additional_targets[{name!r}]", kind, ("mask",))
            sampling = Sampling(others=dict.fromkeys(additional_targets, "nearest"))
        if p != 1:
            transforms = [SomeOf(transforms, len(transforms), p=p)]
        super().__init__(transforms, sampling=sampling)

    def __call__(
        self,
        example: Mapping[str, tf.Tensor] | None = None,
        seed: tf.Tensor | None = None,
        **named: Any,
    ) -> Example:
        """Draws and applies, see `Chain`."""
        if example is None or seed is None or named:
            got = ", ".join(f"{name}=..." for name in named) or "no seed"
            raise checks.InputError(
                "A chain must be called with an example and a seed, such as "
                f'chain({{"image": image, "label": ids}}, tfseg.random.root(0)); got {got}.'
            )
        return super().__call__(example, seed)
