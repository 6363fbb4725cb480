"""The folder of a run: what lies where, whose it is, and whether a run may go on in it."""

from __future__ import annotations

from pathlib import Path

from tfseg import atomic, checks, config
from tfseg.config import RunConfig
from tfseg.networks import weights
from tfseg.run_files import BEST, CHECKPOINTS, CONFIG, HISTORY, LAST


class RunFolder:
    """Names the files of a run.

    Attributes:
        path: of the folder.
        history: history.csv.
        last: the last checkpoint.
        best: the best one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.history = path / HISTORY
        self.last, self.best = (path / CHECKPOINTS / name for name in (LAST, BEST))

    @property
    def is_begun(self) -> bool:
        """Says whether there is a checkpoint, whole or damaged."""
        return any(self.last.parent.glob(f"{self.last.stem}*{self.last.suffix}"))

    def check_free(self) -> None:
        """Refuses a folder with something in it.

        Raises:
            InputError: it has.
        """
        unfinished = self.path / f"{CONFIG}.partial"
        if self.path.exists() and any(file != unfinished for file in self.path.iterdir()):
            raise checks.InputError(
                f"{self.path} is not empty; resume the run in it (--resume) or choose another "
                "folder."
            )

    def begun_with(self) -> RunConfig:
        """Returns the configuration of the run that is here.

        Raises:
            InputError: there is no run.
        """
        if not self.is_begun and not (self.path / CONFIG).is_file():
            weights.require(self.last)
        return config.read(self.path / CONFIG)

    def check_same(self, own: RunConfig) -> None:
        """Refuses to go on with other values than the run began with.

        Raises:
            InputError: some value differs.
        """
        own_values, values = config.flat(own), config.flat(self.begun_with())
        fixed = own_values.keys() - set(config.names_free_on_resume(RunConfig))
        other = [name for name in own_values if name in fixed and own_values[name] != values[name]]
        if other:
            name, path = other[0], self.path / CONFIG
            raise checks.InputError(
                f"A run goes on with the values it began with; {name} is {own_values[name]!r} here "
                f"and {values[name]!r} in {path}. Give --config {path}, or begin another run."
            )

    def write_config(self, own: RunConfig) -> None:
        """Makes the folder, and writes config.yaml.

        Raises:
            InputError: it cannot be written.
        """
        with atomic.writing(self.path, "Choose another run directory."):
            self.path.mkdir(parents=True, exist_ok=True)
            config.write(own, self.path / CONFIG)
