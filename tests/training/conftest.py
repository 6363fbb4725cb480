"""A configuration whose runs take seconds."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import pytest
import runs

from tfseg.config import ModelConfig, RunConfig
from tfseg.data.dataset.dataset import Dataset


@pytest.fixture(scope="session")
def config() -> RunConfig:
    """Six steps of two small crops, a row of history and a checkpoint at every second one."""
    config = runs.changed(runs.CONFIG, data={"crop_size": 64})
    return dataclasses.replace(config, model=ModelConfig(filters=(8, 16)))


@pytest.fixture(scope="session")
def start(dataset: Dataset) -> Callable[..., runs.Run]:
    """Returns a function that starts a `runs.Run` of a configuration."""
    return functools.partial(runs.Run, dataset)
