"""Prints the seconds of each phase before the first training batch of a data set, as JSON.

python benchmarks/first_batch.py DATA
"""

from __future__ import annotations

import json
import sys
import time

_START = time.perf_counter(), time.process_time()

import tfseg  # noqa: E402
from tfseg.data.dataset.index import Index  # noqa: E402
from tfseg.data.pipeline.order import training_order  # noqa: E402


def main(path: str) -> None:
    """Times the phases; "index" and "order" are repeated within "build" and "batch"."""
    seconds, last = {}, _START

    def phase(name: str) -> None:
        nonlocal last
        now = time.perf_counter(), time.process_time()
        seconds[name], seconds[f"{name}, processor"] = (
            b - a for a, b in zip(last, now, strict=True)
        )
        last = now

    config = tfseg.RunConfig()
    head = tfseg.make_head(config.model.head)
    phase("import")
    dataset = tfseg.Dataset.open(path)
    phase("open")
    Index.read(dataset, "train")
    phase("index")
    next(iter(training_order(dataset, config, first=0)))
    phase("order")
    batches = tfseg.training_batches(dataset, config, head)
    phase("build")
    iterator = iter(batches)
    next(iterator)
    phase("batch")
    next(iterator)
    phase("second batch")
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(sys.argv[1])
