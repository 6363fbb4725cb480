"""Time to augment images and ids: tfseg and other libraries, image by image on one core.

    python benchmarks/environments/make.py    # once: virtual environments of the others
    python benchmarks/augmentation.py         # writes benchmarks/results/augmentation.json

Every contender is a separate process, pinned to the same core with one thread, and has the same 512
x 512 x 3 image of 8 bits and the same ids in memory. Parameters, interpolation (linear, nearest
ids) and border (reflect_101) are the same; `peers/` documents the exceptions. tfseg and the other
TensorFlow contenders run in `Dataset.map`, without a pool of workers and without the parallelism
and the prefetch that tf.data adds by default; the others are called directly, without what a data
loader would add. tfseg returns float32, albumentations 8 bits. The contenders of a question
alternate, and a ratio is the median, over the rounds, of a contender's time divided by that of the
first, so a slow minute of the machine affects all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from common import RESULTS, claim, machine, write
from environments import make
from peers.bench import SCRIPTS, Bench
from peers.questions import gpu_questions, questions

# The targets: question, contender, and the bound of its ratio.
CLAIMS = (
    ("all nine, p=1", "albumentationsx", ">= 3"),
    ("all nine, p=1", "albumentations", ">= 8"),
    ("all nine, p=0.5", "albumentationsx", ">= 2"),
    ("ElasticTransform alone", "albumentationsx", ">= 1"),
    ("GridDistortion alone", "albumentationsx", ">= 1"),
    ("OpticalDistortion alone", "albumentationsx", ">= 1"),
    ("ShiftScaleRotate alone", "albumentationsx", ">= 1"),
    ("five geometric", "albumentationsx", ">= 3"),
    ("five geometric", "tensorflow-addons", ">= 10"),
    ("Keras layers", "keras", ">= 10"),
    ("workers of Dataset.map", "one worker", ">= 1.7"),
    ("ids in the image", "1000 ids", "<= 1.05"),
    ("memory", "tfseg", "<= 6"),
)


def claims(results: dict[str, Any], memory: dict[str, Any]) -> list[dict[str, Any]]:
    """Compares the results with the targets; the value is null if it was not measured."""
    measured = {
        (question, name): row["ratio"]["median"]
        for question, rows in results.items()
        for name, row in rows.items()
    }
    if memory:
        measured["memory", "tfseg"] = memory["copies_of_the_image_of_float32"]
    return [
        claim(f"{question}: {name}", measured.get((question, name)), target)
        for question, name, target in CLAIMS
    ]


def curves(results: dict[str, Any], size: int) -> dict[str, Any]:
    """Returns how the time grows, for questions that were asked at two points or more."""
    nine = {0.5: "all nine, image x 0.5", 1.0: "all nine, p=1", 2.0: "all nine, image x 2"}
    several, workers = "a call for 8 images, p=1", "workers of Dataset.map"
    axes = {
        "pixels": {
            peer: {(size * share) ** 2: (question, peer) for share, question in nine.items()}
            for peer in ("tfseg", "albumentationsx", "albumentations")
        },
        "ids": {"tfseg": {n: ("ids in the image", f"{n} ids") for n in (10, 100, 1000)}},
        "images a batch": {"tfseg": {1: (nine[1.0], "tfseg"), 8: (several, "a call for each")}},
        "workers": {"tfseg": {1: (workers, "one worker"), 2: (workers, "two workers")}},
    }
    titled = {}
    for x, contenders in axes.items():
        lines = {
            name: [
                [position, results[question][row]["milliseconds_per_image"]["median"]]
                for position, (question, row) in points.items()
                if row in results.get(question, {})
            ]
            for name, points in contenders.items()
        }
        if lines := {name: points for name, points in lines.items() if len(points) > 1}:
            title = f"All nine transforms: time and {x}"
            titled[title] = {"x": x, "y": "milliseconds an image", "lines": lines}
    return titled


def main(
    *,
    size: int,
    rounds: int,
    seconds: float,
    only: str,
    without: list[str],
    peers: Path,
    gpu: bool,
    to: Path,
) -> None:
    """Answers the questions, prints a line for each contender and writes the JSON."""
    _check_environments(peers, without if not gpu else list(SCRIPTS))
    settings = {"size": size, "rounds": rounds, "seconds": seconds, "only": only}
    load = {"load_before": os.getloadavg()}
    with Bench(
        size=size, rounds=rounds, seconds=seconds, without=without, peers=peers, gpu=gpu
    ) as bench:
        if gpu and not bench.worker("tfseg").versions["gpus"]:
            sys.exit("No GPU is visible to TensorFlow; nothing was measured.")
        results = {}
        for question, contenders in (gpu_questions() if gpu else questions()).items():
            if only in question:
                results[question] = bench.answer(contenders)
                _print(question, results[question])
        extra = {} if gpu else {"memory": bench.memory() if only in "memory" else {}}
        if not gpu and only in "agreement":
            extra["agreement"] = bench.agreement()
        versions = bench.versions()
    for peer in without:
        print(f"left out: {peer}")
    write(
        to,
        results,
        claims=[] if gpu else claims(results, extra["memory"]),
        settings=settings,
        curves=curves(results, size),
        **extra,
        left_out=without,
        versions=versions,
        machine=machine() | load | {"load_after": os.getloadavg()},
    )


def _check_environments(peers: Path, without: list[str]) -> None:
    for name in make.NAMES:
        if name not in without and not (peers / name / "bin" / "python").exists():
            sys.exit(
                f"{name} has no environment in {peers}. Make it with "
                f"`python benchmarks/environments/make.py`, or leave it out: --without {name}"
            )


def _print(question: str, rows: dict[str, Any]) -> None:
    print(question, flush=True)
    for name, row in rows.items():
        median, (low, high) = row["ratio"]["median"], row["ratio"]["quartiles"]
        print(
            f"  {name:36}{row['milliseconds_per_image']['median']:8.2f} ms"
            f"{median:8.2f} x ({low:.2f} to {high:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--size", type=int, default=512, help="side of the usual image, pixels")
    add("--rounds", type=int, default=11, help="timed turns of each contender")
    add("--seconds", type=float, default=0.8, help="approximate time of a turn")
    add("--only", default="", help="only questions with this in their name")
    add(
        "--without", nargs="*", default=[], choices=list(SCRIPTS)[1:], help="libraries to leave out"
    )
    add("--peers", type=Path, default=make.FOLDER, help="folder of their environments")
    add("--gpu", action="store_true", help="only tfseg, on a GPU, after batching")
    add("--to", type=Path, default=RESULTS / "augmentation.json", help="the JSON")
    main(**vars(parser.parse_args()))
