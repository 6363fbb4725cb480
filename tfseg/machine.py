"""What this process may use of the machine: memory and processors, in a container or a job, too.

A container, a Slurm job and a systemd service are control groups of Linux. A group has limits, and
so have all groups that it is in; the smallest applies.

Source: the manual page cgroups(7); The Linux Kernel documentation, "Control Group v2", memory.max
and cpu.max, and "Memory Resource Controller" and "CFS Bandwidth Control" for version 1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tfseg import operating_system

_ROOT = Path("/")
# Where groups are mounted, by their controller in /proc/self/cgroup; version 2 has none there.
_MOUNTS = {
    "": ("sys/fs/cgroup", "sys/fs/cgroup/unified"),
    "memory": ("sys/fs/cgroup/memory",),
    "cpu": ("sys/fs/cgroup/cpu", "sys/fs/cgroup/cpu,cpuacct"),
}


def usable_memory(root: Path = _ROOT) -> int:
    """Returns the bytes of memory that the process may use: all of it, or the limit of a group.

    Args:
        root: of the file system; tests have files of theirs.
    """
    limits = [
        *_numbers(root, "", "memory.max"),
        *_numbers(root, "memory", "memory.limit_in_bytes"),
    ]
    return int(min([operating_system.total_memory(), *(limit for (limit,) in limits)]))


def usable_processors(root: Path = _ROOT) -> float:
    """Returns how many processors the process may use; a group may have a share of one.

    Args:
        root: as for `usable_memory`.
    """
    shares = [quota / period for quota, period in _numbers(root, "", "cpu.max")]
    quotas = _numbers(root, "cpu", "cpu.cfs_quota_us")
    periods = _numbers(root, "cpu", "cpu.cfs_period_us")
    pairs = zip(quotas, periods, strict=False)
    # Version 1 writes -1 where there is no quota.
    shares += [quota / period for (quota,), (period,) in pairs if quota > 0]
    return min([float(operating_system.num_processors()), *shares])


def _numbers(root: Path, controller: str, file: str) -> Iterator[list[float]]:
    """Yields the numbers in a file of the groups of this process, where it has only numbers."""
    for folder in _groups(root, controller):
        # Files that are missing, or hold "max", set no limit.
        with contextlib.suppress(OSError, ValueError):
            yield [float(word) for word in (folder / file).read_text(encoding="ascii").split()]


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """Yields the folders of the group of this process, and of all groups that it is in."""
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, names, path = line.split(":", 2)
            if controller not in names.split(","):
                continue
            group = Path(path.lstrip("/"))
            for mount in _MOUNTS[controller]:
                # A container sees its group as the root, under the path that it has outside.
                for part in (group, *group.parents):
                    yield root / mount / part
