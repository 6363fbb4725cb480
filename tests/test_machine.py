"""The limits of control groups, from files as both versions of them have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfseg import cuda, machine, operating_system

PROCESSORS = operating_system.num_processors()


def system(folder: Path, files: dict[str, str]) -> Path:
    """Writes files below a folder, which stands for the root of the file system."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    return folder


V2 = {"proc/self/cgroup": "0::/user.slice/job"}
V1 = {"proc/self/cgroup": "9:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/"}


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        (V2, None),
        # the group itself, one that it is in, and the smaller of both
        (V2 | {"sys/fs/cgroup/user.slice/job/memory.max": "1000"}, 1000),
        (V2 | {"sys/fs/cgroup/user.slice/memory.max": "2000"}, 2000),
        (
            V2
            | {
                "sys/fs/cgroup/user.slice/job/memory.max": "max",
                "sys/fs/cgroup/user.slice/memory.max": "2000",
                "sys/fs/cgroup/memory.max": "3000",
            },
            2000,
        ),
        # a container whose group is the root that it sees
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/memory.max": "4000"}, 4000),
        # beside groups of version 1
        (V2 | {"sys/fs/cgroup/unified/user.slice/job/memory.max": "5000"}, 5000),
        # version 1 in a container: the path is that outside of it
        (V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "6000"}, 6000),
        (V1 | {"sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "7000"}, 7000),
        (V1 | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712"}, None),
    ],
)
def test_the_memory_of_a_group_is_its_smallest_limit(tmp_path, files, limit):
    total = operating_system.total_memory()
    assert machine.usable_memory(system(tmp_path, files)) == (limit or total)


@pytest.mark.parametrize(
    ("files", "processors"),
    [
        ({}, PROCESSORS),
        (V2 | {"sys/fs/cgroup/user.slice/job/cpu.max": "max 100000"}, PROCESSORS),
        (V2 | {"sys/fs/cgroup/user.slice/job/cpu.max": "50000 100000"}, 0.5),
        (
            V1
            | {
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "25000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            0.25,
        ),
        (
            V1
            | {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
            },
            PROCESSORS,
        ),
    ],
)
def test_the_processors_of_a_group_are_its_quota(tmp_path, files, processors):
    assert machine.usable_processors(system(tmp_path, files)) == processors


def test_cards_are_counted_on_the_bus_by_maker_and_class(tmp_path):
    kinds = {"0": ("0x10de", "0x030200"), "1": ("0x10de", "0x040300"), "2": ("0x8086", "0x030000")}
    for name, (maker, kind) in kinds.items():
        folder = f"sys/bus/pci/devices/{name}"
        system(tmp_path, {f"{folder}/vendor": maker, f"{folder}/class": kind})
    (tmp_path / "sys/bus/pci/devices/3").mkdir()
    assert cuda.cards_on_bus(tmp_path) == 1
