"""Imports go downwards only, never in a circle; what must answer fast imports no TensorFlow."""

from __future__ import annotations

import ast
import graphlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tfseg"
# From the ground up. Rooms of one layer do not import each other.
LAYERS = (
    (
        *("atomic", "autograph", "beam", "calls", "channels", "checks", "compat", "config", "cuda"),
        *("ids", "large_arrays", "lengths", "locks", "machine", "notebook", "operating_system"),
        *("ordered_map", "placement", "progress", "random", "run_files", "run_lengths", "sample"),
        *("tf_errors",),
    ),
    ("kernels",),
    ("augment", "heads", "losses", "metrics", "networks"),
    ("drawing", "data.files"),
    ("data.dataset",),
    ("data.conversion", "data.pipeline"),
    ("inference", "training"),
    ("evaluation", "keras_objects"),
    ("commands", "cli", "__main__"),
)
# The ground, and what is built of its neighbours: a network's head and losses, the command.
OPEN_LAYERS = {0, 2, 8}
EVERYWHERE = {"version"}
WITHOUT_TENSORFLOW = (
    *("checks", "config", "metrics", "sample", "data.files.images", "commands", "cli"),
    *("drawing.overlays", "drawing.curves", "evaluation.label_folders"),
    *("evaluation.coco_results", "evaluation.comparison", "evaluation.report"),
)
KERAS_METRICS = "tfseg.metrics.graph"  # the exception in metrics


def modules() -> list[str]:
    """Returns the dotted names of the package's modules, such as tfseg.heads.base."""
    names = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


MODULES = modules()


def imports_of(module: str) -> set[str]:
    """Returns the dotted names that a module of the package imports anywhere."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return set(imported(module, file.read_text(encoding="utf-8"), is_package=path.is_dir()))


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


def room(name: str) -> tuple[int, str] | None:
    """Returns the layer and the room of a dotted name; None for what belongs to no room."""
    for number, rooms in enumerate(LAYERS):
        for candidate in rooms:
            if f"{name}.".startswith(f"tfseg.{candidate}."):
                return number, candidate
    return None


def forbidden(module: str, name: str) -> bool:
    """Says whether `module` must not import `name`: it lies above, or beside it in another room."""
    importer, target = room(module), room(name)
    if importer is None or target is None or importer == target:
        return False
    beside = importer[0] == target[0] and importer[0] not in OPEN_LAYERS
    return target[0] > importer[0] or beside


def test_every_module_has_a_room():
    without = {name for name in MODULES if room(name) is None}
    assert without == {"tfseg", "tfseg.data", *(f"tfseg.{name}" for name in EVERYWHERE)}


def test_imports_go_downwards_and_never_through_the_bare_package():
    faults = [
        f"{module} imports {name}"
        for module in MODULES
        for name in imports_of(module)
        if forbidden(module, name) or (name == "tfseg" and (room(module) or (8,))[0] < 8)
    ]
    assert faults == []


def test_no_modules_import_each_other_in_a_circle():
    graph = {}
    for module in MODULES:
        # `from package import name` imports the module `name` where there is one.
        names = {
            name if name in MODULES else name.rpartition(".")[0] for name in imports_of(module)
        }
        # A package gathers what its modules define; that they import it first is Python's rule.
        graph[module] = {name for name in names & set(MODULES) if not name.startswith(f"{module}.")}
    graphlib.TopologicalSorter(graph).prepare()


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
def test_an_upward_import_is_noticed_in_every_form(text):
    (name,) = imported("tfseg.heads.base", text, is_package=False)
    assert forbidden("tfseg.heads.base", name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("tfseg.data.conversion.writer", "tfseg.data.pipeline.order"),
        ("tfseg.data.pipeline.order", "tfseg.data.conversion.writer"),
        ("tfseg.data.dataset.records", "tfseg.data.pipeline.order"),
        ("tfseg.inference.segmenter", "tfseg.training.checkpoint"),
        ("tfseg.training.trainer", "tfseg.inference.segmenter"),
        ("tfseg.training.trainer", "tfseg.evaluation.bench"),
    ],
)
def test_neighbouring_rooms_do_not_know_each_other(module, name):
    assert forbidden(module, name)


@pytest.mark.parametrize(
    "text",
    [
        "from tfseg import checks",
        "from . import base",
        "from tfseg.heads.base import Head",
        "import os",
    ],
)
def test_imports_from_the_same_room_or_a_lower_layer_are_allowed(text):
    names = list(imported("tfseg.heads", text, is_package=True))
    assert names
    assert not any(forbidden("tfseg.heads", name) for name in names)


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
