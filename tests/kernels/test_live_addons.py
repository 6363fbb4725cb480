"""tfseg's kernels beside tensorflow-addons itself, in a separate environment.

The environment is made once, in the user's cache, under the hash of its requirements.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
RECORDS = (
    Path(__file__).parent / "data" / "tfa_golden.npz",
    ROOT / "tests" / "contracts" / "tfa_cases.npz",
)
ENVIRONMENTS = ROOT / "benchmarks" / "environments"
NAME = "tensorflow-addons"
MAKING = 480  # seconds at most


def python_of_addons() -> Path:
    """Returns the interpreter that has tensorflow-addons; skips the test where it cannot be had."""
    python = shutil.which("python3.11")
    if sys.version_info[:2] == (3, 11):
        python = sys.executable
    if python is None:
        pytest.skip("tensorflow-addons needs Python 3.11; there is no python3.11")
    digest = hashlib.sha256((ENVIRONMENTS / f"{NAME}.txt").read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "tfseg-environments" / digest
    make = [sys.executable, str(ENVIRONMENTS / "make.py"), "--folder", str(folder)]
    try:
        subprocess.run(
            [*make, "--python", python, NAME],
            check=True,
            capture_output=True,
            text=True,
            timeout=MAKING,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"tensorflow-addons could not be installed in {MAKING} seconds")
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1:]
        pytest.skip(f"tensorflow-addons could not be installed: {' '.join(last)}")
    return folder / NAME / "bin" / "python"


def run(script: str, *options: str) -> str:
    """Runs a script of this folder with tensorflow-addons; returns what it printed."""
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    command = [str(python_of_addons()), str(Path(__file__).with_name(script)), *options]
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.exhaustive
def test_the_kernels_give_what_tensorflow_addons_gives_on_its_own_tensorflow():
    result = json.loads(run("live_addons.py").splitlines()[-1])
    assert result["versions"] == {"tensorflow": "2.15.1", "tensorflow_addons": "0.23.0"}
    differences = result["differences"]
    assert len(differences) > 80
    assert {name: value for name, value in differences.items() if value > 1e-4} == {}


@pytest.mark.exhaustive
def test_the_recorded_cases_come_out_when_they_are_recorded_anew(tmp_path):
    run("record_addons.py", f"--to={tmp_path}")
    for path in RECORDS:
        with np.load(path) as committed, np.load(tmp_path / path.name) as anew:
            assert sorted(anew.files) == sorted(committed.files)
            for name in committed.files:
                one, other = anew[name], committed[name]
                assert (one.dtype, one.shape) == (other.dtype, other.shape), name
                if one.dtype.kind in "OSU":
                    assert one == other, name
                else:
                    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5, err_msg=name)
