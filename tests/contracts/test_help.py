"""`help` of a public name fits a screen and has an example that runs; `dir` has public names."""

from __future__ import annotations

import doctest
import importlib
import inspect
import os
import pydoc
import warnings
from pathlib import Path

import numpy as np
import pytest

import tfseg
from tfseg.training.callbacks import Callback

SCREEN = 60  # lines
# Their members alone fill a screen.
LONG = {"Dataset": 110, "Evaluation": 90, "ModelConfig": 80, "Segmenter": 110}
VALUES = {name: getattr(tfseg, name) for name in tfseg.__all__ if not name.startswith("__")}
NAMES = sorted(name for name, value in VALUES.items() if not inspect.ismodule(value))
MODULES = ["tfseg", *(f"tfseg.{name}" for name in VALUES if name not in NAMES)]
FIRST = ("convert", "Trainer")  # they make the data set and the run of the other examples


def run_example(name: str, folder: Path) -> str:
    """Runs the example of a name in a folder, and returns what differs from its results."""
    finder, failures = doctest.DocTestFinder(recurse=False), []
    (test,) = finder.find(VALUES[name], name, globs={"tfseg": tfseg, "np": np})
    assert test.examples, f"{name} has no example"
    runner, before = doctest.DocTestRunner(), Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of untrained networks and small images
            runner.run(test, out=failures.append)
    finally:
        os.chdir(before)
    return "".join(failures)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the data set `nuclei` and the run `run`, made by two of the examples."""
    folder = tmp_path_factory.mktemp("examples")
    for name in FIRST:
        assert run_example(name, folder) == ""
    return folder


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FIRST])
def test_the_example_of_every_public_name_runs(name, folder, registrations):
    assert run_example(name, folder) == ""


@pytest.mark.parametrize("name", NAMES)
def test_help_fits_a_screen_and_begins_with_a_sentence(name):
    lines = pydoc.plain(pydoc.render_doc(VALUES[name])).splitlines()
    assert len(lines) <= LONG.get(name, SCREEN)
    summary = inspect.getdoc(VALUES[name]).splitlines()[0]
    assert summary[0].isupper() and summary.endswith((".", ":"))


@pytest.mark.parametrize("name", MODULES)
def test_dir_has_public_names_alone_and_all_of_them_resolve(name):
    module = importlib.import_module(name)
    names = dir(module)
    assert names and len(set(names)) == len(names)
    for entry in names:
        value = getattr(module, entry)
        assert entry == "__version__" or not entry.startswith("_")
        assert not inspect.ismodule(value) or value.__name__.startswith("tfseg.")
    assert {"annotations", "Any", "re", "np", "tf"}.isdisjoint(names)


class Printing(Callback):
    """A class of a user."""

    def printed(self):
        return "printed"


def test_dir_of_a_class_has_no_inherited_member_of_tensorflow():
    assert dir(tfseg.Speed) == ["of"]
    assert {"on_log", "printed"} < set(dir(Printing))
    assert {"predict", "__call__"} <= set(dir(tfseg.Segmenter))
    assert {"name_scope", "trainable_variables", "__init__"}.isdisjoint(dir(tfseg.Segmenter))
