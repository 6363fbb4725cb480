"""How far a network looks: its receptive field, measured once, so that tiles overlap enough."""

from __future__ import annotations

import keras
import numpy as np

from tfseg.networks.keras_network import NAME
from tfseg.networks.layers import STRIDE, Cells

_LENGTHS = (512, 2048)  # pixels of the image in which it is measured
_LEAST = 1e-6  # share of the largest map that is a change
_WHOLE_IMAGE = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D, Cells)


def context(model: keras.Model) -> int | None:
    """Returns how many pixels beside a cut the network's maps depend on what lies beyond it.

    The cut is at a multiple of the stride, as those of tiles. It is measured along rows, which the
    networks treat like columns: with positive weights and without biases, an image of zeros with a
    single line gives maps that are positive where they depend on the line, and 0 elsewhere.

    The layers of a Keras network are unknown, so its context is measured with its weights: how far
    maps of noise change, by more than a millionth of the largest, if the noise beyond a cut does.

    Args:
        model: made by `build_model`.

    Returns:
        The number of pixels; None if it is more than 1,000, or if a layer sees the whole image, as
        in PSPNet and in all encoders with squeeze and excitation.
    """
    network = next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)
    if network.name == NAME:
        return _context_in_noise(model)
    if any(isinstance(layer, _WHOLE_IMAGE) for layer in network.layers):
        return None
    weights = [_positive(variable) for variable in network.trainable_variables]
    others = [_positive(variable) for variable in network.non_trainable_variables]
    for length in _LENGTHS:
        cut = length // 2
        images = np.zeros((2, STRIDE, length, network.inputs[0].shape[-1]), np.float32)
        images[0, :, cut] = images[1, :, cut - 1] = 1  # a line beyond the cut, one before it
        maps, _ = network.stateless_call(weights, others, images, training=False)
        beyond, before = np.any(maps.numpy() != 0, axis=(1, 3))
        reached = max(cut - np.argmax(beyond), length - np.argmax(before[::-1]) - cut)
        if reached < cut:
            return int(reached)
    return None


def _context_in_noise(model: keras.Model) -> int | None:
    rng = np.random.default_rng(0)
    for length in _LENGTHS:
        cut = length // 2
        shape = (2 * STRIDE, length, model.inputs[0].shape[-1])
        image, other = rng.random((2, *shape), np.float32)
        beyond, before = image.copy(), image.copy()
        beyond[:, cut:], before[:, :cut] = other[:, cut:], other[:, :cut]
        parts = model(np.stack([image, beyond, before]), training=False).values()
        maps = np.concatenate([part.numpy() for part in parts], axis=-1)
        changes = np.abs(maps[1:] - maps[0]).max(axis=(1, 3)) > _LEAST * np.abs(maps[0]).max()
        reached = max(cut - np.argmax(changes[0]), length - np.argmax(changes[1, ::-1]) - cut)
        if reached < cut:
            return int(reached)
    return None


def _positive(variable: keras.Variable) -> np.ndarray:
    """Returns the value of a variable for the measurement.

    From layer to layer a line either fades at the edges of its field or grows in the middle; with
    this scale of the kernels neither leaves the range of float32 in 150 layers.
    """
    shape = variable.shape
    if len(shape) == 4:
        height, width, channels, outputs = shape
        inputs = channels if outputs > 1 else 1  # of depthwise convolutions
        return np.full(shape, max(height, width) ** -0.5 / (height * inputs), np.float32)
    return np.full(shape, variable.name in ("gamma", "moving_variance"), np.float32)
