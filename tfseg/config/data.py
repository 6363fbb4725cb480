"""How samples are read."""

from __future__ import annotations

import dataclasses
import re

from tfseg import calls, checks
from tfseg.channels import check_names
from tfseg.config.fields import check_numbers, free_on_resume, match_names
from tfseg.lengths import micrometres

CACHES = ("none", "memory", "disk")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig(metaclass=calls.Public):
    """How samples are read for training.

    Attributes:
        crop_size: side of the square training crop, pixels; multiples of 32 need no padding.
        foreground_share: share of the crops that must show part of an instance, in [0, 1].
        instance_share: share of the crops with an instance in the middle, in [0, 1]; small and
            large instances are equally likely, and so are all classes in an image.
            `foreground_share` applies to the rest.
        min_visibility: an instance cut by the border of the crop is ignored in training if less
            than this share of its pixels is left; 0 keeps all.
        service: servers started with tfseg serve-data, such as grpc://localhost:5050, that make the
            same training batches in the same order; empty makes them in this process.
        on_corrupt: reaction to a damaged record: fail, or skip, which warns and uses the next
            intact record instead.
        weights: ratio of the samples from several data sets, such as 2 1; empty uses every image
            equally often.
        balance: a CSV file that sets how often each image of the split train is used: columns id
            and weight (relative to other images), or id and group (all groups equally often); empty
            uses each image once per epoch.
        channels: names of the channels that are used, in this order; empty uses all.
        pixel_size: side of a pixel in micrometres, or with a unit as in 0.3m, to which all images
            are brought, in training and in prediction, so that sets of several magnifications train
            together; 0 takes images as they are.
        cache: where decoded images are kept after the first epoch: none, memory, or disk (in the
            folder for temporary files, until training ends).

    Examples:
        >>> tfseg.RunConfig(data=tfseg.DataConfig(crop_size=192)).data.crop_size
        192
    """

    crop_size: int = 128
    foreground_share: float = 0.5
    instance_share: float = 0.0
    min_visibility: float = 0.0
    on_corrupt: str = "fail"
    service: tuple[str, ...] = free_on_resume(())
    weights: tuple[int, ...] = ()
    balance: str = ""
    channels: tuple[str, ...] = ()
    pixel_size: float | str = 0.0
    cache: str = free_on_resume("none")

    def __post_init__(self) -> None:
        check_numbers(self, "data", checks.integer, ("crop_size",), low=32, high=8192)
        shares = ("foreground_share", "instance_share", "min_visibility")
        check_numbers(self, "data", checks.in_range, shares, low=0.0, high=1.0)
        if self.instance_share == 1.0 and self.foreground_share != DataConfig.foreground_share:
            raise checks.InputError(
                "data.foreground_share has no effect with data.instance_share 1, which leaves no "
                f"crops for it; got {self.foreground_share:g}. Leave it out."
            )
        match_names(self, "data", on_corrupt=("fail", "skip"), cache=CACHES)
        checks.sequence("data.service", self.service, "[grpc://localhost:5050]")
        for server in self.service:
            if not re.fullmatch(r"grpc://[^/\s]+:[1-9]\d*", str(server)):
                raise checks.InputError(
                    f"Each of data.service must be grpc://HOST:PORT; got {server!r}. Use the "
                    "address that tfseg serve-data prints."
                )
        if self.service and self.on_corrupt == "skip":
            raise checks.InputError(
                "data.on_corrupt must be fail with data.service, which cannot count the damaged "
                "records that skip leaves out; got skip. Remove them by converting again."
            )
        check_names("data.channels", self.channels)
        if self.pixel_size != 0:
            size = micrometres("data.pixel_size", self.pixel_size)
            object.__setattr__(self, "pixel_size", size)
        checks.sequence("data.weights", self.weights, "[2, 1]")
        for weight in self.weights:
            checks.integer("Each of data.weights", weight, low=1)
        if self.service and self.cache != "none":
            raise checks.InputError(
                f"data.cache must be none with data.service, which decodes images in other "
                f"processes; got {self.cache} with {checks.listed(self.service)}."
            )
