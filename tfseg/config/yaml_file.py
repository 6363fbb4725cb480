"""Reads YAML files that people write: errors name the line, and aliases cannot fill the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tfseg.checks import InputError

_MOST_VALUES = 10_000  # of a file, counting what an alias repeats


def load(path: Path) -> tuple[Any, dict[str, int]]:
    """Returns the values of a file, and the line of each by its dotted name, such as train.steps.

    Raises:
        InputError: no such file, not YAML, nested too deep, or too many values.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, yaml.SafeLoader)
        check_size(node)
        return yaml.safe_load(text), dict(_lines(node, ""))
    except OSError as error:
        raise InputError(f"{error.strerror}. Check the path.") from error
    except RecursionError as error:
        raise InputError("nested too deep. A configuration has two or three levels.") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        remedy = " Indent with spaces." if "'\\t'" in str(error.problem) else ""
        raise InputError(f"not YAML{line}: {error.problem}.{remedy}") from error
    except (UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())
        raise InputError(f"not YAML: {reason}. Write it as text in UTF-8.") from error


def with_line(message: str, lines: Mapping[str, int]) -> str:
    """Puts the line of the first value that a message names before it, if there is one."""
    for name in re.findall(r"\w+(?:\.\w+)*", message):
        if name in lines:
            return f"line {lines[name]}: {message}"
    return message


def check_size(root: Any) -> None:
    """Checks that values are not endless, before something copies them.

    Args:
        root: nodes of YAML or plain values; what occurs twice, as behind an alias, counts twice.

    Raises:
        InputError: there are too many.
    """
    pending, count = [root], 0
    while pending:
        value = pending.pop()
        count += 1
        if count > _MOST_VALUES:
            raise InputError(
                f"more than {_MOST_VALUES} values, counting those that aliases repeat. Write them "
                "without aliases."
            )
        if isinstance(value, yaml.CollectionNode):
            value = value.value
        if isinstance(value, Mapping):
            pending += value.values()
        elif isinstance(value, list | tuple):
            pending += value


def _lines(node: yaml.Node | None, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield f"{prefix}{key.value}", key.start_mark.line + 1
                yield from _lines(value, f"{prefix}{key.value}.")
