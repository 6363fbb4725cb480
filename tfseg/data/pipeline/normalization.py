"""Which image values become 0 and 1: those of each image, or the same for all."""

from __future__ import annotations

from tfseg.augment.base import Example
from tfseg.checks import InputError
from tfseg.config import DATASET, ModelConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.dataset.mixture import parts_of, statistics_of
from tfseg.kernels import normalize

_LOW, _HIGH = "1", "99"  # dataset.json has no 99.8, which kernels.normalize takes of one image
_MOST = {"uint8": 255, "uint16": 65535}


def normalized(sample: Example, limits: tuple[float, ...] = ()) -> Example:
    """Returns the sample with its image `[H, W, C]` float32 in [0, 1].

    Of the whole image, before any crop: a crop's own percentiles would depend on where it lies.

    Args:
        sample: with "image" `[H, W, C]`, any real dtype.
        limits: the values that become 0 and 1; empty takes two percentiles of the image.
    """
    return sample | {"image": normalize.percentile(sample["image"], limits)}


def fixed_limits(model: ModelConfig, dataset: Dataset | None = None) -> tuple[float, ...]:
    """Returns `model.limits` in numbers; empty where each image has its own.

    Those of a data set are its 1st and 99th percentiles, the lowest and the highest of all channels
    and of all data sets in a mixture, so that colours stay as they are.

    Raises:
        InputError: they are those of a data set, and there is none, or dataset.json lacks them.
    """
    if not isinstance(model.limits, str):
        return tuple(model.limits)
    if dataset is None:
        raise InputError(
            f"model.limits is {DATASET}, and no data set is at hand here; give the two numbers, "
            "which config.yaml of a run has."
        )
    found = statistics_of(dataset, needed=f"model.limits {DATASET} needs the percentiles")
    # Images of 8 bits among some of 16 are read as such: 255 becomes 65535.
    units = [_MOST[dataset.info.dtype] // _MOST[part.info.dtype] for part in parts_of(dataset)]
    low, high = (
        pick(
            channel.percentiles[share] * unit
            for each, unit in zip(found, units, strict=True)
            for channel in each.channels
        )
        for pick, share in ((min, _LOW), (max, _HIGH))
    )
    if low == high:
        raise InputError(
            f"model.limits {DATASET} needs images whose 1st and 99th percentiles differ; in "
            f"{dataset.path} both are {low}. Give two numbers."
        )
    return float(low), float(high)
