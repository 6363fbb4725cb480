"""The command `tfseg`: runs a subcommand and prints errors as one line.

The exit code comes from the subcommand, except for 1 if another process of a training is lost, 2
for wrong options or input, 130 for Ctrl-C, 141 if the reader of the output is gone, as in
`tfseg ... | head`, and 143 for SIGTERM during training. Neither this module nor the parsing of
options imports TensorFlow, so that `tfseg --help` is fast.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import ModuleType

from tfseg import operating_system
from tfseg.checks import InputError
from tfseg.commands import COMMANDS, options, parser, plugins
from tfseg.commands.output import note
from tfseg.commands.start import load_tensorflow
from tfseg.training.interrupt import Terminated, WorkerLost

HELP = {"help", "--help", "--help-all", "-h", "--version"}
# Errors of the operating system with a remedy; any other OSError keeps its traceback.
REMEDIES = {
    errno.EACCES: "Check the permissions or choose another path.",
    errno.EPERM: "Check the permissions or choose another path.",
    errno.EROFS: "Choose a path that is writable.",
    errno.ENOSPC: "Free some space or choose another path.",
    errno.EDQUOT: "Free some space or choose another path.",
    errno.ENOTDIR: "A part of the path is a file. Choose another path.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `tfseg` with `arguments`, by default from `sys.argv`, and returns the exit code."""
    try:
        try:
            return _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            sys.stdout.flush()  # at the end of the process an error could only be reported
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + operating_system.SIGPIPE


def _run(arguments: Sequence[str]) -> int:
    try:
        if not HELP & set(arguments) and (named := plugins.named(arguments)):
            load_tensorflow()  # which most plugins import, with its messages
            plugins.load(named)
        command, values = parse(arguments)
        if getattr(command, "uses_tensorflow", _always)(values):
            load_tensorflow()
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return command.run(**values)
    except InputError as error:
        return _refuse(*map(str, error.args))
    except WorkerLost as error:
        _refuse(str(error))
        return 1
    except OSError as error:
        if error.errno not in REMEDIES:
            raise
        path = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{path}{error.strerror}. {REMEDIES[error.errno]}")
    except KeyboardInterrupt as interrupt:
        note(str(interrupt) or "interrupted")
        return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)


def parse(arguments: Sequence[str]) -> tuple[ModuleType, dict[str, object]]:
    """Returns the module of the subcommand and the arguments of its `run`.

    `tfseg help` is `tfseg --help`, and `tfseg help train` is `tfseg train --help`.
    """
    if not arguments:
        raise InputError(
            f"name a command: {', '.join(COMMANDS)}. Usage: {parser.USAGE}. See tfseg --help."
        )
    if arguments[0] == "help":
        arguments = [*arguments[1:], "--help"]
    command_line = parser.build()
    namespace = command_line.parse_args(list(arguments)).as_dict()
    name = namespace["command"]
    module = parser.module(name)
    if base := getattr(module, "base_arguments", _no_arguments)(namespace[name]):
        # What is given comes later, and overrides it.
        namespace = command_line.parse_args([name, *base, *arguments[1:]]).as_dict()
    values = namespace[name]
    del values["plugins"]  # they are loaded
    return module, options.resolved(values)


def _always(values: dict[str, object]) -> bool:
    return True


def _no_arguments(values: dict[str, object]) -> list[str]:
    return []


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    """Prints a warning without its position in the code."""
    note(f"warning: {_one_line(str(message))}")


def _refuse(message: str, *details: str) -> int:
    note("\n  ".join(map(_one_line, (f"error: {message}", *details))))
    return 2


def _one_line(message: str) -> str:
    return " ".join(message.split())
