"""How samples are read."""

from __future__ import annotations

import dataclasses
import re

from tfseg import checks

CACHES = ("none", "memory", "disk")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataConfig:
    """How samples are read for training.

    Attributes:
        crop_size: side of the square training crop, pixels; multiples of 32 waste nothing.
        foreground_share: share of the crops that are sure to hold a piece of an instance, in
            [0, 1].
        instance_share: share of the crops that have an instance in their middle, in [0, 1]; small
            ones are as likely as large ones, and of the classes in an image a rare one as likely as
            any. The rest is as `foreground_share` says.
        min_visibility: an instance that the border of the crop cuts is ignored in training, with
            less than this share of its pixels left; 0 keeps all of them.
        service: servers started with tfseg serve-data, such as grpc://localhost:5050, that make the
            training batches, the same ones in the same order; none makes them here.
        on_corrupt: what a damaged record does: fail, or skip, which takes the next whole one in its
            place and warns.
        weights: of several data sets, samples of each in every so many, such as 2 1; empty takes
            every image equally often.
        balance: a CSV file that says how often each image of the split train comes: by the columns
            id and weight, relative to the others, or id and group, all groups equally often; empty
            takes each once an epoch.
        cache: where decoded images are kept after the first epoch: none, memory, or disk (in the
            folder for temporary files, until training ends).
    """

    crop_size: int = 128
    foreground_share: float = 0.5
    instance_share: float = 0.0
    min_visibility: float = 0.0
    on_corrupt: str = "fail"
    service: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    balance: str = ""
    cache: str = "none"

    def __post_init__(self) -> None:
        checks.integer("data.crop_size", self.crop_size, low=32, high=8192)
        checks.in_range("data.foreground_share", self.foreground_share, low=0.0, high=1.0)
        checks.in_range("data.instance_share", self.instance_share, low=0.0, high=1.0)
        checks.in_range("data.min_visibility", self.min_visibility, low=0.0, high=1.0)
        checks.one_of("data.on_corrupt", self.on_corrupt, ("fail", "skip"))
        checks.sequence("data.service", self.service, "[grpc://localhost:5050]")
        for server in self.service:
            if not re.fullmatch(r"grpc://[^/\s]+:[1-9]\d*", str(server)):
                raise checks.InputError(
                    f"Each of data.service must be grpc://HOST:PORT; got {server!r}. Take what "
                    "tfseg serve-data prints."
                )
        if self.service and self.on_corrupt == "skip":
            raise checks.InputError(
                "data.on_corrupt skip counts damaged records where training runs; with "
                "data.service it must be fail. Take them out by converting again."
            )
        checks.sequence("data.weights", self.weights, "[2, 1]")
        for weight in self.weights:
            checks.integer("Each of data.weights", weight, low=1)
        checks.one_of("data.cache", self.cache, CACHES)
        if self.service and self.cache != "none":
            raise checks.InputError(
                f"data.cache keeps images where training runs, and data.service decodes them "
                f"elsewhere; got {self.cache} with {checks.listed(self.service)}. Set it to none."
            )
