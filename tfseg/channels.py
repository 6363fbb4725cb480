"""Names of the channels of an image, and which images are grey or RGB."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def of_file(
    candidates: Iterable[Sequence[str]], count: int, first: Sequence[str] = ()
) -> tuple[str, ...]:
    """Returns the names of the channels of an image in a file.

    Args:
        candidates: names that its metadata have; the first with a different name for each channel
            are taken.
        count: number of its channels.
        first: what the first channels are where there are no names.

    Returns:
        Names, numbers for the rest; empty for a grey image, and for one of three channels without
        names, which counts as RGB.
    """
    if count == 1:
        return ()
    for names in candidates:
        if len(names) == len(set(names)) == count and all(names):
            return tuple(names)
    return () if count == 3 else numbered(count, first)


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
