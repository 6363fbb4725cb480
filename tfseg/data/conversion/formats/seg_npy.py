"""Cellpose's X_seg.npy: a dictionary of arrays as a Python pickle, read without running any of it.

A pickle is a program: it names functions and calls them, and even the state of a dtype that it sets
can crash NumPy. Here its opcodes build plain values and descriptions of the objects that it would
make, and an array is read from the bytes of its description.
"""

from __future__ import annotations

import dataclasses
import math
import pickletools
import re
from typing import Any

import numpy as np

_MAGIC = b"\x93NUMPY\x01\x00"  # version 1.0, which is followed by the length of the header
# NumPy 2 moved numpy.core to numpy._core.
_ARRAYS = [
    (module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")
]
_DTYPE = re.compile(r"b1|[iu][1248]|f[248]")
_LONGEST = 32  # dimensions
_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_VALUES = re.compile(r"BININT[12]?|LONG[14]|BINFLOAT|(SHORT_)?BIN(UNICODE|BYTES)8?")
_NOTHING = ("PROTO", "FRAME", "STOP")


@dataclasses.dataclass
class _Object:
    """What a pickle would make: the function or class, the arguments, and the state."""

    name: tuple[Any, ...]
    arguments: Any = None
    state: Any = None


def read_masks(data: bytes) -> np.ndarray:
    """Returns the entry "masks" of the content of a file X_seg.npy.

    Raises:
        ValueError: it is something else, or damaged.
    """
    if not data.startswith(_MAGIC):
        raise ValueError("no NumPy file of version 1.0")
    start = len(_MAGIC) + 2
    start += int.from_bytes(data[len(_MAGIC) : start], "little")
    outer = _state(_Machine().run(data[start:]))
    content = outer[-1][0] if isinstance(outer[-1], list) and len(outer[-1]) == 1 else None
    if not isinstance(content, dict) or "masks" not in content:
        raise ValueError("it holds no dictionary with the entry 'masks'")
    return _array(content["masks"])


def _state(array: Any) -> tuple[Any, ...]:
    """Returns version, shape, dtype, whether the order is Fortran's, and content of an array."""
    match array:
        case _Object(name, _, (_, _, _, _, _) as state) if name in _ARRAYS:
            return tuple(state)
    raise ValueError("a value that must be an array is none")


def _array(array: Any) -> np.ndarray:
    _, shape, described, is_fortran, content = _state(array)
    dtype = _dtype(described)
    if not (
        isinstance(content, bytes)
        and isinstance(shape, tuple)
        and len(shape) <= _LONGEST
        and all(isinstance(side, int) and 0 < side <= len(content) for side in shape)
        and math.prod(shape) * dtype.itemsize == len(content)
    ):
        raise ValueError("an array whose content does not have its shape")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def _dtype(described: Any) -> np.dtype:
    """Returns a dtype of numbers by its name and the order of its bytes."""
    match described:
        case _Object(("numpy", "dtype"), (str(name), *_), (_, "<" | ">" | "|" as order, *_)):
            if _DTYPE.fullmatch(name):
                return np.dtype(order + name)
    raise ValueError("an array of a dtype that is no number")


class _Machine:
    """The opcodes of a pickle that NumPy and dictionaries of plain values need."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, pickled: bytes) -> Any:
        """Returns the value of a pickle.

        Raises:
            ValueError: an unknown or impossible opcode.
        """
        for opcode, argument, _ in pickletools.genops(pickled):
            try:
                self._do(opcode.name, argument)
            except (LookupError, TypeError, AttributeError) as error:
                raise ValueError(f"a damaged pickle, at {opcode.name}") from error
        return self.stack.pop() if self.stack else None

    def _do(self, name: str, argument: Any) -> None:
        stack = self.stack
        if _VALUES.fullmatch(name):
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            stack.append(tuple(self._pop(_TUPLES[name])))
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "TUPLE":
            stack.append(tuple(self._pop_to_mark()))
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            self.memo[len(self.memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif name not in _NOTHING:
            self._do_to_object(name, argument)

    def _do_to_object(self, name: str, argument: Any) -> None:
        if name in ("APPEND", "APPENDS"):
            items = self._pop(1) if name == "APPEND" else self._pop_to_mark()
            self.stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._pop(2) if name == "SETITEM" else self._pop_to_mark()
            pairs = zip(items[::2], items[1::2], strict=True)
            self.stack[-1].update(pair for pair in pairs if isinstance(pair[0], str))
        elif name == "GLOBAL":
            self.stack.append(_Object(tuple(argument.split(" ", 1))))
        elif name == "STACK_GLOBAL":
            self.stack.append(_Object(tuple(self._pop(2))))
        elif name in ("REDUCE", "NEWOBJ"):
            made, arguments = self._pop(2)
            self.stack.append(_Object(made.name, arguments))
        elif name == "BUILD":
            (state,) = self._pop(1)
            self.stack[-1].state = state
        else:
            raise ValueError(f"the opcode {name}")

    def _pop(self, count: int) -> list[Any]:
        if count > len(self.stack):
            raise IndexError
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]
