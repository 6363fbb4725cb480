"""What the page about tensorflow-addons shows gives the values recorded with tensorflow-addons."""

from __future__ import annotations

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

PAGE = (Path(__file__).parents[2] / "docs" / "from-tensorflow-addons.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"### (\w+)\n[^#]*?```python\n(.*?)```", PAGE, re.DOTALL))
# Recorded with tensorflow-addons 0.23 on TensorFlow 2.15: a case of each operation, and ten steps
# of each optimizer on given gradients.
RECORDED = np.load(Path(__file__).with_name("tfa_cases.npz"), allow_pickle=False)
NAMES = sorted({name.split("/")[0] for name in RECORDED.files})
OPTIMIZERS = ("AdamW", "LAMB")


def recorded(name: str) -> dict[str, np.ndarray]:
    prefix = f"{name}/"
    return {
        key.removeprefix(prefix): RECORDED[key] for key in RECORDED.files if key.startswith(prefix)
    }


def test_every_block_has_a_recorded_case():
    assert sorted(BLOCKS) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OPTIMIZERS])
def test_a_block_gives_what_was_recorded(name):
    names = recorded(name)
    exec(compile(BLOCKS[name], name, "exec"), names)
    expected = names["output"]
    scale = float(np.ptp(expected))
    assert scale > 0
    np.testing.assert_allclose(names["result"], expected, rtol=0, atol=1e-4 * scale)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_the_steps_that_were_recorded(name):
    names = recorded(name)
    exec(compile(BLOCKS[name], name, "exec"), names)
    optimizer = names["result"]
    variables = [keras.Variable(names[f"params_{letter}"][0], name=letter) for letter in "wb"]
    optimizer.build(variables)
    for step in range(len(names["gradients_w"])):
        optimizer.apply([tf.constant(names[f"gradients_{letter}"][step]) for letter in "wb"])
        for variable in variables:
            expected = names[f"params_{variable.name}"][step + 1]
            np.testing.assert_allclose(variable, expected, atol=1e-5)
