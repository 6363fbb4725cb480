"""The provenance in a report: the day, the run, its data set and the versions of packages."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.run_files import CONFIG, THRESHOLDS
from tfseg.version import versions

if TYPE_CHECKING:
    from tfseg.data.dataset.dataset import Dataset
    from tfseg.inference.origin import Origin

Facts = dict[str, "dict[str, object] | str"]
ARRAYS = ("numpy", "scipy", "pandas")
NETWORKS = ("tensorflow", "keras", "segmentation-models")


def dated(title: str) -> str:
    """Returns the title of a report with the day on which it is made (UTC)."""
    return f"{title}, {datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def run_facts(run_dir: str | Path, dataset: Dataset, origin: Origin) -> Facts:
    """Returns network and configuration of a run, the scored data set, and the versions."""
    from tfseg.data.dataset.integrity import info_sha256

    info = dataset.info
    content: dict[str, object] = {
        "path": dataset.path,
        "SHA-256 of dataset.json": info_sha256(dataset),
    }
    content |= {
        f"split {name}": f"{split.num_images} images, {split.num_instances} instances"
        for name, split in info.splits.items()
    }
    content |= {
        "channels": info.channel_names or info.channels,
        "dtype": info.dtype,
        "classes": info.class_names,
    }
    path = Path(run_dir) / THRESHOLDS
    tuned = {"Thresholds": path.read_text(encoding="utf-8")} if path.is_file() else {}
    network: dict[str, object] = {
        "checkpoint": f"{origin.checkpoint}, step {origin.step}",
        "thresholds": [f"{name} {value:g}" for name, value in origin.thresholds.items()],
        "trained on": [f"{data['path']} ({data['sha256']})" for data in origin.data],
    }
    return {
        "Network": network,
        "Data set": content | {"source format": info.source_format},
        "Run configuration": (Path(run_dir) / CONFIG).read_text(encoding="utf-8"),
        **tuned,
        "Versions": dict(versions(*ARRAYS, *NETWORKS)),
    }
