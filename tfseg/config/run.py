"""The complete configuration of a training run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from tfseg import calls, checks
from tfseg.config.data import DataConfig
from tfseg.config.devices import DeviceConfig
from tfseg.config.log import LogConfig
from tfseg.config.model import ModelConfig
from tfseg.config.optimizer import OptimizerConfig
from tfseg.config.train import DEFAULT_STEPS, TrainConfig

# Gamma, not brightness: on the embedded sample a shift by up to 0.2 erased nuclei that are 0.1
# brighter than their background, and after 80 steps the loss was 0.51 instead of 0.45.
DEFAULT_AUGMENT: tuple[dict[str, Any], ...] = (
    {"name": "HorizontalFlip"},
    {"name": "RandomRotate90", "p": 0.5},
    {"name": "ShiftScaleRotate", "scale_limit": (-0.2, 0.2), "rotate_limit": (-15.0, 15.0)},
    {"name": "RandomGamma"},
    {"name": "GaussNoise", "std_range": (0.0, 0.03)},
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig(metaclass=calls.Public):
    """Configures a training run: data, augmentation, network, training and devices.

    Attributes:
        seed: of the initial weights, the order of the samples and all augmentation.
        data: how samples are read.
        augment: transforms in the order in which they act, each {"name": ..., parameters}, or the
            name of a ready list: light, natural, nuclei or satellite. CopyPaste must be last.
            {"name": "Sampling", "border": ..., "fill": ...} sets the values and ids of pixels
            beyond the border of an image, for crops and transforms.
        model: the network.
        train: duration and batches of the training.
        optimizer: how the weights are updated.
        log: logging, validation and checkpoints.
        devices: devices and precision.

    Examples:
        >>> config = tfseg.RunConfig(augment=("light",), train=tfseg.TrainConfig(steps=2000))
        >>> tfseg.config.flat(config)["train.steps"]
        2000
    """

    seed: int = 0
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    augment: tuple[dict[str, Any] | str, ...] = DEFAULT_AUGMENT
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    log: LogConfig = dataclasses.field(default_factory=LogConfig)
    devices: DeviceConfig = dataclasses.field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        checks.integer("seed", self.seed, low=0)
        if not isinstance(self.model, ModelConfig):
            raise checks.InputError(
                f"model must be a ModelConfig; got {type(self.model).__name__}. Give a Keras "
                "model, or a function that makes one, to Trainer(config, run_dir, network=...)."
            )
        checks.sequence("augment", self.augment, "[{name: HorizontalFlip}]")
        for entry in self.augment:
            if not isinstance(entry, str | Mapping):
                raise checks.InputError(
                    f"augment must hold {{name: ...}} and names of ready lists; got "
                    f"{checks.shown(entry)}. Give tfseg.augment.to_spec(transforms)."
                )
        if self.train.epochs or self.train.minutes:
            return  # the number of steps is not known yet
        steps, warmup = self.train.steps or DEFAULT_STEPS, self.optimizer.warmup_steps or 0
        if warmup > steps:
            raise checks.InputError(
                f"optimizer.warmup_steps must be at most {steps}, the number of steps; got "
                f"{warmup}. Leave it out, and it is fitted to the steps."
            )

    def names(self) -> list[tuple[str, str]]:
        """Returns the kinds and names of network and transforms, such as ("transform", "D4")."""
        return [*self.model.names(), *(("transform", name) for name in _names_in(self.augment))]


def _names_in(entries: Any) -> Iterator[str]:
    """Yields the names of transforms, also of those in choices."""
    if isinstance(entries, list | tuple):
        for entry in entries:
            yield from _names_in(entry)
    elif isinstance(entries, Mapping) and "name" in entries:
        yield str(entries["name"])
        yield from _names_in(entries.get("transforms", ()))
