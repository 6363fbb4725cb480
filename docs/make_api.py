"""Writes docs/api.txt: every public name with its arguments, so that a change shows in a diff.

    python docs/make_api.py

The public names are those of `tfseg` and of its public modules: `__all__`, or the names without an
underscore that a module without `__all__` defines.
"""

from __future__ import annotations

import functools
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
    return "\n".join(sorted(set(_module_lines("tfseg", tfseg)))) + "\n"


def _module_lines(path: str, module: ModuleType) -> Iterator[str]:
    defined = [name for name, value in vars(module).items() if _is_defined_in(name, value, module)]
    for name in getattr(module, "__all__", defined):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            yield f"{path}.{name}"
            yield from _module_lines(f"{path}.{name}", value)
        else:
            yield from _value_lines(f"{path}.{name}", value)


def _is_defined_in(name: str, value: Any, module: ModuleType) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__


def _value_lines(path: str, value: Any) -> Iterator[str]:
    if not callable(value):
        yield f"{path}: {type(value).__name__}"
        return
    yield f"{path}{_signature(value)}"
    if not inspect.isclass(value):
        return
    for name in vars(value):  # inherited members are listed with the base class
        member = getattr(value, name)
        if name.startswith("_") or name in getattr(value, "__dataclass_fields__", ()):
            continue
        if isinstance(member, property | functools.cached_property):
            yield f"{path}.{name}"
        elif inspect.isroutine(member):
            yield f"{path}.{name}{_signature(member)}"


def _signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except ValueError:
        return ""
    text = re.sub(r"<function (\w+) at 0x\w+>", r"\1", text)  # a default, without its address
    for field in getattr(value, "__dataclass_fields__", {}).values():
        if callable(field.default_factory):
            made_by = f"= {field.default_factory.__name__}()"
            text = re.sub(rf"(\b{field.name}: [^=]*)= <factory>", rf"\1{made_by}", text)
    text = re.sub(r"ForwardRef\(('[^']*')[^)]*\)", r"\1", text)
    return re.sub(r"""(\w: |-> )(['"])(.*?)\2""", r"\1\3", text)  # annotations, not strings


if __name__ == "__main__":
    PAGE.write_text(listing(), encoding="utf-8")
