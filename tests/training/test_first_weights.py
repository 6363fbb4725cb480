"""train.init: the weights of another run, those of the maps and classes by their names."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from runs import CONFIG

from tfseg import config as configs
from tfseg.config import ModelConfig
from tfseg.networks.build import build_model
from tfseg.run_files import BEST, CHECKPOINTS
from tfseg.training import checkpoint
from tfseg.training.first_weights import load_first_weights

IMAGES = np.random.default_rng(0).uniform(size=(1, 64, 64, 1)).astype(np.float32)
MODEL = ModelConfig(channels=1, filters=(8, 16), class_names=("a", "b", "c"))


def outputs(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: np.asarray(maps) for name, maps in model(IMAGES, training=False).items()}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """A run with the classes a, b and c, and the maps of its network."""
    run, model = tmp_path_factory.mktemp("runs") / "run", build_model(MODEL, seed=1)
    for variable in model.trainable_variables:
        if variable.path.endswith("bias"):
            variable.assign(np.arange(variable.shape[0]))
    checkpoint.save(run / CHECKPOINTS / BEST, model.variables, step=1, loss=1.0)
    configs.write(dataclasses.replace(CONFIG, model=MODEL), run / "config.yaml")
    return run, outputs(model)


def initialized(run: Path, **options: object) -> keras.Model:
    """Returns a network with other options and with the weights of the run."""
    config = dataclasses.replace(MODEL, **options)
    model = build_model(config, seed=2)
    load_first_weights(str(run), model, config)
    return model


def test_classes_in_another_order_keep_their_weights(source):
    run, expected = source
    maps = outputs(initialized(run, class_names=("c", "a", "b")))
    np.testing.assert_array_equal(maps["class"], expected["class"][..., [2, 0, 1]])
    for name in ("foreground", "center", "offset"):
        np.testing.assert_array_equal(maps[name], expected[name])


def test_a_renamed_class_and_a_new_one_start_from_scratch_and_are_said(source):
    run, expected = source
    message = r"Maps of center_offset that .*config.yaml does not have start from scratch: class x,"
    with pytest.warns(UserWarning, match=message + r" class y\.$"):
        model = initialized(run, class_names=("b", "x", "a", "y"))
    maps = outputs(model)["class"]
    np.testing.assert_array_equal(maps[..., [0, 2]], expected["class"][..., [1, 0]])
    fresh = build_model(dataclasses.replace(MODEL, class_names=("b", "x", "a", "y")), seed=2)
    kernel, start = (
        m.get_layer("compact").get_layer("center_offset").kernel for m in (model, fresh)
    )
    num_maps = 1 + 1 + 2 + 4  # 5: class x
    np.testing.assert_array_equal(kernel[..., 5::num_maps], start[..., 5::num_maps])


def test_another_head_takes_the_maps_of_the_same_name(source):
    run, expected = source
    message = r"Maps of boundary .* from scratch: classes 1, classes 2, classes 3\.$"
    with pytest.warns(UserWarning, match=message):
        maps = outputs(initialized(run, head="boundary"))
    # The last bits of a sum depend on how the maps of all outputs are divided among threads.
    np.testing.assert_allclose(maps["class"], expected["class"], rtol=1e-6)
    with pytest.warns(UserWarning, match="start from scratch: boundary/kernel, boundary/bias."):
        initialized(run, head="boundary", class_names=())


def test_one_class_takes_all_but_the_classes_without_a_word(source):
    run, expected = source
    maps = outputs(initialized(run, class_names=("cell",)))
    np.testing.assert_array_equal(maps["offset"], expected["offset"])


def test_every_variable_that_does_not_fit_is_named_by_its_layer(source):
    run, _ = source
    with pytest.warns(UserWarning) as caught:
        model = initialized(run, filters=(8, 24))
    (message,) = {str(warning.message) for warning in caught}
    names = [v.path for v in model.variables if {24, 32} & set(v.shape)]
    assert len(names) > 4
    assert message == (
        f"Weights with another shape than in {run / CHECKPOINTS / BEST} start from scratch: "
        f"{', '.join(names)}."
    )


def test_a_checkpoint_without_its_run_is_taken_by_the_order_of_its_maps(source, tmp_path):
    run, expected = source
    file = tmp_path / "alone" / "best.npz"
    file.parent.mkdir()
    file.write_bytes((run / CHECKPOINTS / BEST).read_bytes())
    with pytest.warns(UserWarning, match="best.npz has no configuration beside it .* in the order"):
        maps = outputs(initialized(file))
    np.testing.assert_array_equal(maps["class"], expected["class"])
