"""What is done where Linux's modules and functions are missing, as in macOS and Windows."""

from __future__ import annotations

import errno
import importlib.util
import mmap
import os
import re
import signal
import sys
from pathlib import Path
from types import ModuleType

import psutil
import pytest

import tfseg
from tfseg import atomic, large_arrays, locks, operating_system

PACKAGE = Path(tfseg.__file__).parent
# Modules of Python's library that are not in all three systems.
OF_SOME = ("fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as it is imported where everything that it may lack is missing."""
    for name in ("fcntl", "resource"):
        monkeypatch.setitem(sys.modules, name, None)
    for owner, name in (
        (os, "sched_getaffinity"),
        (os, "sysconf"),
        (os, "O_DIRECTORY"),
        (mmap, "MADV_DONTNEED"),
        (signal, "SIGPIPE"),
    ):
        monkeypatch.delattr(owner, name)
    spec = importlib.util.spec_from_file_location("other_system", operating_system.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(locks, "operating_system", module)
    return module


def test_no_other_module_imports_what_a_system_may_lack():
    pattern = re.compile(rf"^\s*(?:import|from) (?:{'|'.join(OF_SOME)})\b", re.MULTILINE)
    files = [path for path in PACKAGE.rglob("*.py") if pattern.search(path.read_text("utf-8"))]
    assert files == [Path(operating_system.__file__)]


def test_without_the_modules_of_linux_memory_and_processors_are_asked_elsewhere(windows):
    assert windows.total_memory() == psutil.virtual_memory().total == memory_of_the_kernel()
    assert windows.num_processors() == os.cpu_count()
    # psutil knows the memory of now alone, except in Windows.
    assert 0 < windows.peak_memory() <= 1.01 * operating_system.peak_memory()


def memory_of_the_kernel() -> int:
    """Returns the bytes of memory by the kernel's file."""
    (line,) = (
        line
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        if line.startswith("MemTotal:")
    )
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_the_peak_of_memory_has_the_unit_of_the_system(monkeypatch, system, unit):
    import resource

    monkeypatch.setattr(sys, "platform", system)
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert kib * unit <= operating_system.peak_memory() < 1.5 * kib * unit


def test_without_locks_a_person_is_told_and_the_file_can_be_removed(windows, tmp_path):
    with pytest.raises(OSError) as caught:
        windows.lock(0)
    assert caught.value.errno == errno.ENOSYS
    with (
        pytest.warns(UserWarning, match=r"has no locks \(this system has none\): make sure that"),
        locks.locked(tmp_path, tmp_path),
    ):
        (tmp_path / locks.LOCK_FILE).unlink()


def test_a_folder_is_synced_where_it_can_be_and_a_large_array_keeps_its_values(windows, tmp_path):
    atomic.sync(tmp_path)
    array = large_arrays.on_disk((4, 4), "int32", tmp_path)
    array[1] = 7
    large_arrays.release(array)
    assert array.sum() == 28


def test_the_number_of_the_signal_is_that_of_linux():
    assert operating_system.SIGPIPE == signal.SIGPIPE
