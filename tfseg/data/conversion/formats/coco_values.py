"""Values of COCO's JSON files, in all the types that tools write them in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeGuard

from tfseg.checks import InputError
from tfseg.data.conversion.formats.parsing import entry, shortened

_FLAGS = {0: False, 1: True, "0": False, "1": True}  # true is 1 and 1.0 is 1 for Python


def is_whole(value: object) -> TypeGuard[int | float]:
    """Returns whether a value is a whole number, such as 1 or 1.0."""
    return type(value) is int or (isinstance(value, float) and value.is_integer())


def integer(record: Any, key: str, *, context: object) -> int:
    """Returns the whole number `key` of an object; 1.0 is 1.

    Raises:
        InputError: not an object, or no whole number.
    """
    value: Any = record.get(key) if isinstance(record, dict) else None
    return int(value) if is_whole(value) else entry(record, key, int, context=context)


def image_key(record: Any, key: str, *, context: object) -> str:
    """Returns the id of an image as a text, so that 7, 7.0 and "7" are one id.

    Raises:
        InputError: not an object, or neither a whole number nor a text.
    """
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, str) else str(integer(record, key, context=context))


def flag(record: Any, key: str, *, context: object, default: bool = False) -> bool:
    """Returns whether the entry `key` of an object is 1; null is 0.

    Raises:
        InputError: not an object, or anything but 0, 1, true, false, null, "0" and "1".
    """
    value = entry(record, key, object, context=context, default=default)
    if value is None:
        return False
    if isinstance(value, str | float | int) and value in _FLAGS:
        return _FLAGS[value]
    raise InputError(
        f"{context} must have {key!r} 0 or 1; got {shortened(value)}. Correct it, or export again."
    )


def crowd_note(path: Path, crowds: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    """Returns a note if crowds look like single objects: most of one class share their image.

    In COCO's data, one crowd of a class is all that was not outlined in an image.

    Args:
        path: JSON file.
        crowds: image and category of each crowd.
    """
    counts = Counter(crowds)
    shared = sum(number for number in counts.values() if number > 1)
    if 2 * shared <= counts.total():
        return ()
    return (
        f"{path.name}: {shared} of {counts.total()} crowds (iscrowd 1) have another of their class "
        "in their image: they look like single objects, as masks painted in CVAT are. Take them as "
        "instances with --crowd instance.",
    )
