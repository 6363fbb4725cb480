"""One file a subcommand: its options, one call into the library, one table printed.

Each module (its name has _ where the command has -) has the help as its docstring; `add_options`
declares what it takes and `run` takes it as keyword arguments and returns the exit code. Libraries
are imported inside `run`. A command with actions below it declares them with `dest="action"`, and
`run` is told which one. A command that can do without TensorFlow has a function `uses_tensorflow`
of these arguments.
"""

from __future__ import annotations

COMMANDS = (
    "convert",
    "check",
    "info",
    "augment",
    "train",
    "tune",
    "evaluate",
    "compare",
    "predict",
    "export",
    "bench",
    "serve-data",
    "demo",
)
