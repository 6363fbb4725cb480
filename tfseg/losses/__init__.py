"""Losses on pixels, one value per sample.

Every loss returns `[B]`, and each sample is normalised by its counted pixels. The mean over the
global batch is then the same on any number of replicas; one scalar per batch would be summed over
the replicas by Keras without scaling. Pixels with targets below 0 are ignored. Everything is
computed in float32, even from outputs in half precision.

Losses are added and weighted: `Dice() + 0.5 * BCE()`, or `parse("dice + 0.5 * bce")`. Pixels are
weighted by a second channel of the target.
"""

from __future__ import annotations

import re

from tfseg import checks
from tfseg.config import registry
from tfseg.losses.base import PixelLoss, Sum
from tfseg.losses.classes import ClassCE, OneVersusRest
from tfseg.losses.masks import BCE, Dice, Focal, HeatmapBCE, Jaccard, Lovasz, Tversky
from tfseg.losses.offsets import OffsetL1

__all__ = [
    "BCE",
    "NAMES",
    "ClassCE",
    "Dice",
    "Focal",
    "HeatmapBCE",
    "Jaccard",
    "Lovasz",
    "OffsetL1",
    "OneVersusRest",
    "PixelLoss",
    "Sum",
    "Tversky",
    "parse",
]
__dir__ = __all__.copy

NAMES: dict[str, type[PixelLoss]] = {
    "bce": BCE,
    "dice": Dice,
    "focal": Focal,
    "jaccard": Jaccard,
    "lovasz": Lovasz,
    "tversky": Tversky,
}


def parse(text: str, *, name: str = "sum") -> Sum:
    """Returns the loss written as a sum of names with or without weights: "dice + 0.5 * bce".

    Raises:
        InputError: the text is not such a sum, or a name is unknown.
    """
    terms = []
    for term in str(text).split("+"):
        match = re.fullmatch(r"\s*(?:(\d+\.?\d*|\.\d+)\s*\*)?\s*([A-Za-z_]\w*)\s*", term)
        if match is None:
            raise checks.InputError(
                f'A loss must be a sum of names such as "dice + 0.5 * bce"; got {text!r}.'
            )
        checks.one_of("loss", match[2], NAMES)
        terms.append((float(match[1] or 1.0), NAMES[match[2]]()))
    return Sum(terms, name=name)


registry.declare(
    registry.Kind(
        name="loss",
        base=PixelLoss,
        tables=(NAMES,),
        check=lambda loss: registry.check_call("loss", loss),
    )
)
