"""What Linux, macOS and Windows have in different ways, or not at all.

No other module imports what one of them lacks. What Windows lacks is asked of psutil there.
"""

from __future__ import annotations

import errno
import os
import sys

try:
    import fcntl
    import resource
except ImportError:  # Windows
    fcntl = resource = None  # type: ignore[assignment]

HAS_LOCKS = fcntl is not None
SIGPIPE = 13  # the number of the signal, whose name Windows lacks


def lock(descriptor: int) -> None:
    """Locks an open file until it is closed.

    Raises:
        BlockingIOError: another process has the lock.
        OSError: there are no locks in this system, or in the file system.
    """
    if not HAS_LOCKS:
        raise OSError(errno.ENOSYS, "this system has none")
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def num_processors() -> int:
    """Returns the number of processors that this process may run on."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def total_memory() -> int:
    """Returns the bytes of memory of this machine."""
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    import psutil

    return psutil.virtual_memory().total


def peak_memory() -> int:
    """Returns the most bytes of memory that this process has had."""
    if resource is not None:
        unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    import psutil

    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss)
