"""One file a subcommand: its options, one call into the library, one table printed.

Each module's docstring is the subcommand's help; `add_options` declares what it takes and `run`
takes it as keyword arguments and returns the exit code. Libraries are imported inside `run`.
"""

from __future__ import annotations

COMMANDS = ("convert", "check", "train", "evaluate", "predict", "export", "bench", "demo")
