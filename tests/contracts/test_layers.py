"""Imports go downwards only, and what must answer fast imports no TensorFlow."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tfseg"
LAYERS = {
    "archive": 0,
    "checks": 0,
    "config": 0,
    "random": 0,
    "sample": 0,
    "version": 0,
    "whole": 0,
    "kernels": 1,
    "augment": 2,
    "heads": 2,
    "losses": 2,
    "metrics": 2,
    "networks": 2,
    "data": 3,
    "evaluation": 4,
    "inference": 4,
    "training": 4,
    "commands": 5,
    "cli": 5,
    "__main__": 5,
}
WITHOUT_TENSORFLOW = (
    *("checks", "config", "metrics", "sample", "data.images", "commands", "cli"),
    *("evaluation.files", "evaluation.coco_results", "evaluation.comparison"),
    *("evaluation.report", "evaluation.facts", "evaluation.plots", "evaluation.curves"),
)
KERAS_METRICS = "tfseg.metrics.graph"  # the exception in metrics


def modules() -> list[str]:
    """Returns the dotted names of the package's modules, such as tfseg.data.store."""
    names = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


MODULES = modules()


def source(module: str) -> str:
    path = PACKAGE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text(encoding="utf-8")


def imported(module: str, text: str, *, is_package: bool) -> Iterator[str]:
    """Yields the dotted names that `text`, the source of `module`, imports anywhere."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            up = node.level - is_package
            base = parts[: len(parts) - up] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def layer(name: str) -> int | None:
    """Returns the layer of a dotted name of the package; None for the bare package and others."""
    parts = name.split(".")
    return LAYERS[parts[1]] if parts[0] == "tfseg" and len(parts) > 1 else None


def upward(module: str, text: str, *, is_package: bool) -> list[str]:
    own = layer(module)
    names = imported(module, text, is_package=is_package)
    return [name for name in names if own is not None and (layer(name) or 0) > own]


def test_every_module_has_a_layer():
    assert {name.split(".")[1] for name in MODULES if "." in name} <= set(LAYERS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards(module):
    is_package = (PACKAGE.parent / Path(*module.split("."))).is_dir()
    assert upward(module, source(module), is_package=is_package) == []


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) not in (None, 5)])
def test_only_the_command_imports_the_bare_package_through_which_anything_could_be_reached(module):
    is_package = (PACKAGE.parent / Path(*module.split("."))).is_dir()
    assert "tfseg" not in imported(module, source(module), is_package=is_package)


@pytest.mark.parametrize(
    "text",
    [
        "import tfseg.cli",
        "from tfseg import training",
        "from tfseg.training import trainer",
        "from ..training.trainer import Trainer",
        "from .. import training",
        "def later():\n    from tfseg.inference import segmenter",
    ],
)
def test_an_upward_import_is_found_in_every_form(text):
    assert len(upward("tfseg.heads.base", text, is_package=False)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "from tfseg import checks",
        "from . import base",
        "from tfseg.heads.base import Head",
        "import os",
    ],
)
def test_imports_from_the_own_or_a_lower_layer_are_allowed(text):
    assert upward("tfseg.heads", text, is_package=True) == []


def test_modules_that_must_answer_fast_import_no_tensorflow():
    wanted = tuple(f"tfseg.{name}" for name in WITHOUT_TENSORFLOW)
    names = [name for name in MODULES if any(f"{name}.".startswith(f"{w}.") for w in wanted)]
    names.remove(KERAS_METRICS)
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps([m for m in ('tensorflow', 'keras') if m in sys.modules]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert len(names) > len(WITHOUT_TENSORFLOW)
    assert json.loads(result.stdout) == []
