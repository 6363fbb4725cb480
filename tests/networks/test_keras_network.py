"""Keras networks: what they must take and return, as text and back, and how far they look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from tfseg.checks import InputError
from tfseg.compat import inner_layers
from tfseg.config import ModelConfig
from tfseg.heads import head_of
from tfseg.networks import keras_json
from tfseg.networks.build import build_model
from tfseg.networks.context import context
from tfseg.networks.precision import dtype_policy

CONFIG = ModelConfig(channels=1)
same = {"padding": "same"}


def made(end: Callable[[Any], Any], *shape: int | None) -> keras.Model:
    """Returns a model of one layer, or of what a function does with its images."""
    images = keras.Input(shape or (None, None, 1))
    return keras.Model(images, end(images), name="mine")


def added(count: int) -> keras.Model:
    """Returns a model that adds so many images."""
    images = [keras.Input((None, None, 1)) for _ in range(count)]
    return keras.Model(images, layers.Add()(images), name="mine")


def maps(**channels: int) -> Callable[[Any], dict[str, Any]]:
    return lambda images: {
        name: layers.Conv2D(count, 1)(images) for name, count in channels.items()
    }


@keras.saving.register_keras_serializable("tests")
class Forgetful(layers.Layer):
    """Its configuration lacks its factor."""

    def __init__(self, factor: float = 1.0, **options: Any) -> None:
        super().__init__(**options)
        self.factor = factor

    def call(self, images: Any) -> Any:
        return images * self.factor

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@keras.saving.register_keras_serializable("tests")
class Normalized(layers.Layer):
    """A layer with batch normalisation in it."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.inner = layers.BatchNormalization()
        self.inner.build(shape)

    def call(self, images: Any, training: bool = False) -> Any:
        return self.inner(images, training=training)


class Unknown(layers.Layer):
    """Not registered."""

    def call(self, images: Any) -> Any:
        return images


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (lambda: 3, r"^network must be a keras.Model, or a function .* returns one; got int\.$"),
        (lambda: lambda _: None, r"must be a keras.Model, .*; got NoneType\.$"),
        (
            lambda: made(layers.Conv2D(4, 3, **same), None, None, 3),
            r"The network mine must take images \[B, H, W, 1\].*; it takes \(None, None, None, 3\)",
        ),
        (lambda: made(layers.Conv2D(4, 3, **same), 32, 32, 1), "must take images of any size, bec"),
        (lambda: added(2), r"mine must take one tensor of images; got 2 inputs\."),
        (lambda: made(lambda images: [images, images]), "one tensor, or a dict .*; got 2 outputs"),
        (
            lambda: made(layers.GlobalAveragePooling2D()),
            r"features \[B, H, W, channels\]; got the shape \[B, 1\]. Leave out its pooling and",
        ),
        (
            lambda: made(maps(foreground=1, center=1)),
            r"head center_offset, foreground \(1\), center \(1\), offset \(2\); it lacks offset, "
            r"and returns foreground \[B, 64, 64, 1\], center \[B, 64, 64, 1\]\. Or end it in",
        ),
        (
            lambda: made(maps(foreground=1, center=1, offset=2, depth=1)),
            "; it has depth, and returns foreground",
        ),
        (
            lambda: made(maps(foreground=1, center=1, offset=3)),
            r"output offset of the network mine must have the shape \[B, H, W, 2\] for the head "
            r"center_offset; got \[B, 64, 64, 3\]",
        ),
        (
            lambda: made(lambda x: maps(foreground=1, center=1)(x) | maps(offset=2)(x[:, ::2])),
            "All outputs of the network mine must have one resolution",
        ),
        (lambda: made(layers.Conv2D(4, 3)), r"divided by 1, .*; an image of 64 x 64 gives 62 x 62"),
        (lambda: made(layers.AveragePooling2D(64)), "64 x 64 gives 1 x 1"),
        (
            lambda: made(lambda x: layers.AveragePooling2D(64)(layers.AveragePooling2D(2)(x))),
            r"must take images of 64 x 64, and does not \(.*\)\. Use padding",
        ),
        (
            lambda: made(layers.Conv2D(4, 3, kernel_regularizer="l2", **same)),
            "must have no losses or regularizers .*; got 1. Use optimizer.weight_decay",
        ),
        (lambda: made(layers.Lambda(lambda images: -images)), "no Lambda of a Python lambda"),
        (
            lambda: made(Unknown()),
            r"has Unknown.*, a class that Keras does not know\. Decorate it by keras.saving.regist",
        ),
        (
            lambda: made(Forgetful(3.0)),
            "mine, made again from its configuration, computes other values. Return all argum",
        ),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_what_is_wanted(network, message):
    with pytest.raises(InputError, match=message):
        build_model(CONFIG, network())


@pytest.mark.parametrize("stride", [1, 2, 32])
def test_features_of_any_stride_become_maps_of_the_size_of_the_image(stride):
    model = build_model(CONFIG, lambda _: made(layers.Conv2D(3, 3, strides=stride, **same)))
    outputs = model(np.zeros((2, 70, 45, 1), np.float32))
    shapes = {name: tuple(values.shape) for name, values in outputs.items()}
    assert shapes == {name: (2, 70, 45, n) for name, n in head_of(CONFIG).outputs.items()}
    assert model.count_params() == (3 * 3 * 1 * 3 + 3) + (3 * 3 * 3 * 4 + 4)


def test_maps_by_name_are_those_of_the_network_in_any_order():
    network = made(maps(offset=2, foreground=1, center=1))
    image = np.random.default_rng(0).random((1, 33, 40, 1), np.float32)
    for name, values in build_model(CONFIG, network)(image).items():
        np.testing.assert_allclose(values, network(image)[name], atol=1e-6)
    with pytest.raises(InputError, match="model.dropout has no effect with a network that ends in"):
        build_model(ModelConfig(channels=1, dropout=0.2), network)


@pytest.mark.parametrize("inputs", [list, lambda tensors: {"image": tensors[0]}])
def test_the_images_may_be_in_a_list_or_a_dict(inputs):
    images = keras.Input((None, None, 1), name="image")
    model = build_model(CONFIG, keras.Model(inputs([images]), layers.Conv2D(2, 1)(images)))
    assert model.count_params() == 4 + (3 * 3 * 2 * 4 + 4)


def test_a_sequence_of_layers_that_was_never_called_is_a_network():
    model = build_model(CONFIG, lambda _: keras.Sequential([layers.Conv2D(2, 1)]))
    assert model(np.zeros((1, 96, 32, 1), np.float32))["center"].shape == (1, 96, 32, 1)


def test_the_text_does_not_depend_on_what_was_made_before():
    def nested() -> keras.Model:
        images = keras.Input((None, None, 1))
        inner = keras.Model(images, layers.ReLU()(layers.Conv2D(2, 1, name="conv2d_of")(images)))
        features = layers.Conv2D(3, 1)(layers.Conv2D(2, 1)(inner(images)))
        return keras.Model(images, layers.Conv2D(2, 1, activation="softmax")(features))

    first, second = nested(), nested()
    assert [layer.name for layer in first.layers] != [layer.name for layer in second.layers]
    text = keras_json.text_of(first)
    assert keras_json.text_of(second) == text
    again = keras_json.model_of(text)
    assert [layer.name for layer in again.layers[-3:]] == ["conv2d", "conv2d_1", "conv2d_2"]
    assert again.layers[1].layers[1].name == "conv2d_of"
    assert keras_json.text_of(again) == text


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"class_name": "Conv2D", "config": {}}'])
def test_a_text_that_is_no_model_is_refused(text):
    with pytest.raises(InputError, match="model.network "):
        keras_json.model_of(text)


def test_layers_follow_the_precision_but_those_made_for_float32():
    def network(_: ModelConfig) -> keras.Model:
        return made(lambda images: layers.Conv2D(2, 1, dtype="float32")(layers.ReLU()(images)))

    for precision in ("float32", "mixed_float16"):
        model = build_model(CONFIG, network, precision=precision).get_layer("network")
        relu, convolution = model.get_layer("mine").layers[1:]
        assert (relu.dtype_policy.name, convolution.dtype_policy.name) == (precision, "float32")
    with pytest.raises(InputError, match="devices.precision mixed_float16 has no effect on a netw"):
        build_model(CONFIG, network(CONFIG), precision="mixed_float16")
    with dtype_policy("mixed_bfloat16"):
        model = network(CONFIG)
    inner = build_model(CONFIG, model).get_layer("network").get_layer("mine")
    assert inner.layers[1].dtype_policy.name == "float32"


def test_the_seed_decides_on_the_weights_of_a_function():
    def network(_: ModelConfig) -> keras.Model:
        return made(lambda x: layers.Dropout(0.5)(layers.Conv2D(3, 3, **same)(x)))

    first, again, other = (build_model(CONFIG, network, seed=seed).variables for seed in (1, 1, 2))
    assert [variable.name for variable in first][2] == "seed_generator_state"
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(two))
    assert (np.asarray(first[0]) != np.asarray(other[0])).any()
    assert (np.asarray(first[2]) != np.asarray(other[2])).any()


def test_batch_normalisation_is_synchronised_at_any_depth():
    model = build_model(CONFIG, made(lambda images: made(Normalized())(images)))
    (inner,) = (layer for layer in inner_layers(model) if hasattr(layer, "synchronized"))
    assert inner.synchronized and inner.momentum == 0.9


def test_layers_that_are_not_trainable_stay_so():
    model = build_model(CONFIG, lambda _: made(layers.Conv2D(2, 1, trainable=False)))
    assert [variable.path.split("/")[-2] for variable in model.trainable_variables] == [
        *("center_offset", "center_offset")
    ]


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (lambda x: layers.Conv2D(8, 7, **same)(x), 3 + 1),  # the head's 3 x 3 after 7 x 7
        (lambda x: layers.Conv2D(8, 3, **same)(layers.Rescaling(2.0, offset=-1.0)(x)), 1 + 1),
        (lambda x: x * layers.GlobalAveragePooling2D(keepdims=True)(x), None),
    ],
)
def test_the_context_is_that_of_the_layers(end, expected):
    assert context(build_model(CONFIG, lambda _: made(end), seed=3)) == expected
