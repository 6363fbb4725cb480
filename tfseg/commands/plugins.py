"""Loads plugins: files or modules that register heads, losses and others by `tfseg.register`."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfseg.checks import InputError
from tfseg.commands.options import Parser

OPTION = "--plugins"
GROUP = "tfseg.plugins"  # of the entry points of installed packages
_loaded: list[str] = []  # those of the option, for processes that this one starts


class _Loaded(argparse.Action):
    """Ignores the value, which `load` has read; that of a configuration file is a record."""

    def __call__(self, *_: Any) -> None:
        """Does nothing."""


def add_option(parser: Parser) -> None:
    """Adds the option, which `load` reads before the options are parsed."""
    parser.add_argument(
        OPTION,
        metavar="FILE",
        action=_Loaded,
        help="Python file or module with what it registers by tfseg.register; may be repeated",
    )


def named(arguments: Sequence[str]) -> list[str]:
    """Returns the plugins that `arguments` name, and those of installed packages."""
    pairs = zip(arguments, arguments[1:], strict=False)
    start = f"{OPTION}="
    return [
        *(value for argument, value in pairs if argument == OPTION),
        *(word.removeprefix(start) for word in arguments if word.startswith(start)),
        *(entry.module for entry in importlib.metadata.entry_points(group=GROUP)),
    ]


def load(plugins: Sequence[str]) -> None:
    """Imports plugins, each a file or the name of a module.

    Raises:
        InputError: a file or module does not exist, or registers something that cannot be used.
    """
    _loaded.clear()
    for plugin in plugins:
        _loaded.append(str(Path(plugin).resolve()) if _is_file(plugin) else plugin)
        try:
            _import(_loaded[-1])
        except InputError as error:
            raise InputError(f"The plugin {plugin}: {error}") from error


def options() -> list[str]:
    """Returns the options by which another process loads the same plugins."""
    return [part for plugin in _loaded for part in (OPTION, plugin)]


def _is_file(plugin: str) -> bool:
    return plugin.endswith(".py")


def _import(plugin: str) -> None:
    """Imports a file or a module, unless it is already imported.

    Raises:
        InputError: there is no such file or module.
    """
    if not _is_file(plugin):
        try:
            importlib.import_module(plugin)
        except ModuleNotFoundError as error:
            if not f"{plugin}.".startswith(f"{error.name}."):
                raise  # a module that the plugin imports
            raise InputError(
                "there is no module of this name. Install it, add its folder to PYTHONPATH, or "
                "give a file that ends in .py."
            ) from error
        return
    if any(getattr(module, "__file__", None) == plugin for module in list(sys.modules.values())):
        return
    if not Path(plugin).is_file():
        raise InputError("there is no such file. Check the path.")
    # Under its path, which is no name of another module; and known before it runs, for dataclasses.
    spec = importlib.util.spec_from_file_location(plugin, plugin)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[plugin] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[plugin]
        raise
