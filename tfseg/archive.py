"""The arrays of a checkpoint file, read whole or not at all, and where a run has it.

Whoever writes and whoever reads weights lie in different layers; what the file looks like stands
here, below both.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfseg.checks import InputError

CONFIG, CHECKPOINTS = "config.yaml", "checkpoints"  # in the folder of a run
BEST, SUFFIX = "best.npz", ".npz"


def read(path: Path) -> tuple[int, float, list[np.ndarray]]:
    """Returns the step, the best validation loss, and every array in its order.

    Those of the network as it is used, its moving average where the training kept one, come first,
    in the order of the network's variables.

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
        # Opened here: NumPy leaves its own file open where the archive is damaged.
        with path.open("rb") as file, np.load(file) as archive:
            yield archive
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}); remove it.") from error
