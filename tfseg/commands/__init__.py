"""One module per subcommand: its options, one call into the library, one printed table.

The docstring of a module is the help of its command (- in the command is _ in the module).
`add_options` declares the options; `run` has their values as keyword arguments and returns the exit
code. Libraries are imported inside `run`. A command with actions declares them with
`dest="action"`, and `run` gets the name of the action. A command that does not always need
TensorFlow has a function `uses_tensorflow(values)`. A command whose options override those of an
existing configuration has a function `base_arguments(values)`, which returns the arguments for it.
"""

from __future__ import annotations

GROUPS = {
    "Begin": ("demo", "doctor", "completion"),
    "Make a data set": ("convert", "check", "info", "augment"),
    "Train": ("train", "tune", "bench", "serve-data"),
    "Use a network": ("predict", "export"),
    "Score": ("evaluate", "compare"),
}  # in the order of `tfseg --help`
COMMANDS = tuple(name for names in GROUPS.values() for name in names)
