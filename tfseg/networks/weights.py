"""Reads the weights of a checkpoint, a NumPy archive: all of them or none.

`tfseg.training.checkpoint` writes it.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from tfseg.checks import InputError

SUFFIX = ".npz"


def require(path: Path) -> None:
    """Refuses a run directory without the checkpoint `path`.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(
            f"{path.parent.parent} has no checkpoint {path.name}; train it first: tfseg train."
        )


def restore(path: Path, variables: Sequence[keras.Variable]) -> tuple[int, float]:
    """Reads a checkpoint into `variables`; takes all of them or none.

    A file may have more variables (the optimizer's), never fewer.

    Returns:
        The step and the best validation loss.

    Raises:
        InputError: the file does not exist, is damaged, or is of another architecture.
    """
    require(path)
    step, loss, arrays = read(path)
    _check_architecture(path, arrays, variables)
    for variable, array in zip(variables, arrays, strict=False):
        variable.assign(array)
    return step, loss


def transfer(path: Path, variables: Sequence[keras.Variable]) -> list[str]:
    """Reads a checkpoint into `variables` of another network, where the shapes are equal.

    Variables are matched by their order, so both networks have one architecture; sizes may differ.

    Returns:
        The paths of the variables whose shapes differ; they keep their values.

    Raises:
        InputError: the file does not exist, is damaged, or is of another architecture.
    """
    require(path)
    arrays = read(path)[2]
    pairs = list(zip(variables, arrays, strict=False))
    fitting = [(one, array) for one, array in pairs if array.shape == tuple(one.shape)]
    if len(arrays) < len(variables) or 2 * len(fitting) < len(variables):
        raise InputError(
            f"train.init {path} belongs to another architecture: {len(fitting)} of the network's "
            f"{len(variables)} variables fit. Use the model of that run; the head may differ."
        )
    for variable, array in fitting:
        variable.assign(array)
    taken = {id(variable) for variable, _ in fitting}
    return [variable.path for variable in variables if id(variable) not in taken]


def read(path: Path) -> tuple[int, float, list[np.ndarray]]:
    """Returns the step, the best validation loss, and every array in its order.

    The network's weights come first, in the order of its variables; they are the moving averages,
    where the training kept them.

    Raises:
        InputError: the file is damaged.
    """
    with opened(path) as file:
        step, loss = int(file["step"]), float(file["loss"])
        names = sorted(name for name in file.files if name.isdecimal())
        return step, loss, [file[name] for name in names]


@contextlib.contextmanager
def opened(path: Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens the file for reading.

    Raises:
        InputError: the file is damaged.
    """
    try:
        # Opened by `path.open`: NumPy would leave a file open whose archive is damaged.
        with path.open("rb") as file, np.load(file) as archive:
            yield archive
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}); remove it.") from error


def _check_architecture(
    path: Path, arrays: Sequence[np.ndarray], variables: Sequence[keras.Variable]
) -> None:
    rule = f"{path} belongs to another architecture"
    remedy = "use the configuration the run was trained with"
    if len(arrays) < len(variables):
        raise InputError(
            f"{rule}: it has {len(arrays)} variables, the network {len(variables)}; {remedy}."
        )
    for array, variable in zip(arrays, variables, strict=False):
        if array.shape != tuple(variable.shape):
            raise InputError(
                f"{rule}: {variable.path} has the shape {array.shape}, in the network "
                f"{tuple(variable.shape)}; {remedy}."
            )
