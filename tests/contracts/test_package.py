"""The wheel can be installed without the source, and works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The files that .dockerignore includes, so that a container is built from the same.
INCLUDED = [
    line[1:]
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line.startswith("!")
]


def run(*command: str | Path, cwd: Path) -> str:
    """Runs a command without this source on the path; returns its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment | quiet,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and a source distribution."""
    pytest.importorskip("build")
    folder = tmp_path_factory.mktemp("package")
    for name in INCLUDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / "source").mkdir(exist_ok=True)
        copy(ROOT / name, folder / "source" / name)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist"]
    run(*build, folder / "source", cwd=folder)
    return folder / "dist"


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; its dependencies are those of this one."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=environment)
    (packages,) = environment.glob("lib/python*/site-packages")
    paths = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "dependencies.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return environment / "bin"


@pytest.mark.slow
def test_the_source_distribution_has_the_files_of_the_wheel(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"setup.cfg", "pyproject.toml", "LICENSE", "tfseg/py.typed"} <= names
    assert any(name.startswith("tfseg/sample/train/images/") for name in names)


@pytest.mark.slow
def test_the_installed_wheel_is_typed_and_the_program_starts(installed, tmp_path):
    path = run(installed / "python", "-c", "import tfseg; print(tfseg.__file__)", cwd=tmp_path)
    package = Path(path.strip()).parent
    assert installed.parent in package.parents
    assert (package / "py.typed").is_file()
    assert (package / "__init__.pyi").is_file()
    assert re.search(r"\bconvert\b", run(installed / "tfseg", "--help", cwd=tmp_path))


@pytest.mark.slow
def test_the_demo_runs_from_the_installed_wheel(installed, tmp_path):
    out = run(installed / "tfseg", "demo", "--steps=2", "--out=demo", "--json", cwd=tmp_path)
    assert json.loads(out)["num_images"] == 12
    assert (tmp_path / "demo" / "evaluation" / "report.html").is_file()
