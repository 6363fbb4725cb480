"""How much memory a step needs, and the remedy if there is not enough."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator

import keras
import tensorflow as tf

from tfseg import checks, cuda, machine, tf_errors
from tfseg.config import RunConfig
from tfseg.networks.build import build_model

_COPIES = 4  # weights, gradients, and two moments of the optimizer
_WITHOUT_MEMORY = {"Identity", "ReadVariableOp", "Placeholder", "Const", "Reshape", "Shape"}


def estimate(model: keras.Model, *, batch_size: int, crop_size: int) -> int:
    """Estimates the bytes that a step needs on one device: features, weights and their copies.

    All features of the forward pass are kept for the backward pass. The compiler may need less, and
    the libraries of a GPU need some more.

    Args:
        model: the network.
        batch_size: of one device.
        crop_size: in pixels.
    """
    shape = [batch_size, crop_size, crop_size, model.inputs[0].shape[-1]]
    forward = tf.function(lambda images: model(images, training=True), autograph=False)
    graph = forward.get_concrete_function(tf.TensorSpec(shape)).graph
    outputs = [
        output
        for operation in graph.get_operations()
        if operation.type not in _WITHOUT_MEMORY
        for output in operation.outputs
        if output.dtype.is_floating and output.shape.is_fully_defined()
    ]
    features = sum(output.shape.num_elements() * output.dtype.size for output in outputs)
    return features + _COPIES * 4 * model.count_params()


def available(replicas: int) -> int:
    """Returns the bytes of memory that each of `replicas` devices has.

    That of the first GPU; without one, a share of what this process may use of the machine's.
    """
    driver = cuda.driver() if tf.config.list_physical_devices("GPU") else None
    if driver and driver.cards:
        return driver.cards[0].memory
    return machine.usable_memory() // replicas


def warn_of_too_little(estimated: int, available: int) -> None:
    """Warns if a step is expected to need more bytes than a device has."""
    if estimated > available:
        warnings.warn(
            f"A step needs about {estimated / 2**30:.2g} GiB on a device, and "
            f"{available / 2**30:.2g} GiB are there: the system may end this process. Use a "
            "smaller train.batch_size with train.accumulate, or a smaller data.crop_size.",
            stacklevel=3,
        )


@contextlib.contextmanager
def explain_out_of_memory(config: RunConfig, strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Replaces TensorFlow's error for too little memory by an error with cause and remedy.

    Args:
        config: of the run.
        strategy: its devices. A new one cannot be made in a training with several processes, which
            connect before TensorFlow runs its first operation.

    Raises:
        InputError: memory ran out.
    """
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        replicas = strategy.num_replicas_in_sync
        raise checks.InputError(_message(config, replicas, error)) from error


def _message(config: RunConfig, replicas: int, error: tf.errors.ResourceExhaustedError) -> str:
    train, crop = config.train, config.data.crop_size
    size = train.batch_size // replicas
    with tf.device("CPU:0"):
        model_config = dataclasses.replace(config.model, channels=config.model.channels or 3)
        model = build_model(model_config, precision=config.devices.precision)
    need = estimate(model, batch_size=size, crop_size=crop) / 2**30
    remedy = "Use a smaller data.crop_size or model"
    if size > 1:
        remedy = (
            f"Use train.batch_size {max(1, size // 2) * replicas} and train.accumulate "
            f"{2 * train.accumulate}, or a smaller data.crop_size or model"
        )
    return (
        f"Out of memory: {size} crops of {crop} x {crop} on a device need about {need:.2g} GiB "
        f"(train.batch_size is {train.batch_size}, on {replicas} devices). {remedy}. "
        f"TensorFlow's error: {tf_errors.out_of_memory(str(error))[:200]}"
    )
