"""Runs the benchmarks one after the other, each in a new process.

    python -m benchmarks.run --all --quick       # a trial: does everything run? Ten minutes
    python -m benchmarks.run --all               # less than two hours; two more with --accuracy
    python -m benchmarks.run heads metrics       # only these
    python -m benchmarks.report                  # then: docs/benchmarks.md from the results

A benchmark is a script in this folder that takes `--to FILE`, and optionally `--quick`. What needs
more than this repository is left out, with a message: other libraries without an environment
(`python benchmarks/environments/make.py` makes them), and accuracy and presets without images.

The figures of a quick run mean nothing. It writes into the folder `trial`, without claims.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
RESULTS = HERE / "results"
TRIAL = HERE / "trial"  # git ignores it
PEERS = ROOT / ".venv-benchmarks"
# Scripts that compare with libraries in separate environments, and these libraries.
PEERS_OF = {
    "augmentation": tuple(file.stem for file in (HERE / "environments").glob("*.txt")),
    "pipeline": ("albumentations", "albumentationsx"),
}
NEED_IMAGES = ("accuracy", "presets")  # images that this repository does not have
# The options of a quick run, for scripts without an option --quick.
QUICK = {
    "accuracy": ("--steps", "60", "--heads", "center_offset"),
    "augmentation": ("--rounds", "3", "--seconds", "0.1"),
    "heads": ("--rounds", "3"),
    "large_images": ("--rounds", "2", "--batches", "1", "--largest", "5000"),
    "metrics": ("--rounds", "5", "--slow_rounds", "1"),
    "presets": ("--steps", "5", "--rounds", "3"),
    "store": ("--rounds", "5"),
}


def scripts() -> dict[str, Path]:
    """Returns the benchmarks by name."""
    others = (Path(__file__), HERE / "report.py")
    return {
        file.stem: file
        for file in sorted(HERE.glob("*.py"))
        if file not in others and '"--to"' in file.read_text(encoding="utf-8")
    }


def options(name: str, *, quick: bool, to: Path, accuracy: Path | None, work: str) -> Iterator[str]:
    """Yields the arguments of a script."""
    if quick:
        has_option = '"--quick"' in scripts()[name].read_text(encoding="utf-8")
        yield from ("--quick",) if has_option else QUICK.get(name, ())
    yield from ("--to", str(to / f"{name}.json"))
    if name in NEED_IMAGES:
        yield from (str(accuracy), "--work", work)
    missing = [peer for peer in PEERS_OF.get(name, ()) if not (PEERS / peer / "done").exists()]
    yield from ("--without", *missing) if missing else ()


def finish(file: Path, *, is_trial: bool) -> None:
    """Prints the claims of a result; takes them out of a trial, and marks it."""
    content = json.loads(file.read_text(encoding="utf-8"))
    if is_trial:
        content |= {"claims": [], "trial": True}
        file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"a trial, in {file}: its figures mean nothing")
    for claim in content["claims"]:
        print(json.dumps(claim))


def main(
    *, names: list[str], all: bool, quick: bool, to: Path | None, accuracy: Path | None
) -> int:
    """Runs the benchmarks named, and returns the number that failed."""
    to = to or (TRIAL if quick else RESULTS)
    known = scripts()
    chosen = list(known) if all else names
    if not chosen or set(chosen) - set(known):
        sys.exit(f"Name some of {', '.join(known)}, or --all; got {' '.join(chosen) or 'nothing'}.")
    failed = 0
    for name in chosen:
        if name in NEED_IMAGES and accuracy is None:
            print(f"left out: {name}, which needs its images: --accuracy FOLDER", flush=True)
            continue
        print(f"== {name}", flush=True)
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as work:
            given = options(name, quick=quick, to=to, accuracy=accuracy, work=work)
            code = subprocess.run(
                [sys.executable, str(known[name]), *given], check=False
            ).returncode
        failed += code != 0
        if code == 0:
            finish(to / f"{name}.json", is_trial=quick)
        ending = "done" if code == 0 else f"FAILED with code {code}"
        print(f"== {name}: {ending}, {time.monotonic() - start:.0f} seconds", flush=True)
    return failed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="benchmarks")
    add("--all", action="store_true", help="every one of them")
    add("--quick", action="store_true", help="a trial, whose figures mean nothing")
    add("--to", type=Path, metavar="DIR", help="folder of the JSON files")
    add("--accuracy", type=Path, metavar="FOLDER", help="images of accuracy.py, see there")
    sys.exit(main(**vars(parser.parse_args())))
