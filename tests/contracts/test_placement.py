"""What a GPU would compute, and what would be copied to the host: read from the graphs alone."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import keras
import pytest
import tensorflow as tf

import tfseg
from tfseg import augment, placement, random
from tfseg.augment.chain import Chain
from tfseg.augment.layer import Augmentation
from tfseg.augment.spec import TRANSFORMS
from tfseg.config import (
    ARCHITECTURES,
    HEADS,
    KERAS,
    PRECISIONS,
    DataConfig,
    DeviceConfig,
    ModelConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.heads import CenterOffset
from tfseg.networks.build import build_model
from tfseg.training.session import Session
from tfseg.training.step import make_validation_step

MANY = 1024  # elements; smaller tensors are shapes, seeds and counts
SIDE = 64
DEVICE = "CPU:1"  # stands for a GPU: CPU:0 is the host


def held(function: Any) -> list[str]:
    """Returns the operations with large tensors that a GPU does not hold, with their place."""
    nodes = placement.held_by_host(function, at_least=MANY)
    return [f"{node.operation} {node.device}" for node in nodes]


def moved(function: Any) -> list[tuple[int, ...]]:
    """Returns the shapes of the large tensors that go from a GPU to the host."""
    return sorted(
        tuple(tensor.shape) for tensor in placement.moved_to_host(function, at_least=MANY)
    )


def traced(compute: Any, *specs: tf.TensorSpec) -> Any:
    return tf.function(compute, autograph=False).get_concrete_function(*specs)


def ids(*shape: int, dtype: tf.DType = tf.int32) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype)


def configured(head: str, device: str = DEVICE, **options: Any) -> RunConfig:
    return RunConfig(
        data=DataConfig(crop_size=SIDE),
        augment=(),
        model=ModelConfig(filters=(4, 8), head=head),
        train=TrainConfig(batch_size=2),
        devices=DeviceConfig(names=(device,), **options),
    )


def session(
    dataset: tfseg.Dataset, head: str = "center_offset", device: str = DEVICE, **options: Any
) -> Session:
    return Session(configured(head, device, **options), dataset)


def training_step(session: Session) -> Any:
    batch = next(session.training_input(first_step=0))
    return session.train_step.compiled.get_concrete_function(batch)


def segmenter(head: str = "center_offset", **options: Any) -> tfseg.Segmenter:
    config = ModelConfig(channels=1, filters=(4, 8), head=head)
    return tfseg.Segmenter(build_model(config), config, **options)


def lowered(function: Any, *arguments: Any) -> str:
    """Returns the program that XLA makes of a function for a GPU, which need not be there.

    An operation that XLA cannot compile for GPUs is a ValueError, and so is a size that it must
    know and does not. The function must not read variables.
    """
    flat = tf.nest.flatten(arguments)
    # Shapes and types, because XLA would take values for constants; it wants them in no structure.
    call = tf.function(
        lambda *tensors: function(*tf.nest.pack_sequence_as(arguments, tensors)),
        jit_compile=True,
        autograph=False,
    )
    make = call.experimental_get_compiler_ir(*map(tf.TensorSpec.from_tensor, flat))
    return make(stage="hlo", platform_name="GPU")


def compiled(function: Any, *arguments: Any, stage: str = "optimized_hlo") -> str:
    """Returns the program of a function for the CPU; down to machine code if it is optimized."""
    return function.experimental_get_compiler_ir(*arguments)(stage=stage)


def dynamic(program: str) -> list[str]:
    """Returns the shapes in a program that have only a bound, such as f32[<=4096]."""
    return re.findall(r"\w+\[[^\]]*<=[^\]]*\]", program)


def maps_of(head: str, images: int = 1) -> list[tuple[int, ...]]:
    channels = tfseg.make_head(head).outputs.values()
    return sorted((images, SIDE, SIDE, count) for count in channels)


def test_an_operation_is_where_its_kernel_is():
    size, zeros = 2048, tf.zeros(2048, tf.int64)
    cases = [
        (lambda x: x + 1.0, tf.float32, []),
        (lambda x: x + 1, tf.int64, []),
        (lambda x: x + 1, tf.int32, ["AddV2 host memory"]),
        (lambda x: tf.gather(x, [1, 0]), tf.int32, []),
        (lambda x: tf.gather(x, [1, 0]), tf.uint8, ["GatherV2 CPU only"]),
        (lambda x: tf.math.unsorted_segment_min(x, zeros, 1), tf.int32, []),
        (
            lambda x: tf.math.unsorted_segment_min(x, zeros, 1),
            tf.int64,
            ["UnsortedSegmentMin CPU only"],
        ),
    ]
    for compute, dtype, expected in cases:
        assert held(traced(compute, ids(size, dtype=dtype))) == expected


def test_small_tensors_are_not_counted_and_unknown_shapes_are():
    assert held(traced(lambda x: x + 1, ids(MANY - 1))) == []
    assert held(traced(lambda x: x + 1, ids(MANY))) == ["AddV2 host memory"]
    unknown = tf.TensorSpec([None], tf.int32)
    assert held(traced(lambda x: x + 1, unknown)) == ["AddV2 host memory"]


def test_functions_that_are_called_are_looked_into():
    def loop(values: tf.Tensor) -> tf.Tensor:
        return tf.while_loop(lambda x: tf.reduce_max(x) < 9, lambda x: [x + 1], [values])[0]

    def branch(values: tf.Tensor) -> tf.Tensor:
        return tf.cond(values[0] > 0, lambda: values * 2, lambda: values)

    def call(values: tf.Tensor) -> tf.Tensor:
        return tf.function(lambda x: x - 1)(values)

    assert "AddV2 host memory" in held(traced(loop, ids(4096)))
    assert "Mul host memory" in held(traced(branch, ids(4096)))
    assert "Sub host memory" in held(traced(call, ids(4096)))


def test_what_is_assigned_to_the_host_is_moved_there_once():
    def on_host(values: tf.Tensor) -> tf.Tensor:
        doubled = values * 2.0
        with placement.host():
            return tf.while_loop(
                lambda x: tf.reduce_max(x) < 9,
                lambda x: [x + 1],
                [tf.cast(doubled, tf.int32) + tf.cast(doubled * doubled, tf.int32)],
            )[0]

    function = traced(on_host, ids(4096, dtype=tf.float32))
    assert held(function) == []
    assert moved(function) == [(4096,)]


def test_xla_has_a_kernel_or_not():
    compiled = tf.function(lambda x: x + 1, jit_compile=True, autograph=False)
    assert held(traced(compiled, ids(4096))) == []
    unique = tf.function(lambda x: tf.strings.as_string(x), jit_compile=True, autograph=False)
    assert held(traced(unique, ids(4096))) == ["AsString CPU only"]


def test_what_xla_cannot_compile_for_a_gpu_is_seen():
    values = tf.zeros([4096])
    cases = [
        (lambda x: tf.strings.length(tf.strings.as_string(x)), "XLA_GPU_JIT: .*String"),
        (lambda x: tf.fill([tf.cast(x[0], tf.int32)], 1.0), "must be a compile-time constant"),
    ]
    for compute, message in cases:
        with pytest.raises(ValueError, match=message):
            lowered(tf.function(compute, jit_compile=True, autograph=False), values)
    choose = tf.function(lambda x: x[x > 0] * 2.0, jit_compile=True, autograph=False)
    assert "f32[<=4096]" in dynamic(lowered(choose, values))
    assert dynamic(compiled(choose, values))


def gradients_program(
    dataset: tfseg.Dataset, head: str, precision: str, *, stage: str
) -> tuple[Any, str]:
    """Returns the graph of forward and backward pass that XLA compiles, and its program."""
    made = session(dataset, head, device="CPU:0", precision=precision, jit_compile=True)
    function, scale = made.train_step._batch_gradients, made.train_step.loss_scale
    arguments = (*next(made.training_input()), scale.value() if scale else None)
    return traced(function, *arguments), compiled(function, *arguments, stage=stage)


def test_forward_and_backward_pass_are_compiled_with_known_sizes(dataset):
    graph, program = gradients_program(dataset, "center_offset", "float32", stage="hlo")
    assert (held(graph), dynamic(program)) == ([], [])
    assert "convolution" in program


@pytest.mark.exhaustive
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("head", HEADS)
def test_forward_and_backward_pass_of_any_head_and_precision_are_compiled(dataset, head, precision):
    graph, program = gradients_program(dataset, head, precision, stage="optimized_hlo")
    assert (held(graph), dynamic(program)) == ([], [])


def forward_programs(config: ModelConfig) -> tuple[str, str]:
    """Returns the programs of a network that predicts, for a GPU and for the CPU."""
    model = build_model(config, pretrained=False)
    # The weights are arguments, as `lowered` needs them.
    groups = (model.trainable_variables, model.non_trainable_variables)
    weights = [[tf.convert_to_tensor(one) for one in group] for group in groups]
    call = tf.function(
        lambda learned, other, images: model.stateless_call(learned, other, images)[0],
        jit_compile=True,
        autograph=False,
    )
    arguments = (*weights, tf.zeros([1, SIDE, SIDE, config.channels]))
    return lowered(call, *arguments), compiled(call, *arguments)


def test_the_network_of_a_prediction_is_compiled_for_a_gpu_with_known_sizes():
    for program in forward_programs(ModelConfig(channels=1, filters=(4, 8))):
        assert "convolution" in program
        assert dynamic(program) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != KERAS])
def test_any_network_of_a_prediction_is_compiled_for_a_gpu(architecture):
    for program in forward_programs(ModelConfig(channels=1, architecture=architecture)):
        assert dynamic(program) == []


@pytest.mark.parametrize(
    ("head", "precision"),
    [
        *(
            ("center_offset", "float32"),
            ("boundary", "float32"),
            ("center_offset", "mixed_float16"),
        ),
    ],
)
def test_a_training_step_stays_on_the_gpu(dataset, head, precision):
    function = training_step(session(dataset, head, precision=precision))
    assert held(function) == []
    assert moved(function) == []


AUGMENTED = ({"name": "ShiftScaleRotate"}, {"name": "GaussNoise"}, {"name": "CopyPaste"})


def augmented_step(dataset: tfseg.Dataset, head: str, **data: float) -> Any:
    """Returns a training step that begins with the augmentation on the device."""
    config = dataclasses.replace(
        configured(head),
        augment=AUGMENTED,
        data=DataConfig(crop_size=SIDE, **data),
        train=TrainConfig(batch_size=2, augment_on="device"),
    )
    return training_step(Session(config, dataset))


def test_a_training_step_that_augments_stays_on_the_gpu(dataset):
    function = augmented_step(dataset, "center_offset", min_visibility=0.5)
    assert held(function) == []
    assert moved(function) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("head", HEADS)
def test_a_training_step_that_augments_stays_on_the_gpu_for_each_head(dataset, head):
    function = augmented_step(dataset, head)
    assert held(function) == []
    assert moved(function) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("head", HEADS)
def test_a_training_step_stays_on_the_gpu_in_any_precision(dataset, head, precision):
    function = training_step(session(dataset, head, precision=precision))
    assert held(function) == []


def test_a_loss_with_ids_on_the_host_is_seen(dataset, monkeypatch):
    class Ids(keras.losses.Loss):
        def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
            parts = tf.cast(y_true * 2, tf.int32) + 1  # an int32 map of the size of the batch
            return tf.reduce_mean(tf.cast(parts, tf.float32) * y_pred, axis=(1, 2, 3))

    losses = CenterOffset.losses
    monkeypatch.setattr(CenterOffset, "losses", lambda self: losses(self) | {"center": Ids()})
    assert "AddV2 host memory" in held(training_step(session(dataset)))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(head, marks=[pytest.mark.exhaustive] * (head != "center_offset"))
        for head in HEADS
    ],
)
def test_a_validation_moves_the_maps_to_the_host_and_nothing_else(dataset, head):
    validated = session(dataset, head)
    batch = next(validated.validation_input())
    validation = make_validation_step(validated.strategy, validated.model, validated.head)
    function = validation.get_concrete_function(batch)
    assert held(function) == []
    assert moved(function) == maps_of(head, images=2)


@pytest.mark.parametrize("head", HEADS)
def test_a_prediction_moves_the_maps_to_the_host_and_nothing_else(head):
    spec = ids(1, SIDE, SIDE, 1, dtype=tf.uint8)
    network = segmenter(head)  # TensorFlow keeps only a weak reference to it
    function = network.serve.get_concrete_function(spec)
    assert held(function) == []
    assert moved(function) == maps_of(head)


def test_averages_of_turned_images_are_on_the_gpu():
    spec = ids(1, SIDE, SIDE, 1, dtype=tf.uint16)
    network = segmenter(tta=True)
    function = network.serve.get_concrete_function(spec)
    assert held(function) == []
    assert moved(function) == maps_of("center_offset")


def test_the_maps_of_a_tile_are_computed_on_the_gpu_and_decoded_on_the_host():
    tiled = segmenter()
    maps = tiled._tile_maps.get_concrete_function(
        ids(SIDE, SIDE, 1, dtype=tf.float32), ids(2, dtype=tf.float32)
    )
    assert (held(maps), moved(maps)) == ([], [])
    decode = tiled._decode.get_concrete_function(ids(SIDE, SIDE, 4, dtype=tf.float32))
    assert held(decode) == []


def test_an_exported_network_decodes_on_the_host(tmp_path):
    folder = tfseg.export(segmenter(), tmp_path / "model")
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    decoding = [node for node in placement.nodes(signature) if "Segment" in node.operation]
    assert decoding
    assert {node.device for node in decoding} == {placement.ASSIGNED}
    moved_maps = placement.moved_to_host(signature, at_least=MANY)
    assert sorted(tensor.shape[-1] for tensor in moved_maps) == [1, 1, 2]


KINDS = [kind for kind in TRANSFORMS.values() if not kind.__module__.endswith(("sizes", "compose"))]


def test_all_transforms_are_compiled_for_a_gpu():
    chosen = tuple(kind(p=1.0) for kind in KINDS)
    layer = Augmentation([augment.SomeOf(transforms=chosen, n=(2, 2))], seed=0)
    function = traced(
        lambda image, label: layer({"image": image, "label": label}, training=True),
        *(ids(2, SIDE, SIDE, 3, dtype=tf.float32), ids(2, SIDE, SIDE)),
    )
    assert held(function) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_transform_becomes_a_program_for_a_gpu_with_known_sizes(kind):
    chain = Chain([kind(p=0.5)])
    example = {"image": tf.zeros([SIDE, SIDE, 3]), "label": tf.zeros([SIDE, SIDE], tf.int32)}
    program = lowered(chain._compiled, example, chain.sample(random.root(0)))
    assert dynamic(program) == []
