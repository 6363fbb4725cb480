"""Parses options with jsonargparse; errors are one line and suggest the nearest valid option."""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import jsonargparse

from tfseg import config
from tfseg.checks import InputError, nearest
from tfseg.commands import help_pages
from tfseg.config import yaml_file
from tfseg.config.values import check_names, with_network_path, without_plugins
from tfseg.data.files import PROJECTIONS
from tfseg.run_files import CONFIG

if TYPE_CHECKING:
    from tfseg.data.files.selection import Selection

RUN_OPTIONS = tuple(field.name for field in dataclasses.fields(config.RunConfig))
LIST = "a list, such as [a,b]"
TYPES = {"int": "an integer", "float": "a number", "tuple": LIST, "list": LIST}
# Messages of jsonargparse and argparse that this module replaces by clearer ones.
WRONG_TYPE = re.compile(
    r'Parser key "(\S+)":.*?Expected a <class \'(\w+)\'>.*(?:Got value|Given value): ([^\n]*)',
    re.DOTALL,
)
REQUIRED = re.compile(r"the following arguments are required: ([\w.]+)\.(.*)")
NO_ACTION = re.compile(r'expected "(\w+)\.action" to be one of {(.*)}, but it was not provided')
UNKNOWN_OPTION = re.compile(r"unrecognized arguments: ([^\s=]+)")
UNKNOWN_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class Parser(jsonargparse.ArgumentParser):
    """An argument parser that raises `InputError` instead of printing its usage and exiting.

    Attributes:
        essential: the options that `--help` has, in this order; empty: all.
    """

    essential: tuple[str, ...] = ()

    def __init__(self, **arguments: Any) -> None:
        super().__init__(
            formatter_class=help_pages.HelpFormatter,
            allow_abbrev=False,
            print_config=None,
            **arguments,
        )

    def format_help(self, formatter: Any = None) -> str:
        """Returns the help, with the essential options alone if there are any."""
        if not self.essential:
            return super().format_help(formatter)
        kept: Any = self._action_groups
        self._action_groups = help_pages.essential_groups(self, self.essential)
        try:
            return super().format_help(formatter)
        finally:
            self._action_groups = kept

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises the error with the nearest valid option.

        Raises:
            InputError: always.
        """
        prog, hint = self.prog, ""
        if wrong := WRONG_TYPE.search(message):
            option, kind, value = wrong.groups()
            message = f"--{option} must be {TYPES.get(kind, kind)}; got {value}"
        elif required := REQUIRED.search(message):
            prog = " ".join([prog, *required[1].split(".")])
            message = required[0].replace(f"{required[1]}.", "")
        elif missing := NO_ACTION.search(message):
            prog = f"{prog} {missing[1]}"
            message = f"name an action: {missing[2].replace(',', ', ')}"
        elif unknown := UNKNOWN_OPTION.search(message):
            known = [option for action in self._actions for option in action.option_strings]
            hint = nearest(unknown[1], known)
        elif unknown := UNKNOWN_CHOICE.search(message):
            hint = nearest(unknown[1], re.findall(r"\w+", unknown[2]))
        raise InputError(f"{message.rstrip('.')}.{hint} See {prog} --help.") from ex


class ConfigFile(jsonargparse.ActionConfigFile):
    """Reads `--config FILE`: any part of a RunConfig as YAML; options after it override it.

    The folder of a run, `--from RUN`, means the configuration file in it. The name of a preset
    means the file of the preset, unless a file with this name exists.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, value: Any, *rest: Any
    ) -> None:
        """Checks the names in the file, then uses its values.

        Raises:
            InputError: the file cannot be read, or has an unknown name or a wrong type of value.
        """
        if value in config.PRESETS and not Path(value).exists():
            value = str(config.preset(value))
        if Path(value).is_dir():
            value = str(Path(value) / CONFIG)
        lines: dict[str, int] = {}
        try:
            values, lines = yaml_file.load(Path(value))
            check_names(without_plugins(values))
            super().__call__(parser, namespace, value, *rest)
            match with_network_path(values, Path(value).parent):
                case {"model": {"network": network}}:
                    namespace["model.network"] = network
        except InputError as error:
            reason = yaml_file.with_line(str(error), lines)
            raise InputError(f"--config {value}: {reason}") from error


def name(parser: Parser, prog: str) -> None:
    """Sets the name of `parser`, and a short usage line; the options are listed below it."""
    positionals = [
        f"{action.metavar}{'...' if action.nargs == '+' else ''}"
        for action in parser._actions
        if not action.option_strings
    ]
    parser.prog, parser.usage = prog, " ".join([prog, "[options]", *positionals])


def add_run_config(parser: Parser) -> None:
    """Adds `--config FILE` and an option for every value of a RunConfig."""
    parser.add_argument(
        "--config",
        "--from",
        action=ConfigFile,
        metavar="FILE",
        help="YAML file with any part of the values below; or the folder of a run, to repeat it; "
        "or small, base or large, a network; or gpu, values for NVIDIA cards; options override it",
    )
    parser.add_class_arguments(config.RunConfig, None)
    for action in parser._actions:
        # jsonargparse also adds one --config per group; the one for all groups is enough.
        if action.dest in RUN_OPTIONS and action.metavar == "CONFIG":
            action.help = argparse.SUPPRESS
    help_pages.add_group_pages(parser, RUN_OPTIONS)


def add_network(parser: Parser, purpose: str) -> None:
    """Adds the options of `load`: which weights of a run, tiles, and flips and rotations."""
    add = parser.add_argument
    add("--checkpoint", choices=("best", "last"), default="best", help=f"weights to {purpose}")
    add(
        "--tile",
        metavar="SIZE",
        type=int,
        help="side of the tiles of large images, a multiple of 128; 0 = no tiles (default: 1024, "
        "or four times the context of the network)",
    )
    add(
        "--tta",
        action="store_true",
        help="average over 8 flips and rotations, which takes 8 times as long",
    )


def add_display(parser: Parser) -> None:
    """Adds `--display`."""
    parser.add_argument(
        "--display",
        metavar="NAMES",
        default="",
        help="names of the channels that pictures show, such as nir,red,green: three become red, "
        "green and blue (default: channels of these names, else all, in a colour each)",
    )


def names(text: str) -> tuple[str, ...]:
    """Returns the names in an option that lists them with commas; none for an empty one."""
    return tuple(text.split(",")) if text else ()


def add_selection(parser: Parser) -> None:
    """Adds the options of `Selection`: level, page and projection."""
    add = parser.add_argument
    add(
        "--level",
        metavar="LEVEL",
        type=int | str,
        default=0,
        help="level of pyramids; 0 is the largest, and a length such as 0.5um chooses the smallest "
        "level whose pixels are not larger",
    )
    add(
        "--page",
        metavar="NUMBER",
        type=int,
        help="page of files with several, such as the planes of a stack, from 0 on",
    )
    add(
        "--projection",
        choices=PROJECTIONS,
        help="makes one image of all pages: the largest or the mean value of each pixel, or a "
        "channel of each page",
    )


def selection_of(options: dict[str, Any]) -> Selection:
    """Takes the options of `add_selection` out of all options."""
    from tfseg.data.files.selection import Selection

    chosen = ("level", "page", "projection")
    return Selection(**{name: options.pop(name) for name in chosen})


def add_json(parser: Parser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of the table"
    )


def add_runner(parser: Parser, work: str) -> None:
    """Adds `--runner` and `--beam_options`; `work` says in the help what is done."""
    parser.add_argument(
        "--runner",
        choices=("local", "beam"),
        default="local",
        help=f"beam {work} with Apache Beam (extra beam), on many machines",
    )
    parser.add_argument(
        "--beam_options",
        metavar="OPTIONS",
        default="",
        help="options of beam, such as '--runner=FlinkRunner --flink_master=host:8081'; without "
        "them it runs on this machine",
    )


def beam_options(runner: str, options: str) -> list[str] | None:
    """Returns the options of a pipeline, or None without one.

    Raises:
        InputError: there are options, and no pipeline.
    """
    if options and runner != "beam":
        raise InputError("--beam_options need --runner beam. Give both, or neither.")
    return shlex.split(options) if runner == "beam" else None


def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces the values of a RunConfig, if there are any, by one argument `config`.

    The values of an action are returned next to its name, like the values of a command.

    Raises:
        InputError: a value of RunConfig is invalid.
    """
    if "action" in values:
        return {"action": values["action"], **resolved(values[values["action"]])}
    if "config" not in values:
        return dict(values)
    run = {name: values[name] for name in RUN_OPTIONS}
    others = {name: value for name, value in values.items() if name not in RUN_OPTIONS}
    return others | {"config": config.from_dict(run)}
