"""The lock of a folder: one holder at a time, also where a file was left."""

from __future__ import annotations

import errno
import fcntl

import pytest

from tfseg.checks import InputError
from tfseg.locks import LOCK_FILE, locked


def test_a_second_holder_is_refused_until_the_first_is_done(tmp_path):
    with locked(tmp_path, tmp_path):
        refused = pytest.raises(InputError, match=r"is being written by another run\. Wait for it")
        with refused, locked(tmp_path, tmp_path):
            pytest.fail("two processes write")
        assert (tmp_path / LOCK_FILE).exists()
    with locked(tmp_path, tmp_path):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def flock(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.warns(UserWarning, match=r"has no locks \(No locks available\): make sure that no"),
        locked(tmp_path, tmp_path),
    ):
        assert (tmp_path / LOCK_FILE).exists()


def test_a_lock_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none", tmp_path):
        pytest.fail("the folder does not exist")
