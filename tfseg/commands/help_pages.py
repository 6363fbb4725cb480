"""Pages of help: all options of a command, those that matter most, or those of one group."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from typing import Any

import jsonargparse

ALL = "--help-all"


class HelpFormatter(argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter):
    """Keeps the line breaks of the description; adds the default to every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return action.help or ""
        default = action.default
        is_empty = default is None or default is False or default in ("", [], argparse.SUPPRESS)
        shown = "" if is_empty else " (default: %(default)s)"
        return f"{action.help or ''}{' (required)' if action.required else shown}"


class GroupHelp(argparse.Action):
    """Prints the help of one group of options, such as `--optimizer.help`, and exits."""

    def __init__(self, *, group: argparse._ArgumentGroup, **arguments: Any) -> None:
        super().__init__(nargs=0, **arguments)
        self._group = group

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Prints and exits."""
        formatter = parser._get_formatter()
        formatter.start_section(self._group.title)
        formatter.add_arguments(self._group._group_actions)
        formatter.end_section()
        print(formatter.format_help(), end="")
        parser.exit()


class AllHelp(argparse.Action):
    """Prints the help with all options, and exits."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(nargs=0, **arguments)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        """Prints and exits."""
        parser.essential = ()  # type: ignore[attr-defined]
        parser.print_help()
        parser.exit()


def add_all_help(parser: argparse.ArgumentParser) -> None:
    """Adds `--help-all`."""
    parser.add_argument(
        ALL,
        action=AllHelp,
        dest=argparse.SUPPRESS,
        default=argparse.SUPPRESS,
        help="print all options",
    )


def essential_groups(parser: argparse.ArgumentParser, options: Sequence[str]) -> list[Any]:
    """Returns the groups of the help that has these options alone, beside the positionals."""
    by_name = {name: action for action in parser._actions for name in action.option_strings}
    positionals, group = parser._action_groups[0], copy.copy(parser._action_groups[1])
    group.title = f"the options that matter most, {ALL} has all"
    group._group_actions = [by_name[name] for name in (*options, "--help", ALL)]
    return [positionals, group]


def add_group_pages(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Replaces each group of values in the help by a line; `--GROUP.help` prints its page.

    Args:
        parser: has the groups.
        names: of the groups.
    """
    pages = parser.add_argument_group("groups of values, each with a page of help")
    kept = []
    for group in parser._action_groups:
        options = [action for action in group._group_actions if "." in action.dest]
        name = options[0].dest.partition(".")[0] if options else ""
        if name not in names:
            kept.append(group)
            continue
        values = ", ".join(action.dest.partition(".")[2] for action in options)
        pages.add_argument(
            f"--{name}.help",
            action=GroupHelp,
            group=group,
            dest=argparse.SUPPRESS,
            default=argparse.SUPPRESS,
            help=f"{group.title}: {values}",
        )
    parser._action_groups = kept
