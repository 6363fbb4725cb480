"""The devices and the precision of a training."""

from __future__ import annotations

import dataclasses

from tfseg import calls, checks
from tfseg.config.fields import free_on_resume, match_names

STRATEGIES = ("auto", "multi_worker", "mirrored", "one_device")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeviceConfig(metaclass=calls.Public):
    """The devices and the precision of a training.

    Attributes:
        strategy: how the training is distributed: auto (multi_worker if TF_CONFIG or srun names
            several processes, else mirrored), multi_worker, mirrored (over `names`), or one_device
            (the first of `names`).
        names: devices of this process, such as CPU:0 CPU:1; empty uses every visible GPU, or the
            CPU if there is none.
        precision: number format of the layers: float32, mixed_bfloat16 or mixed_float16. In mixed
            precision weights, last layer and losses stay in float32; mixed_float16 also scales the
            loss. Mixed precision is for GPUs and slower on a CPU. Prediction always uses float32.
        jit_compile: compiles forward and backward pass by XLA, on one device. On a CPU a step is
            slower and the first one takes 10 s longer; a GPU may be faster.
        deterministic: makes TensorFlow use bit-exact operations on a GPU, until the process ends.
            They are slower, some of them several times. On a CPU the same seed gives the same bits
            without it.

    Examples:
        >>> tfseg.RunConfig(devices=tfseg.DeviceConfig(names=("CPU:0",))).devices.precision
        'float32'
    """

    strategy: str = free_on_resume("auto")
    names: tuple[str, ...] = free_on_resume(())
    precision: str = "float32"
    jit_compile: bool = False
    deterministic: bool = False

    def __post_init__(self) -> None:
        match_names(self, "devices", strategy=STRATEGIES, precision=PRECISIONS)
        checks.sequence("devices.names", self.names, "[CPU:0]")
        for name in ("jit_compile", "deterministic"):
            checks.flag(f"devices.{name}", getattr(self, name))
