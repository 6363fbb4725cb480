"""The parser of `tfseg`, with a subcommand for every module of `COMMANDS`."""

from __future__ import annotations

import importlib
import shutil
import textwrap
from types import ModuleType

import tfseg
from tfseg.commands import COMMANDS, GROUPS, options, plugins

DESCRIPTION = """Instance segmentation: from a folder of images to a trained, evaluated network.

Example: tfseg demo --out tfseg-demo"""
USAGE = "tfseg COMMAND [options]"


def build() -> options.Parser:
    """Returns the parser."""
    parser = options.Parser(
        prog="tfseg", description=_description(), usage=USAGE, version=tfseg.__version__
    )
    subcommands = parser.add_subcommands(dest="command")
    # Without the list of the commands, which the description has.
    parser._action_groups = parser._action_groups[:-1]
    for name in COMMANDS:
        subparser = options.Parser(description=module(name).__doc__)
        # Parents first: `add_options` may add actions below the command.
        subcommands.add_subcommand(name, subparser)
        module(name).add_options(subparser)
        plugins.add_option(subparser)
        options.name(subparser, f"tfseg {name}")
    return parser


def module(command: str) -> ModuleType:
    """Returns the module of a command."""
    return importlib.import_module(f"tfseg.commands.{command.replace('-', '_')}")


def _description() -> str:
    """Returns what tfseg is, and the first line of each command by group."""
    width = shutil.get_terminal_size().columns - 2
    column = max(map(len, COMMANDS)) + 4
    lines = [DESCRIPTION, "", "tfseg COMMAND --help has the options of a command."]
    for group, names in GROUPS.items():
        lines += ["", f"{group}:"]
        for name in names:
            purpose = (module(name).__doc__ or "").partition("\n")[0]
            start, rest = f"  {name}".ljust(column), " " * column
            lines.append(
                textwrap.fill(purpose, width, initial_indent=start, subsequent_indent=rest)
            )
    return "\n".join(lines)
