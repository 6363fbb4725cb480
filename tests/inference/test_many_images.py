"""What images leave in memory when their results are written: a path, and a place in a list."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfseg

BYTES = 1500  # that an image may leave


def test_an_image_leaves_little_more_than_its_path_in_memory(near_sighted, tmp_path):
    segmenter, held = near_sighted(), {}
    for number in (50, 50, 350):  # the first fills the caches of all libraries
        folder = tmp_path / f"{len(held)}_{number}"
        (folder / "images").mkdir(parents=True)
        for index in range(number):
            pixels = np.full((16, 16), index % 256, np.uint8)
            Image.fromarray(pixels).save(folder / "images" / f"{index:05d}.png")
        held[number] = _held_at_the_end(segmenter, folder)
    slope = (held[350] - held[50]) / 300
    print(f"{slope:.0f} bytes an image")
    assert 100 < slope < BYTES


def _held_at_the_end(segmenter: tfseg.Segmenter, folder: Path) -> int:
    """Returns the bytes that a prediction of all images holds when the last one is written."""
    held = []

    def progress(done: int, total: int) -> None:
        if done == total:
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        tfseg.predict_files(
            segmenter, folder / "images", folder / "out", on_progress=progress, verbose=False
        )
    finally:
        tracemalloc.stop()
    return held[0]


MEASURE = """
import json, re, sys
from pathlib import Path
import numpy as np
from PIL import Image
import tfseg
folder, number = Path(sys.argv[1]), int(sys.argv[2])
pixels = np.random.default_rng(0).integers(0, 255, (24, 24), np.uint8)
for name, count in (("few", 500), ("images", number)):
    (folder / name).mkdir()
    for index in range(count):
        Image.fromarray(np.roll(pixels, index)).save(folder / name / f"{index}.png")
config = tfseg.ModelConfig(architecture="Compact", filters=(2,), channels=1)
segmenter = tfseg.Segmenter(tfseg.build_model(config, seed=2), config)

def most() -> int:
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024

tfseg.predict_files(segmenter, folder / "few", folder / "warm", verbose=False)
warm = most()
report = tfseg.predict_files(segmenter, folder / "images", folder / "out", verbose=False)
print(json.dumps([warm, most(), len(report.done)]))
"""


@pytest.mark.exhaustive  # 100,000 images
def test_memory_does_not_grow_with_the_number_of_images(tmp_path):
    number = 100_000
    run = [sys.executable, "-c", MEASURE, str(tmp_path), str(number)]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    warm, most, done = json.loads(result.stdout)
    print(f"{number} images: {warm / 2**20:.0f} MiB after 500, {most / 2**20:.0f} MiB at the end")
    assert done == number
    assert most - warm < 50 * 2**20 + BYTES * number
