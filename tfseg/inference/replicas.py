"""Copies of a network on the devices of a machine, or on other machines, for use by threads."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import queue
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfseg import checks
from tfseg.config import ModelConfig
from tfseg.data.files.paths import DataPath, local_copy, publishing
from tfseg.inference.instances import Instances
from tfseg.inference.segmenter import Segmenter
from tfseg.large_arrays import Windows
from tfseg.networks import weights
from tfseg.networks.build import build_model

WEIGHTS = "network.npz"
_LOADING = threading.Lock()  # the threads of a worker ask for its network at the same time


class Prediction(NamedTuple):
    """The result of one image.

    Attributes:
        instances: of the image.
        doubt: what `Segmenter.predict_with_doubt` says of the image.
        is_approximate: it was predicted in tiles by a network that sees the whole image.
        is_resampled: it was brought to the pixel size of the network.
    """

    instances: Instances
    doubt: str
    is_approximate: bool
    is_resampled: bool


class Replicas:
    """The same network on several devices. A thread takes a free one, and waits if there is none.

    Args:
        networks: a copy for each device.
        devices: their names, such as GPU:0; "" for the one that TensorFlow chooses.
    """

    def __init__(self, networks: Sequence[Segmenter], devices: Sequence[str] = ("",)) -> None:
        self._free: queue.SimpleQueue[tuple[str, Segmenter]] = queue.SimpleQueue()
        for entry in zip(devices, networks, strict=True):
            self._free.put(entry)
        self.num_devices = len(devices)
        self.pixel_size = networks[0].pixel_size

    @classmethod
    def of(cls, segmenter: Segmenter, devices: Sequence[str] = ()) -> Replicas:
        """Copies a network to `devices`, or to all visible GPUs; with one device it is not copied.

        Raises:
            InputError: there is no such device, or `build_model` does not make such a network.
        """
        known = {
            device.name.removeprefix("/device:"): device
            for kind in ("CPU", "GPU")
            for device in tf.config.list_logical_devices(kind)
        }
        for device in devices:
            checks.one_of("devices", device, list(known))
        devices = list(devices) or [name for name in known if name.startswith("GPU")]
        if len(devices) < 2:
            return cls([segmenter])
        recipe, values = Recipe.of(segmenter), [weight.numpy() for weight in segmenter.weights]
        copies = []
        for device in devices:
            with tf.device(device):
                copies.append(recipe.made(values))
        return cls(copies, devices)

    def predict(
        self,
        image: np.ndarray | Windows,
        *,
        pixel_size: float | None = None,
        folder: Path | None = None,
    ) -> Prediction:
        """Predicts an image `[H, W, C]` as `Segmenter.predict_with_doubt` does."""
        device, network = self._free.get()
        try:
            before = network.num_approximate
            with tf.device(device) if device else contextlib.nullcontext():
                instances, doubt = network.predict_with_doubt(
                    image, pixel_size=pixel_size, folder=folder
                )
            is_approximate = network.num_approximate > before
            return Prediction(instances, doubt, is_approximate, network.factor(pixel_size) != 1)
        finally:
            self._free.put((device, network))


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What makes a `Segmenter` again, with its weights; two are equal if their results are.

    Attributes:
        digest: of the segmenter.
        model_config: of the segmenter.
        tile: of the segmenter.
        tta: of the segmenter.
        pixel_size: of the segmenter.
        types: in which its layers compute.
    """

    digest: str
    model_config: ModelConfig = dataclasses.field(compare=False)
    tile: int | None = dataclasses.field(compare=False)
    tta: bool = dataclasses.field(compare=False)
    pixel_size: float = dataclasses.field(compare=False)
    types: tuple[str, ...] = dataclasses.field(compare=False)

    @classmethod
    def of(cls, segmenter: Segmenter) -> Recipe:
        """Describes a segmenter."""
        return cls(
            segmenter.digest(),
            segmenter.model_config,
            segmenter.tile,
            segmenter.tta,
            segmenter.pixel_size,
            _types(segmenter),
        )

    def made(self, values: Sequence[np.ndarray]) -> Segmenter:
        """Returns a segmenter with these weights, on the current device.

        Raises:
            InputError: it has other layers, weights or types than the one that was described.
        """
        model = build_model(self.model_config, pretrained=False)
        if [tuple(variable.shape) for variable in model.variables] == [v.shape for v in values]:
            weights.assign(model.variables, values)
            segmenter = Segmenter(
                model,
                self.model_config,
                tile=self.tile,
                tta=self.tta,
                pixel_size=self.pixel_size,
            )
            if (segmenter.digest(), _types(segmenter)) == (self.digest, self.types):
                return segmenter
        raise checks.InputError(
            "Several devices or machines need a network that build_model makes of its "
            "configuration, in float32; this one has other layers, weights or types. Predict on "
            "one device."
        )


def save_weights(segmenter: Segmenter, folder: DataPath) -> None:
    """Writes a file with the weights of a network into a folder, for `network_of`."""
    values = {f"{index:05d}": weight.numpy() for index, weight in enumerate(segmenter.weights)}
    with publishing(folder / WEIGHTS) as file:
        weights.write(file, {"step": 0, "loss": 0.0, **values})


def network_of(recipe: Recipe, folder: DataPath) -> Replicas:
    """Returns a network with the weights that `save_weights` wrote into a folder, on all GPUs.

    A process loads it only once.

    Raises:
        InputError: as `Recipe.made`, or the file is damaged.
    """
    with _LOADING:
        return _network_of(recipe, folder)


@functools.lru_cache(maxsize=1)
def _network_of(recipe: Recipe, folder: DataPath) -> Replicas:
    with local_copy(folder / WEIGHTS) as file:
        _, _, values = weights.read(file)
    return Replicas.of(recipe.made(values))


def _types(segmenter: Segmenter) -> tuple[str, ...]:
    return tuple(layer.compute_dtype for layer in segmenter.model.layers)
