"""Uses a run by the command line, in a process that knows nothing of its network."""

from __future__ import annotations

from pathlib import Path

from tfseg import cli


def use(run: Path, data: Path, images: Path, out: Path) -> int:
    """Evaluates, predicts in tiles with flips, and exports; returns the worst code."""
    return _worst(
        ("evaluate", run, data, "--split=val", "--json", "--out", out / "scored"),
        ("predict", run, images, "--out", out / "predicted", "--tile=128", "--tta"),
        ("export", run, out / "exported"),
    )


def go_on(run: Path, data: Path) -> int:
    """Tunes and resumes a run; returns the worst code."""
    return _worst(("tune", run, data), ("train", data, run, "--resume", "--train.steps=7"))


def _worst(*commands: tuple[object, ...]) -> int:
    return max(cli.main([str(part) for part in command]) for command in commands)
