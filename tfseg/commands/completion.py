"""Prints a script that completes commands and options in bash or zsh.

Put `source <(tfseg completion bash)` into ~/.bashrc, or the same with zsh into ~/.zshrc.

Example: tfseg completion bash
"""

from __future__ import annotations

import jsonargparse

from tfseg.commands import options, parser

SHELLS = ("bash", "zsh")


def add_options(parser: options.Parser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help="bash or zsh")


def uses_tensorflow(values: dict[str, object]) -> bool:
    """Returns False."""
    return False


def run(*, shell: str) -> int:
    """Runs the command."""
    jsonargparse.set_parsing_settings(add_print_completion_argument=True)
    try:
        parser.build().parse_args([f"--print_completion=shtab-{shell}"])
    except SystemExit:  # the option prints and exits
        return 0
    finally:
        jsonargparse.set_parsing_settings(add_print_completion_argument=False)
    raise AssertionError("jsonargparse printed no script")
