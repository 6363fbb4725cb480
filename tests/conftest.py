"""Fixtures for the tests of every layer."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tfseg
from tfseg.config import registry


def pytest_configure(config: pytest.Config) -> None:
    """Splits the CPU in eight, so that a strategy has replicas; only before the first op.

    TensorFlow reads the level of its log when it is imported. With `-n` the workers import it, and
    not the process that only hands out tests: they start when this function has returned.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        return
    import tensorflow as tf

    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 8)


@pytest.fixture
def registrations() -> Iterator[None]:
    """Takes away what a test registers, and the modules of the plugins that it loads."""
    from tfseg.data.conversion.formats import detection  # with the other kinds in these

    assert detection.FORMATS and tfseg.augment and tfseg.heads and tfseg.losses and tfseg.metrics
    tables = [table for kind in registry._KINDS.values() for table in kind.tables]
    before = [dict(table) for table in (registry._REGISTERED, *tables)]
    modules = set(sys.modules)
    yield
    for table, content in zip((registry._REGISTERED, *tables), before, strict=True):
        table.clear()
        table.update(content)
    for name in set(sys.modules) - modules:
        if name.endswith(".py"):
            del sys.modules[name]


@pytest.fixture(scope="session")
def sample() -> Path:
    """The folder of the embedded images: train/, test/, other/, each with images/ and labels/."""
    return tfseg.sample.path()


@pytest.fixture(scope="session")
def dataset(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tfseg.Dataset:
    """A data set of fluorescence images: 6 in train, 2 in val, 2 in test; grey, 8 bit."""
    folder = tmp_path_factory.mktemp("dataset")
    train = sorted((sample / "train" / "images").iterdir())
    test = sorted((sample / "test" / "images").iterdir())
    for split, images in {"train": train[:6], "val": train[6:8], "test": test[:2]}.items():
        for kind in ("images", "labels"):
            (folder / "files" / split / kind).mkdir(parents=True)
        for image in images:
            label = image.parents[1] / "labels" / image.name
            shutil.copy(image, folder / "files" / split / "images")
            shutil.copy(label, folder / "files" / split / "labels")
    return tfseg.convert(folder / "files", folder / "data", class_name="nucleus")


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes | None]]:
    """Returns a function that reads all below a folder: by path its bytes, or None for folders."""

    def read(folder: Path) -> dict[str, bytes | None]:
        return {
            path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
            for path in sorted(folder.rglob("*"))
        }

    return read
