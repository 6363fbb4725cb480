"""tfseg's kernels beside tensorflow-addons itself, in an environment of its own.

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

import pytest

ROOT = Path(__file__).parents[2]
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


@pytest.mark.slow
def test_the_kernels_give_what_tensorflow_addons_gives_on_its_own_tensorflow():
    script = Path(__file__).with_name("live_addons.py")
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [str(python_of_addons()), str(script)], env=quiet, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["versions"] == {"tensorflow": "2.15.1", "tensorflow_addons": "0.23.0"}
    differences = result["differences"]
    assert len(differences) > 120
    assert {name: value for name, value in differences.items() if value > 1e-4} == {}
