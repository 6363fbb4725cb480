"""Which image values become 0 and 1: percentiles of every image, or the same two for all."""

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

    It must be the full image, not a crop: percentiles of a crop depend on its position.

    Args:
        sample: with "image" `[H, W, C]`, any real dtype.
        limits: the values that become 0 and 1; empty takes two percentiles of the image.
    """
    return sample | {"image": normalize.percentile(sample["image"], limits)}


def fixed_limits(model: ModelConfig, dataset: Dataset | None = None) -> tuple[float, ...]:
    """Returns `model.limits` in numbers; empty where they are percentiles of every image.

    The limits of a data set are its 1st and 99th percentiles: the lowest and the highest over all
    channels and, in a mixture, all data sets, so that colours are kept.

    Raises:
        InputError: limits of a data set without a data set, or dataset.json lacks the percentiles.
    """
    if not isinstance(model.limits, str):
        return tuple(model.limits)
    if dataset is None:
        raise InputError(
            f"model.limits must be two numbers where no data set is given; got {DATASET}. Take "
            "those in the config.yaml of a run."
        )
    statistics = statistics_of(dataset, needed=f"model.limits {DATASET} needs the percentiles")
    # In a mixture with images of 16 bits, those of 8 bits are scaled: 255 becomes 65535.
    units = [_MOST[dataset.info.dtype] // _MOST[part.info.dtype] for part in parts_of(dataset)]
    low, high = (
        pick(
            channel.percentiles[share] * unit
            for part, unit in zip(statistics, units, strict=True)
            for channel in part.channels
        )
        for pick, share in ((min, _LOW), (max, _HIGH))
    )
    if low == high:
        raise InputError(
            f"model.limits {DATASET} needs different 1st and 99th percentiles; in {dataset.path} "
            f"both are {low}. Give two numbers."
        )
    return float(low), float(high)
