"""What a report says about the run and the versions behind it."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.run_files import CONFIG, THRESHOLDS
from tfseg.version import __version__

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset

Facts = dict[str, "dict[str, object] | str"]
ARRAYS = ("numpy", "scipy", "pandas")
NETWORKS = ("tensorflow", "keras", "segmentation-models")


def of_run(run_dir: str | Path, dataset: Dataset) -> Facts:
    """Returns the configuration of a run, what is in the data set, and the versions."""
    info = dataset.info
    content: dict[str, object] = {
        f"split {name}": f"{split.num_images} images, {split.num_instances} instances"
        for name, split in info.splits.items()
    }
    content |= {"channels": info.channels, "dtype": info.dtype, "classes": info.class_names}
    chosen = Path(run_dir) / THRESHOLDS
    tuned = {"Thresholds": chosen.read_text(encoding="utf-8")} if chosen.is_file() else {}
    return {
        "Data set": content | {"source format": info.source_format},
        "Run configuration": (Path(run_dir) / CONFIG).read_text(encoding="utf-8"),
        **tuned,
        "Versions": versions(*ARRAYS, *NETWORKS),
    }


def versions(*packages: str) -> dict[str, object]:
    """Returns the versions of tfseg, Python and the `packages`, none of which is imported."""
    found: dict[str, object] = {"tfseg": __version__, "Python": platform.python_version()}
    return found | {name: metadata.version(name) for name in packages}
