"""Private names of other packages: each is used for what it says, and its absence is an error."""

from __future__ import annotations

import contextlib
import importlib.metadata
import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.ops import op_selector

from tfseg import compat
from tfseg.checks import InputError
from tfseg.networks.backbones import patched_backbones, segmentation_models
from tfseg.training.muon import Muon
from tfseg.training.statistics import exchanged_once
from tfseg.training.strategy import make_strategy


@pytest.fixture(autouse=True, scope="module")
def package() -> Any:
    """segmentation-models, imported for Keras 3 before its modules are looked up."""
    return segmentation_models()


def patched() -> contextlib.AbstractContextManager[None]:
    return patched_backbones(keras.utils.get_file)


def muon_class() -> contextlib.AbstractContextManager[None]:
    names = compat.USES_ADAMW, compat.ORTHOGONALIZE, compat.ADJUST_RATE
    return contextlib.nullcontext(compat.overrides(*names)(Muon))


def registered() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext(compat.register_functions())


def graph() -> tf.Graph:
    """A graph of a function that adds 1."""
    function = tf.function(lambda x: x + 1.0).get_concrete_function(tf.TensorSpec([2]))
    return compat.graph_of(function.function_def, None)


def inner() -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext(compat.inner_layers(keras.Sequential()))


USES: dict[compat.PrivateName, Callable[[], contextlib.AbstractContextManager[None]]] = {
    compat.SUM_GRADIENTS: lambda: compat.gradients_are_sums(keras.optimizers.SGD(0.1)),
    compat.DEPENDENT_VARIABLES: compat.skip_variable_search,
    compat.MOMENTS: lambda: exchanged_once(make_strategy(("CPU:0", "CPU:1"))),
    **dict.fromkeys([compat.USES_ADAMW, compat.ORTHOGONALIZE, compat.ADJUST_RATE], muon_class),
    compat.BUILDERS: patched,
    compat.SWISH: patched,
    compat.DROPOUT: patched,
    compat.INPUT_SHAPE: patched,
    compat.SPATIAL_CONTEXT: patched,
    compat.CONVOLUTION: patched,
    **dict.fromkeys([compat.SLICE, compat.EXPAND], registered),
    compat.KERNELS: lambda: contextlib.nullcontext(compat.kernels_of("AddV2")),
    compat.FUNCTION_GRAPH: lambda: contextlib.nullcontext(graph()),
    compat.INNER_LAYERS: inner,
}
CHANGED = set(compat.NAMES) - {
    *(compat.USES_ADAMW, compat.ORTHOGONALIZE, compat.ADJUST_RATE),
    *(compat.CONVOLUTION, compat.SLICE, compat.EXPAND, compat.SUM_GRADIENTS),
    *(compat.KERNELS, compat.FUNCTION_GRAPH),
    compat.INNER_LAYERS,
}


def test_every_name_is_used():
    assert set(USES) == set(compat.NAMES)


@pytest.mark.parametrize("name", compat.NAMES, ids=lambda name: name.path)
def test_the_name_exists_and_is_left_as_it_was(name):
    before = name.value()
    assert callable(before) or isinstance(before, dict)
    with USES[name]():
        assert (name.value() is not before) == (name in CHANGED)
    assert name.value() is before


@pytest.mark.parametrize("name", compat.NAMES, ids=lambda name: name.path)
def test_a_name_that_is_gone_is_an_error_with_package_version_and_name(name, monkeypatch):
    attribute = name.path.rpartition(".")[2]
    owner = name.owner()
    for holder in getattr(owner, "__mro__", (owner, *type(owner).__mro__)):
        if attribute in vars(holder):
            monkeypatch.delattr(holder, attribute)
    version = importlib.metadata.version(name.package)
    message = f"^{name.package} {version}: there is no .*{name.path}; tfseg needs"
    with pytest.raises(InputError, match=message), USES[name]():
        pass


def test_gradients_that_are_sums_are_not_summed_again():
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=tf.distribute.HierarchicalCopyAllReduce()
    )
    with strategy.scope():
        variable = keras.Variable(np.zeros(1, np.float32))
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build([variable])

    def change() -> float:
        before = float(variable.numpy()[0])
        update = lambda: optimizer.apply_gradients([(tf.ones(1), variable)])  # noqa: E731
        tf.function(lambda: strategy.run(update), autograph=False)()
        return before - float(variable.numpy()[0])

    with compat.gradients_are_sums(optimizer):
        assert change() == 1.0
    assert change() == 2.0


def test_no_graph_is_searched_for_variables(monkeypatch):
    def search(*_: object, **__: object) -> None:
        raise AssertionError("searched")

    @tf.custom_gradient
    def identity(x: tf.Tensor) -> tuple:
        return x + 0.0, lambda upstream: upstream

    def trace() -> None:
        tf.function(lambda: identity(tf.ones(1)), autograph=False).get_concrete_function()

    monkeypatch.setattr(op_selector, "get_backward_walk_ops", search)
    with pytest.raises(AssertionError, match="searched"):
        trace()
    with compat.skip_variable_search():
        trace()


def test_muon_calls_the_methods_that_are_overridden():
    called = []

    class Recording(Muon):
        def _should_use_adamw(self, variable: keras.Variable) -> bool:
            called.append("_should_use_adamw")
            return super()._should_use_adamw(variable)

        def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
            called.append("zeropower_via_newtonschulz5")
            return super().zeropower_via_newtonschulz5(x, steps)

        def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
            called.append("lr_adjust")
            return super().lr_adjust(x)

    kernel = keras.Variable(np.ones((3, 3, 2, 4), np.float32), name="kernel")
    Recording(0.1).apply([tf.ones((3, 3, 2, 4))], [kernel])
    assert set(called) == {"_should_use_adamw", "zeropower_via_newtonschulz5", "lr_adjust"}


def test_encoders_are_built_of_layers_whose_names_keras_accepts(package):
    with pytest.raises(ValueError, match="cannot contain character `/`"):
        package.Unet("densenet121", encoder_weights=None)
    with patched():
        model = package.Linknet("densenet121", encoder_weights=None)
    assert model.get_layer("conv1_conv") is not None


def test_efficientnets_are_saved_and_loaded(package, tmp_path):
    with patched():
        model = package.Linknet("efficientnetb0", encoder_weights=None)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    kinds = {type(layer) for layer in loaded.layers if "drop" in layer.name}
    assert kinds == {keras.layers.Dropout}


def test_pspnet_takes_any_size(package):
    options = {"input_shape": (None, None, 3), "encoder_weights": None}
    with pytest.raises(TypeError):
        package.PSPNet("mobilenet", **options)
    with patched():
        model = package.PSPNet("mobilenet", **options)
    for size in ((64, 96), (80, 64)):
        assert model(tf.zeros((1, *size, 3))).shape[1:3] == size


def test_the_functions_of_lambda_layers_are_loaded_by_name():
    with patched():
        functions = [name.value() for name in (compat.SLICE, compat.EXPAND)]
    for function in functions:
        registered = keras.saving.get_registered_name(function)
        assert keras.saving.get_registered_object(registered) is function


def test_the_seeds_of_initializers_are_drawn_from_the_seed_and_the_generator_is_restored():
    random.seed(5)
    expected = random.Random(5).random()

    def drawn(seed: int) -> np.ndarray:
        with compat.seeded_initializers(seed):
            return np.asarray(keras.initializers.GlorotUniform()((4, 4)))

    np.testing.assert_array_equal(drawn(3), drawn(3))
    assert (drawn(3) != drawn(4)).any()
    assert random.random() == expected


def test_initializers_that_draw_from_elsewhere_are_an_error(monkeypatch):
    monkeypatch.setattr(keras.initializers, "GlorotUniform", lambda: None)
    message = "do not draw their seeds from Python's generator"
    with pytest.raises(InputError, match=message), compat.seeded_initializers(3):
        pass


def test_normalisation_that_is_set_later_is_that_of_a_layer_made_so():
    images = tf.random.stateless_normal((2, 4, 4, 3), (1, 2))
    options = {"momentum": 0.9, "synchronized": True}
    made, changed = keras.layers.BatchNormalization(**options), keras.layers.BatchNormalization()
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, changed(inputs))
    compat.set_normalization(model, momentum=0.9)
    np.testing.assert_array_equal(made(images, training=True), model(images, training=True))
    for one, other in zip(made.weights, changed.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert changed.get_config() | {"name": ""} == made.get_config() | {"name": ""}


def test_normalisation_without_the_attributes_is_an_error(monkeypatch):
    inputs = keras.Input((4, 4, 3))
    layer = keras.layers.BatchNormalization()
    model = keras.Model(inputs, layer(inputs))
    del layer.synchronized
    with pytest.raises(InputError, match="BatchNormalization.synchronized cannot be set"):
        compat.set_normalization(model, momentum=0.9)
