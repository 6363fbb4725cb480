"""Networks that draw random numbers or keep many statistics end the same after stops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import runs
from runs import PressCtrlC, arrays

from tfseg.config.run import DEFAULT_AUGMENT
from tfseg.training.trainer import Trainer

# Stops in the first epoch of three steps, when the cache is half full, and in the second.
STOPS = (1, 4)
COMPACT = runs.changed(
    runs.CONFIG, model={"filters": (8, 16), "dropout": 0.5}, data={"cache": "memory"}
)
EFFICIENTNET = runs.changed(
    runs.CONFIG, model={"architecture": "Unet", "backbone": "efficientnetb0"}
)


@pytest.mark.parametrize(
    ("config", "augment"),
    [
        pytest.param(
            *(COMPACT, (*DEFAULT_AUGMENT, {"name": "CopyPaste"})),
            id="dropout, augmentation, CopyPaste and a cache",
        ),
        pytest.param(EFFICIENTNET, (), id="EfficientNet", marks=pytest.mark.exhaustive),
    ],
)
def test_stops_change_no_bit(dataset, tmp_path, config, augment):
    config = dataclasses.replace(config, augment=augment)
    Trainer(config, tmp_path / "straight").fit(dataset)
    for stop in STOPS:
        with pytest.raises(KeyboardInterrupt):
            Trainer(config, tmp_path / "run").fit(
                dataset, resume=stop != STOPS[0], callbacks=[PressCtrlC(stop)]
            )
    Trainer(config, tmp_path / "run").fit(dataset, resume=True)
    stopped, straight = (
        arrays(tmp_path / name / "checkpoints" / "last.npz") for name in ("run", "straight")
    )
    assert stopped.keys() == straight.keys()
    for name, array in straight.items():
        np.testing.assert_array_equal(stopped[name], array)
