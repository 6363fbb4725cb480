"""Names of the channels of an image, and which images are grey or RGB."""

from __future__ import annotations

from collections.abc import Sequence

from tfseg.checks import InputError

GREY, COLORS = ("grey",), ("red", "green", "blue")


def is_grey_or_rgb(count: int, names: Sequence[str] = ()) -> bool:
    """Returns whether images of `count` channels are grey or RGB, not measurements side by side.

    Args:
        count: of the channels.
        names: of the channels; empty where nothing is known of them.
    """
    return count == 1 or (count == 3 and tuple(names) in ((), COLORS))


def names_of(count: int, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns `names`, or where they are empty the names that `count` channels have without any."""
    if names:
        return tuple(names)
    return {1: GREY, 3: COLORS}.get(count) or numbered(count)


def is_convertible(names: Sequence[str]) -> bool:
    """Returns whether `names_of` some channels are grey, or red, green and blue in this order."""
    return tuple(names) in (GREY, COLORS)


def numbered(count: int, first: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns the names `first`, and channel_3 and so on by position for the rest of `count`."""
    return (*first, *(f"channel_{index}" for index in range(len(first), count)))


def check_names(option: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns names of channels that were given as an option.

    Raises:
        InputError: no list of different texts without commas.
    """
    is_list = isinstance(names, tuple | list) and all(isinstance(name, str) for name in names)
    usable = is_list and all(name.strip() == name != "" and "," not in name for name in names)
    if not usable or len(set(names)) < len(names):
        raise InputError(
            f"{option} must be a different name for each channel, without commas, such as "
            f"red,green,blue,nir; got {names!r}."
        )
    return tuple(names)
