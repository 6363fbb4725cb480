"""Makes the virtual environments of other libraries, which conflict with tfseg or each other.

    python benchmarks/environments/make.py

There is one for each requirements file beside this script, in FOLDER/NAME. Python 3.11 is the last
version that tensorflow-addons supports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAMES = tuple(sorted(file.stem for file in HERE.glob("*.txt")))
FOLDER = HERE.parents[1] / ".venv-benchmarks"  # git ignores .venv*


def main(*, folder: Path, python: str, names: list[str]) -> None:
    """Makes the environments called `names` that do not exist yet."""
    for name in names:
        environment = folder / name
        done = environment / "done"
        if done.exists():
            print(f"{name} exists already: {environment}")
            continue
        subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True)
        install = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        pip = subprocess.run(
            [*install, "-r", str(HERE / f"{name}.txt")], stderr=subprocess.PIPE, text=True
        )
        if pip.returncode:
            sys.exit(f"{name} cannot be installed:\n{pip.stderr}")
        done.touch()
        print(f"{name} is in {environment}{_warnings(pip.stderr)}")


def _warnings(log: str) -> str:
    """Counts pip's warnings: an index that cannot be reached makes hundreds of them."""
    lines = [line for line in log.splitlines() if line.startswith("WARNING")]
    return f" ({len(lines)} warnings of pip, such as: {lines[0]})" if lines else ""


def default_python() -> str:
    """Returns this interpreter if it is Python 3.11, otherwise python3.11."""
    return sys.executable if sys.version_info[:2] == (3, 11) else "python3.11"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--python", default=default_python())
    parser.add_argument("names", nargs="*", default=list(NAMES))
    main(**vars(parser.parse_args()))
