"""Parsing of options: jsonargparse, with errors of one line that name the nearest valid option."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import jsonargparse
import yaml

from tfseg import config
from tfseg.checks import InputError, nearest
from tfseg.run_files import CONFIG

RUN_OPTIONS = tuple(field.name for field in dataclasses.fields(config.RunConfig))
LIST = "a list, such as [a,b]"
TYPES = {"int": "an integer", "float": "a number", "tuple": LIST, "list": LIST}
# What jsonargparse and argparse say, where this module says it better.
WRONG_TYPE = re.compile(r'Parser key "(\S+)":\s+Expected a <class \'(\w+)\'>. Got value: (.*)')
REQUIRED = re.compile(r"the following arguments are required: ([\w.]+)\.(.*)")
NO_ACTION = re.compile(r'expected "(\w+)\.action" to be one of {(.*)}, but it was not provided')
UNKNOWN_OPTION = re.compile(r"unrecognized arguments: ([^\s=]+)")
UNKNOWN_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class HelpFormatter(argparse.RawDescriptionHelpFormatter, jsonargparse.DefaultHelpFormatter):
    """Keeps the lines of the description; adds its default to every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        if not action.option_strings:
            return action.help or ""
        default = action.default
        has_default = not (default is None or default is False or default == argparse.SUPPRESS)
        shown = " (default: %(default)s)" if has_default else ""
        return f"{action.help or ''}{' (required)' if action.required else shown}"


class Parser(jsonargparse.ArgumentParser):
    """An argument parser that raises `InputError` instead of printing its usage and exiting."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(
            formatter_class=HelpFormatter, allow_abbrev=False, print_config=None, **arguments
        )

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raises the error with the nearest option there is.

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
    """Reads `--config FILE`: any part of a RunConfig, as YAML; options after it win.

    The folder of a run, `--from RUN`, stands for the file in it, and the name of a preset for its
    file, where no file here is called so.
    """

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: Any, value: Any, *rest: Any
    ) -> None:
        """Checks the names in the file, then takes its values.

        Raises:
            InputError: the file cannot be read, or has an unknown name or a wrong type of value.
        """
        if value in config.PRESETS and not Path(value).exists():
            value = str(config.preset(value))
        if Path(value).is_dir():
            value = str(Path(value) / CONFIG)
        try:
            values = yaml.safe_load(Path(value).read_text(encoding="utf-8"))
            config.check_names(values)
            super().__call__(parser, namespace, value, *rest)
        except (OSError, UnicodeDecodeError, InputError, yaml.YAMLError) as error:
            raise InputError(f"--config {value}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}. Check the path."
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"not YAML, line {error.problem_mark.line + 1}: {error.problem}."
    return str(error)


def name(parser: Parser, prog: str) -> None:
    """Gives `parser` its name, and a usage line that leaves the options to the list below it."""
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
        help="YAML file with any part of the values below; or the folder of a run, which repeats "
        "it; or small, base, large, a network; options override it",
    )
    parser.add_class_arguments(config.RunConfig, None)
    for action in parser._actions:
        # jsonargparse offers a file for each group too; one --config is enough.
        if action.dest in RUN_OPTIONS and action.metavar == "CONFIG":
            action.help = argparse.SUPPRESS


def add_json(parser: Parser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object instead of the table"
    )


def resolved(values: Mapping[str, Any]) -> dict[str, Any]:
    """Gathers the values of a RunConfig, where there are some, into the argument `config`.

    Those of an action stand beside its name, as if they were the command's own.

    Raises:
        InputError: a value that RunConfig refuses.
    """
    if "action" in values:
        return {"action": values["action"], **resolved(values[values["action"]])}
    if "config" not in values:
        return dict(values)
    run = {name: values[name] for name in RUN_OPTIONS}
    others = {name: value for name, value in values.items() if name not in RUN_OPTIONS}
    return others | {"config": config.from_dict(run)}
