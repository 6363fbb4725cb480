"""Fixtures of the tests of the benchmarks."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run() -> Run:
    """Runs a script of the folder with options and without a GPU."""

    def run_script(script: str, *options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(BENCHMARKS / script), *options],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    return run_script


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a script of the folder in this process, which has imported TensorFlow already."""
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(BENCHMARKS)

    def run_script(script: str, *options: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", [script, *options])
        capfd.readouterr()
        code: object = 0
        try:
            runpy.run_path(str(BENCHMARKS / script), run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        out, err = capfd.readouterr()
        if isinstance(code, str):  # as Python does at the end of a process
            code, err = 1, f"{err}{code}\n"
        return subprocess.CompletedProcess([script, *options], code, out, err)

    yield run_script
    for name in set(sys.modules) - modules:  # such as common and environments
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]
