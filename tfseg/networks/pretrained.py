"""Pretrained encoders: finding their weights, and the pixel values they expect."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from tfseg import checks, config, run_files
from tfseg.config import ModelConfig
from tfseg.networks import weights
from tfseg.networks.encoder import encoder_layers

NONE, IMAGENET = "none", "imagenet"
CHANNELS = 3  # of the images of ImageNet

# Means and deviations of ImageNet, in [0, 1] and in [0, 255]. Source: `preprocess_input` of
# keras_applications, modes torch and caffe, which segmentation-models uses.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_BGR_MEAN = (103.939, 116.779, 123.68)
_FROM_MINUS_ONE = ("inceptionv3", "inceptionresnetv2", "mobilenet")
_RAW = ("resnet", "resnext", "seresnet18", "seresnet34")  # their first layer is a normalisation


@contextlib.contextmanager
def weights_found(where: str) -> Iterator[tuple[str | None, Callable[..., str]]]:
    """Yields the `encoder_weights` for segmentation-models, and the function that finds the file.

    Args:
        where: "none"; "imagenet": the files of the package, from Keras's cache or downloaded; or
            the path of such a file, or of a folder of them.

    Raises:
        InputError: a file is missing, cannot be fetched or fits another encoder. The message names
            the file and where to put it.
    """
    path = Path(where).expanduser()
    if where in (NONE, IMAGENET):
        folder = None if where == IMAGENET else path
    elif not path.exists():
        raise checks.InputError(
            f"model.encoder_weights must be none, imagenet, a file or a folder of files; "
            f"{where} does not exist."
        )
    else:
        folder = path if path.is_dir() else None
    value = {NONE: None, IMAGENET: IMAGENET}.get(where, IMAGENET if folder else str(path))
    try:
        yield value, functools.partial(_find_file, folder)
    except (OSError, ValueError) as error:
        if isinstance(error, checks.InputError) or value is None:
            raise
        reason = " ".join(str(error).split())[:200]
        raise checks.InputError(
            f"model.encoder_weights: the file from {where} does not fit the encoder "
            f"({reason}). Give the file of model.backbone, without its top."
        ) from error


def _find_file(folder: Path | None, name: str, origin: str, **options: object) -> str:
    """Returns the path of a file, from `folder` or from Keras's cache, where it may be downloaded.

    Keras would delete a file in its cache that has another checksum; this function keeps it.
    """
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    path = (folder or home / "models") / name
    if path.is_file():
        return str(path)
    reason = "it does not exist"
    if folder is None:
        try:
            return keras.utils.get_file(name, origin, **options)
        except Exception as error:  # the type that Keras raises without a network
            reason = f"it does not exist and cannot be fetched: {error}"
    raise checks.InputError(
        f"model.encoder_weights needs {path}: {reason}. Put the file there by hand, from {origin}"
    )


def checkpoint_of(where: str) -> str:
    """Returns the best checkpoint if `where` is the folder of a run, else `where`."""
    path = Path(where).expanduser()
    if not (path / run_files.CONFIG).is_file():
        return where
    return str(path / run_files.CHECKPOINTS / run_files.BEST)


def is_checkpoint(where: str) -> bool:
    """Checks by the file name whether encoder weights come from a run of tfseg."""
    return where.endswith(weights.SUFFIX)


def model_of(file: Path) -> ModelConfig:
    """Returns the configuration of the network of a checkpoint.

    Raises:
        InputError: no such file, or no configuration in its run.
    """
    if not file.is_file():
        raise checks.InputError(
            f"model.encoder_weights: there is no checkpoint {file}. Name the folder of a run, or "
            "a file in its folder checkpoints."
        )
    return config.read(file.parents[1] / run_files.CONFIG).model


def take_encoder(file: Path, source: keras.Model, model: keras.Model) -> None:
    """Copies the weights of an encoder from a checkpoint into `model`.

    The weights are the moving averages if the training kept them.

    Args:
        file: the checkpoint.
        source: a network built like the network of the checkpoint.
        model: has the same encoder; all its other layers keep their weights.

    Raises:
        InputError: the file is damaged or does not fit `source`, or its encoder has fewer layers.
    """
    arrays = weights.read(file)[2]
    shapes = [tuple(variable.shape) for variable in source.variables]
    if [array.shape for array in arrays[: len(shapes)]] != shapes:
        raise checks.InputError(
            f"model.encoder_weights: {file} does not fit the {run_files.CONFIG} of its run. "
            "Restore the original file of the run."
        )
    values = {
        id(variable): array for variable, array in zip(source.variables, arrays, strict=False)
    }
    given, wanted = encoder_layers(source), encoder_layers(model)
    wanted = {position: layer for position, layer in wanted.items() if layer.weights}
    lacking = [layer.name for position, layer in wanted.items() if position not in given]
    if lacking:
        raise checks.InputError(
            f"model.encoder_weights: the encoder in {file} has fewer layers, as in PSPNet; it "
            f"has no {checks.listed(lacking)}. Use a run of another architecture."
        )
    for position, layer in wanted.items():
        for variable, other in zip(layer.weights, given[position].weights, strict=True):
            variable.assign(values[id(other)])


def adapt_encoder(source: keras.Model, model: keras.Model) -> None:
    """Copies the weights of an encoder for RGB into one for any number C of channels.

    Every channel gets the mean of the three kernels of the first convolution, times 3 / C, so an
    image of C equal channels gives what the same grey image in RGB gave. A normalisation of the
    input gets the mean of its three values.

    Args:
        source: a network for 3 channels.
        model: the same network for C channels.
    """
    given = encoder_layers(source)
    for position, layer in encoder_layers(model).items():
        for variable, other in zip(layer.weights, given[position].weights, strict=True):
            values = np.asarray(other)
            for axis, size in enumerate(variable.shape):
                if values.shape[axis] != size:
                    scale = CHANNELS / size if values.ndim > 1 else 1.0
                    mean = values.mean(axis=axis, keepdims=True) * scale
                    values = np.repeat(mean, size, axis=axis)
            variable.assign(values)


def preprocessed(images: keras.KerasTensor, backbone: str) -> keras.KerasTensor:
    """Converts images `[B, H, W, C]` in [0, 1] to the values that a backbone was trained with.

    C = 3 is RGB; every channel of any other images is converted by the mean of the three numbers.
    """
    channels = images.shape[-1]
    if backbone.startswith(_RAW) and "seresnext" not in backbone:
        return keras.layers.Rescaling(255.0, name="preprocess")(images)
    if backbone.startswith(_FROM_MINUS_ONE):
        return keras.layers.Rescaling(2.0, offset=-1.0, name="preprocess")(images)
    if backbone.startswith("vgg"):
        offset = [-value for value in _of_channels(_BGR_MEAN, channels)]
        flipped = keras.ops.flip(images, axis=-1)
        return keras.layers.Rescaling(255.0, offset=offset, name="preprocess")(flipped)
    return standardized(images, _of_channels(_MEAN, channels), _of_channels(_STD, channels))


def _of_channels(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    is_rgb = channels == len(numbers)
    return numbers if is_rgb else (sum(numbers) / len(numbers),) * channels


def standardized(
    images: keras.KerasTensor, mean: tuple[float, ...], std: tuple[float, ...]
) -> keras.KerasTensor:
    """Returns (images - mean) / std, a number for each channel."""
    offset = [-m / s for m, s in zip(mean, std, strict=True)]
    return keras.layers.Rescaling([1.0 / s for s in std], offset=offset, name="preprocess")(images)
