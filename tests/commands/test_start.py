"""Which lines of TensorFlow's start reach a person."""

from __future__ import annotations

import os

import pytest

from tfseg.commands import start

NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1764600000.1  12 cudart_stub.cc:31] Could not find cuda drivers\n"
    b"2026-12-01 10:00:00.1: I tensorflow/core/util/port.cc:153] oneDNN custom operations are on.\n"
    b"E is no level here\n"
    b"E0000 00:00:1764600000.1  12 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR\n"
)
ERRORS = (
    b"E0000 00:00:1764600000.1  12 cuda_dnn.cc:10] Loaded runtime cuDNN library: 9.1\n"
    b"2026-12-01 10:00:00.1: E external/xla/cuda_blas.cc:51] failed to create a handle\n"
)


def test_errors_are_written_and_other_lines_are_not(capfd):
    with start._only_errors():
        os.write(2, NOISE + ERRORS)
    assert capfd.readouterr().err.encode() == ERRORS
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "later\n"


def test_all_lines_are_written_where_the_import_fails(capfd):
    with pytest.raises(ImportError), start._only_errors():
        os.write(2, NOISE)
        raise ImportError
    assert capfd.readouterr().err.encode() == NOISE
