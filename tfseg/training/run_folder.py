"""The folder of a run: its files, and whether a run can be started or resumed in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tfseg import atomic, checks, config, locks
from tfseg.config import RunConfig
from tfseg.networks import weights
from tfseg.run_files import BEST, CHECKPOINTS, CONFIG, HISTORY, LAST, NETWORK, RECORD

_REMEDY = "Choose another run directory."


class RunFolder:
    """The files of a run.

    Attributes:
        path: of the folder.
        history: history.csv.
        record: run.json.
        last: the last checkpoint.
        best: the best checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history, self.record = path / HISTORY, path / RECORD
        self.last, self.best = (path / CHECKPOINTS / name for name in (LAST, BEST))

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint, intact or damaged."""
        return any(self.last.parent.glob(f"{self.last.stem}*{self.last.suffix}"))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder, and locks it; at the end, a folder that it made is removed if empty.

        Raises:
            InputError: another run holds the lock, or the folder cannot be written.
        """
        missing = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            with contextlib.ExitStack() as stack:
                with atomic.writing(self.path, _REMEDY):
                    self.path.mkdir(parents=True, exist_ok=True)
                    stack.enter_context(locks.locked(self.path, self.path))
                stack.callback((self.path / locks.LOCK_FILE).unlink, missing_ok=True)
                yield
        finally:
            with contextlib.suppress(OSError):  # it is not empty
                for folder in missing:
                    folder.rmdir()

    def check_empty(self) -> None:
        """Checks that the folder is missing, or has only what a run leaves before its first file.

        Raises:
            InputError: the folder is not empty.
        """
        leftovers = {f"{CONFIG}.partial", NETWORK, f"{NETWORK}.partial", locks.LOCK_FILE}
        if self.path.exists() and any(file.name not in leftovers for file in self.path.iterdir()):
            raise checks.InputError(
                f"{self.path} is not empty; resume the run in it (--resume) or choose another "
                "folder."
            )

    def read_config(self) -> RunConfig:
        """Returns the configuration of the run in the folder.

        Raises:
            InputError: there is no run.
        """
        if not self.has_checkpoint and not (self.path / CONFIG).is_file():
            weights.require(self.last)
        return config.read(self.path / CONFIG)

    def write_config(self, run_config: RunConfig) -> None:
        """Writes config.yaml.

        Raises:
            InputError: the folder cannot be written.
        """
        with atomic.writing(self.path, _REMEDY):
            config.write(run_config, self.path / CONFIG)
