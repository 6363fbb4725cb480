"""The folder of a run: its files, and whether a run can be started or resumed in it."""

from __future__ import annotations

from pathlib import Path

from tfseg import atomic, checks, config
from tfseg.config import RunConfig
from tfseg.networks import weights
from tfseg.run_files import BEST, CHECKPOINTS, CONFIG, HISTORY, LAST


class RunFolder:
    """The files of a run.

    Attributes:
        path: of the folder.
        history: history.csv.
        last: the last checkpoint.
        best: the best checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = path / HISTORY
        self.last, self.best = (path / CHECKPOINTS / name for name in (LAST, BEST))

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint, intact or damaged."""
        return any(self.last.parent.glob(f"{self.last.stem}*{self.last.suffix}"))

    def check_empty(self) -> None:
        """Checks that the folder is missing or empty.

        Raises:
            InputError: the folder is not empty.
        """
        unfinished = self.path / f"{CONFIG}.partial"
        if self.path.exists() and any(file != unfinished for file in self.path.iterdir()):
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

    def check_resumable(self, run_config: RunConfig) -> None:
        """Checks that the values which must not change on resume equal those of the run.

        Raises:
            InputError: a value differs.
        """
        path, free = self.path / CONFIG, set(config.names_free_on_resume(RunConfig))
        values, expected = config.flat(run_config), config.flat(self.read_config())
        for name, value in values.items():
            if name not in free and value != expected[name]:
                raise checks.InputError(
                    f"{name} must be {expected[name]!r} to resume the run, as in {path}; got "
                    f"{value!r}. Give --config {path}, or start another run."
                )

    def write_config(self, run_config: RunConfig) -> None:
        """Makes the folder, and writes config.yaml.

        Raises:
            InputError: the folder cannot be written.
        """
        with atomic.writing(self.path, "Choose another run directory."):
            self.path.mkdir(parents=True, exist_ok=True)
            config.write(run_config, self.path / CONFIG)
