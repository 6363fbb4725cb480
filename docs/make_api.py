"""Writes docs/api.txt: every public name with its arguments, so that a change of them is seen.

    python docs/make_api.py

Public are the names of `tfseg`, and of the modules that it names those in `__all__`, or, where
there is none, what they define without an underscore.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import tfseg

PAGE = Path(__file__).with_name("api.txt")


def listing() -> str:
    """Returns a line for every name."""
    return "\n".join(sorted(set(_of_module("tfseg", tfseg)))) + "\n"


def _of_module(path: str, module: ModuleType) -> Iterator[str]:
    own = [name for name, value in vars(module).items() if _is_own(name, value, module)]
    for name in getattr(module, "__all__", own):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield f"{path}.{name}"
            yield from _of_module(f"{path}.{name}", value)
        else:
            yield from _of_value(f"{path}.{name}", value)


def _is_own(name: str, value: Any, module: ModuleType) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _of_value(path: str, value: Any) -> Iterator[str]:
    if not callable(value):
        yield f"{path}: {type(value).__name__}"
        return
    yield f"{path}{_signature(value)}"
    if not inspect.isclass(value):
        return
    for name in vars(value):  # of the class itself: what it inherits stands with its parent
        member = getattr(value, name)
        if name.startswith("_") or name in getattr(value, "__dataclass_fields__", ()):
            continue
        if inspect.isroutine(member):
            yield f"{path}.{name}{_signature(member)}"
        elif isinstance(member, property):
            yield f"{path}.{name}"


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except ValueError:
        return ""
    text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)  # a default, without its address
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations, not texts


if __name__ == "__main__":
    PAGE.write_text(listing(), encoding="utf-8")
