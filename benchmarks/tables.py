"""Writes the tables of README.md and docs/ that come from the JSON of the benchmarks.

A table is between `<!-- generated: NAME -->` and `<!-- end -->` of its page, where NAME is a key of
`TABLES`. `python -m benchmarks.report` writes all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Reports = Mapping[str, dict[str, Any]]
PAGES = (
    *("README.md", "docs/large_images.md", "docs/metrics.md", "docs/several_gpus.md"),
    "docs/store.md",
    "docs/training.md",
)
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# The rows of the table of speed, and the libraries that have no column.
QUESTIONS = {
    "all nine, p=1": (),
    "all nine, p=0.5": (),
    "all nine, p=0.1": (),
    "five geometric": ("tensorflow-addons",),
    "flips and ShiftScaleRotate": ("torchvision", "kornia"),
    "Keras layers": ("keras",),
    "ElasticTransform alone": (),
    "ElasticTransform alone, sigma 50": (),
    "GridDistortion alone": (),
    "OpticalDistortion alone": (),
    "ShiftScaleRotate alone": (),
}
TASKS = {"Keras layers": "flips and ShiftScaleRotate by Keras's layers"}


def machine(report: Mapping[str, Any]) -> str:
    """Returns where and when a report was made, without its settings."""
    computer = report["machine"]
    load = computer.get("load") or computer.get("load_before")
    busy = f", load {load[0]:.1f} in the last minute" if load else ""
    return (
        f"{computer['processor']}, {computer['threads']} threads{busy}, "
        f"Python {computer['python']}, TensorFlow {computer['tensorflow']}, {computer['date']}, "
        f"commit {computer['commit']}"
    )


def markdown(heads: list[str], rows: list[list[str]]) -> str:
    """Returns a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def accuracy(reports: Reports) -> str:
    """Returns the metrics of the default head after both budgets."""
    rows = []
    for name in ("accuracy", "accuracy-105-minutes"):
        results = reports[name]["results"]
        training = results["training"]["center_offset"]
        for part in ("all", "dark", "coloured"):
            row = results[part]["center_offset, tuned and tta"]
            cells = [f"{row['num_images']} {part}".replace("100 all", "all 100")]
            cells += [f"{training['steps']:,}", f"{training['minutes']:.0f}"]
            rows.append(cells + [f"{row[metric]:.3f}" for metric in ("ap50", "pq", "dice")])
    return markdown(["test images", "steps", "minutes", "ap50", "pq", "dice"], rows)


def speed(reports: Reports) -> str:
    """Returns the time of chains and single transforms beside that of other libraries."""
    report = reports["augmentation"]
    other = reports["augmentation-another-processor"]
    rows = []
    for question, libraries in QUESTIONS.items():
        results = report["results"][question]
        cells = [TASKS.get(question, question.replace("p=", "p = "))]
        cells.append(f"{results['tfseg']['milliseconds_per_image']['median']:.1f} ms")
        cells += [_ratio(results, peer) for peer in ("albumentationsx", "albumentations")]
        cells.append(_ratio(other["results"][question], "albumentationsx"))
        cells.append(", ".join(f"{name} {_ratio(results, name)}" for name in libraries))
        rows.append(cells)
    versions = report["versions"]
    x, classic = (versions[name][name] for name in ("albumentationsx", "albumentations"))
    heads = ["transforms", "tfseg", f"AlbumentationsX {x}", f"albumentations {classic}"]
    heads += ["AlbumentationsX, processor 2", "others"]
    return (
        f"{markdown(heads, rows)}\n\nMeasured on {machine(report)}. Processor 2: {machine(other)}."
    )


def _ratio(results: Mapping[str, Any], name: str) -> str:
    return f"{results[name]['ratio']['median']:.2f}" if name in results else ""


def heads(reports: Reports) -> str:
    """Returns AP50 of every head by kind of image, and what a perfect network would reach."""
    rows = []
    for name, budget in (("accuracy", ""), ("accuracy-105-minutes", ", 105 minutes")):
        results = reports[name]["results"]
        for head in results["limit"]:
            row = [results[part][f"{head}, tuned and tta"] for part in ("all", "dark", "coloured")]
            cells = [f"{metrics['ap50']:.3f}" for metrics in row]
            rows.append([f"{head}{budget}", *cells, f"{results['limit'][head]['share']:.2f}"])
    rows.sort(key=lambda cells: cells[1], reverse=True)
    return markdown(["`model.head`", "all", "dark", "coloured", "perfect network"], rows)


def presets(reports: Reports) -> str:
    """Returns size, times and AP50 of the three configurations."""
    rows = [
        [
            f"`{name}`",
            f"{row['million_weights']:.2f}",
            f"{row['step_seconds']:.2f} s",
            f"{row['predict_seconds']:.2f} s",
            f"{row['ap50']:.2f}",
        ]
        for name, row in reports["presets"]["results"].items()
    ]
    heads = ["`--config`", "million weights", "a step of 6 crops", "an image of 512 x 512", "ap50"]
    return markdown(heads, rows)


def metrics(reports: Reports) -> str:
    """Returns the time to match the instances of one image."""
    report = reports["metrics"]
    rows = [
        [name, f"{1000 * row['seconds']:.1f}", f"{row['ratio']:.1f}"]
        for name, row in report["results"].items()
    ]
    counts, versions = report["instances"], report["versions"]
    side = report["settings"]["side"]
    return (
        f"One image of {side} x {side} pixels with {counts['truth']:,} true and "
        f"{counts['predicted']:,} predicted instances, on one core:\n\n"
        f"{markdown(['', 'ms', 'x tfseg'], rows)}\n\n"
        f"StarDist is version {versions['stardist']}, pycocotools {versions['pycocotools']}. "
        f"Measured on {machine(report)}."
    )


def store(reports: Reports) -> str:
    """Returns bytes and decoding time of every way to store images."""
    report = reports["store"]
    names = {
        "png": "`png`, the default",
        "raw": "`raw`",
        "jpeg:95": "`jpeg:95`, lossy",
        "original": "`original` (these files are PNG)",
        "png 9": "PNG of level 9 (not an option)",
        "label": "the ids, with any of them",
    }
    rows = []
    for way, title in names.items():
        cells = [title]
        for results in report["results"].values():
            row = results[way]
            spread = row["interquartile_range"]
            cells.append(f"{row['bytes_per_pixel']:.2f}")
            cells.append(f"{row['milliseconds_per_megapixel']:.1f} ({spread:.1f})")
        rows.append(cells)
    heads = ["", *(f"{name}: {unit}" for name in report["results"] for unit in ("bytes", "ms"))]
    return f"{markdown(heads, rows)}\n\nMeasured on {machine(report)}, in processor time."


def large_images(reports: Reports) -> str:
    """Returns the time of a crop by the size of its image, and the memory of a training."""
    report = reports["large_images"]
    rows = [
        [name, f"{row['milliseconds']:.1f}", f"{row['ratio']:.2f}"]
        for name, row in report["results"]["crops"].items()
    ]
    ((tiles, used),) = report["results"]["training on the largest image"].items()
    return (
        "Processor time for a crop of 256 x 256 with ids and targets "
        "([`benchmarks/large_images.py`](benchmarks.md#large-images)):\n\n"
        f"{markdown(['image', 'ms', 'ratio'], rows)}\n\n"
        f"Training the default network on an image of {tiles} with 224,676 instances took "
        f"{used['memory, GB']:.1f} GB of memory, all libraries included. Measured on "
        f"{machine(report)}."
    )


def scaling(reports: Reports) -> str:
    """Returns the expected efficiency on eight GPUs by network and link."""
    rows = reports["scaling"]["results"]["efficiency"]
    names = [name for name in next(iter(rows.values())) if name.startswith("at ")]
    lines = [
        [title, f"{row['milliseconds of exchanges']:.1f}", *(f"{row[name]:.2f}" for name in names)]
        for title, row in rows.items()
    ]
    return markdown(["", "ms of exchanges", *names], lines)


def cores(reports: Reports) -> str:
    """Returns the cores that make the batches of GPUs."""
    rows = reports["scaling"]["results"]["cores"]
    lines = [[title, *(f"{value:.3g}" for value in row.values())] for title, row in rows.items()]
    return markdown(["", *next(iter(rows.values()))], lines)


TABLES: dict[str, Callable[[Reports], str]] = {
    "accuracy": accuracy,
    "cores": cores,
    "heads": heads,
    "large_images": large_images,
    "metrics": metrics,
    "presets": presets,
    "scaling": scaling,
    "speed": speed,
    "store": store,
}


def updated(text: str, reports: Reports) -> str:
    """Returns the text of a page with its tables as the reports have them."""
    return BLOCK.sub(
        lambda match: f"{match[1]}\n{TABLES[match[2]](reports)}\n\n{match[3]}",
        text,
    )


def pages(reports: Reports, root: Path) -> dict[Path, str]:
    """Returns the new text of every page with generated tables."""
    paths = [root / name for name in PAGES]
    return {path: updated(path.read_text(encoding="utf-8"), reports) for path in paths}
