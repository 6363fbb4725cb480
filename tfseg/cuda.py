"""The NVIDIA cards of this machine, from the driver and from the bus, without TensorFlow."""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path
from typing import NamedTuple

DRIVER = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # attributes of a device: its compute capability
_NVIDIA, _DISPLAY = "0x10de", "0x03"  # maker, and the class of graphics cards


class Card(NamedTuple):
    """A card that the driver has.

    Attributes:
        name: such as NVIDIA A100.
        capability: compute capability, such as (8, 0).
        memory: bytes.
    """

    name: str
    capability: tuple[int, int]
    memory: int


class Driver(NamedTuple):
    """The driver, and the cards that CUDA_VISIBLE_DEVICES leaves.

    Attributes:
        version: the latest CUDA that the driver supports, such as (12, 4).
        cards: in their order.
    """

    version: tuple[int, int]
    cards: tuple[Card, ...]


def driver() -> Driver | None:
    """Returns the driver and its cards; None where the library of the driver is missing.

    Source: CUDA Driver API, sections "Version Management" and "Device Management".
    """
    library = loaded(DRIVER)
    if library is None:
        return None
    number = ctypes.c_int()
    library.cuDriverGetVersion(ctypes.byref(number))
    version = number.value // 1000, number.value % 1000 // 10
    number.value = 0
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(number)):
        return Driver(version, ())
    return Driver(version, tuple(_card(library, index) for index in range(number.value)))


def loaded(file: str) -> ctypes.CDLL | None:
    """Returns a shared library by the name of its file; None where it cannot be loaded."""
    try:
        return ctypes.CDLL(file)
    except OSError:
        return None


def cards_on_bus(root: Path = Path("/")) -> int:
    """Returns how many NVIDIA cards the bus has, with a driver or without.

    Args:
        root: of the file system; tests have files of theirs.
    """
    count = 0
    for device in (root / "sys/bus/pci/devices").glob("*"):
        with contextlib.suppress(OSError):
            maker, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            count += maker == _NVIDIA and kind.startswith(_DISPLAY)
    return count


def _card(library: ctypes.CDLL, index: int) -> Card:
    text, value, size = ctypes.create_string_buffer(128), ctypes.c_int(), ctypes.c_size_t()
    library.cuDeviceGetName(text, len(text), index)
    library.cuDeviceTotalMem_v2(ctypes.byref(size), index)

    def attribute(which: int) -> int:
        library.cuDeviceGetAttribute(ctypes.byref(value), which, index)
        return value.value

    capability = attribute(_MAJOR), attribute(_MINOR)
    return Card(text.value.decode(errors="replace"), capability, size.value)
