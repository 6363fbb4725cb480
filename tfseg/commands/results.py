"""The folder of a command's results: whose they are, and whether they may be replaced."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfseg import atomic
from tfseg.checks import InputError
from tfseg.commands.options import Parser
from tfseg.commands.output import plain, read_json, write_json

if TYPE_CHECKING:
    from tfseg.data.files.paths import DataPath

OPTIONS = "options.json"  # name of the command, its inputs and options


def add_overwrite(parser: Parser, what: str) -> None:
    """Adds `--overwrite`; `what` says in the help what it replaces."""
    parser.add_argument("--overwrite", action="store_true", help=f"replace {what}")


def check_owner(folder: DataPath, command: str) -> dict[str, Any]:
    """Returns the options of the results in a folder, empty if there are none.

    Raises:
        InputError: the results are of another command.
    """
    before = read_json(folder / OPTIONS)
    if before.get("command", command) != command:
        raise InputError(
            f"{folder} has results of tfseg {before['command']}. Choose another folder."
        )
    return before


def check_new(folder: Path, names: Sequence[str], *, overwrite: bool) -> None:
    """Checks that a folder has none of the files `names`, which a command writes.

    Raises:
        InputError: it has one, and `overwrite` is not given; or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} must be a folder; it is a file. Choose another place.")
    present = [name for name in names if os.path.lexists(folder / name)]
    atomic.check_free(folder, present, overwrite=overwrite)


def check_same(
    folder: Path, names: Sequence[str], command: str, inputs: Mapping[str, Any], *, overwrite: bool
) -> None:
    """Refuses a folder with results of other inputs; those of the same inputs are made again.

    Args:
        folder: of the results.
        names: of the files that the command writes beside its options.
        command: its name.
        inputs: what the results are made of; options.json has them.
        overwrite: results of other inputs may be replaced.

    Raises:
        InputError: there are results of other inputs, or of another command.
    """
    before, now = check_owner(folder, command), plain(inputs)
    is_same = all(before.get(name) == now[name] for name in now)
    check_new(folder, names, overwrite=overwrite or is_same)


def clear(folder: Path, names: Sequence[str]) -> None:
    """Makes the folder, and removes earlier results, so that no two are ever mixed.

    Raises:
        InputError: the folder cannot be written.
    """
    with atomic.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name in (OPTIONS, *names):
            (folder / name).unlink(missing_ok=True)


def write_options(folder: DataPath, command: str, options: Mapping[str, Any]) -> None:
    """Makes the folder, and writes the name of the command and its options.

    Raises:
        InputError: the folder cannot be written.
    """
    with atomic.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / OPTIONS, {"command": command, **options})
