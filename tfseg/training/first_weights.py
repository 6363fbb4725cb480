"""The first weights of a network, from another run: layer by layer, and the maps by their names.

The last layer has one column of weights for each map of the head, and for each class. Columns are
taken by the name of the map or class, so runs may have other heads and other classes, in any order.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np

from tfseg import checks, config
from tfseg.config import ModelConfig
from tfseg.heads import head_of
from tfseg.heads.classified import CLASS
from tfseg.networks import weights
from tfseg.run_files import BEST, CHECKPOINTS, CONFIG


def load_first_weights(run: str, model: keras.Model, model_config: ModelConfig) -> None:
    """Reads the weights of another run into a network, and warns of those that it does not have.

    Variables are matched by their order, so both networks have one architecture; sizes may differ.

    Args:
        run: its folder, or a checkpoint in it.
        model: made from `model_config`; variables of another shape keep their values.
        model_config: with its class names.

    Raises:
        InputError: the file does not exist, is damaged, or is of another architecture.
    """
    file = Path(run) / CHECKPOINTS / BEST if Path(run).is_dir() else Path(run)
    if not file.is_file():
        raise checks.InputError(
            f"train.init must be the folder of a run or a checkpoint; there is no file {file}."
        )
    arrays = weights.read(file)[2]
    source = file.absolute().parents[1] / CONFIG
    columns = _Columns(model_config, config.read(source).model if source.is_file() else None)
    if not source.is_file() and len(model_config.class_names) > 1:
        warnings.warn(
            f"{file} has no configuration beside it ({source}), so its classes are taken in the "
            "order of the data set.",
            stacklevel=5,
        )
    pairs = list(zip(model.variables, arrays, strict=False))
    values = [(variable, columns.fitted(variable, array)) for variable, array in pairs]
    fitting = sum(value is not None for _, value in values)
    if len(arrays) < len(model.variables) or 2 * fitting < len(model.variables):
        raise checks.InputError(
            f"train.init {file} belongs to another architecture: {fitting} of the network's "
            f"{len(model.variables)} variables fit. Use the model of that run; the head may differ."
        )
    for variable, value in values:
        if value is not None:
            variable.assign(value)
    skipped = [variable.path for variable, value in values if value is None]
    if skipped:
        _warn(f"Weights with another shape than in {file}", skipped)
    if columns.new and not set(skipped) & {f"{model_config.head}/kernel"}:
        _warn(f"Maps of {model_config.head} that {source} does not have", columns.new)


def _warn(what: str, names: list[str]) -> None:
    warnings.warn(f"{what} start from scratch: {', '.join(names)}.", stacklevel=6)


class _Columns:
    """The columns of the last layer of a network, and of the network whose weights it takes.

    Args:
        now: the network.
        before: the other network; None if it is unknown: its columns are then taken by their order.
    """

    def __init__(self, now: ModelConfig, before: ModelConfig | None) -> None:
        self._layer = now.head
        self._now = _map_names(now)
        self._before = _map_names(before) if before else self._now
        self.new = [name for name in self._now if name not in self._before]

    def fitted(self, variable: keras.Variable, array: np.ndarray) -> np.ndarray | None:
        """Returns the values that a variable gets of those in `array`; None if none fits."""
        if variable.path.split("/")[-2:-1] == [self._layer]:
            return self._by_name(np.asarray(variable).copy(), array)
        return array if array.shape == tuple(variable.shape) else None

    def _by_name(self, values: np.ndarray, array: np.ndarray) -> np.ndarray | None:
        # A layer that makes several pixels at once has all maps of the first pixel first.
        cells, rest = divmod(values.shape[-1], len(self._now))
        others = array.shape != (*values.shape[:-1], cells * len(self._before))
        if rest or others or len(self.new) == len(self._now):
            return None
        result = values.reshape(*values.shape[:-1], cells, len(self._now))
        given = array.reshape(*array.shape[:-1], cells, len(self._before))
        for index, name in enumerate(self._now):
            if name in self._before:
                result[..., index] = given[..., self._before.index(name)]
        return result.reshape(values.shape)


def _map_names(model_config: ModelConfig) -> list[str]:
    """Returns the names of all maps in their order, such as foreground, offset 2, class nucleus."""
    names = []
    for output, count in head_of(model_config).outputs.items():
        if output == CLASS:
            names += [f"class {name}" for name in model_config.class_names]
        elif count == 1:
            names.append(output)
        else:
            names += [f"{output} {number}" for number in range(1, count + 1)]
    return names
