"""A configuration whose runs take seconds."""

from __future__ import annotations

import pytest

from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig


@pytest.fixture(scope="session")
def config() -> RunConfig:
    """Six steps of two small crops, a row of history and a checkpoint at every second one."""
    return RunConfig(
        seed=3,
        data=DataConfig(crop_size=64),
        model=ModelConfig(filters=(8, 16)),
        train=TrainConfig(steps=6, batch_size=2, warmup_steps=2, log_every=2, checkpoint_every=2),
    )
