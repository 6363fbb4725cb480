"""Small files that state huge sizes: every command refuses them in less than 2 GB of memory."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg import config as configs
from tfseg.config import ModelConfig, RunConfig
from tfseg.networks.build import build_model
from tfseg.training import checkpoint

MOST = 2 * 2**30  # bytes
HUGE = 10**6  # pixels of a side
# Runs the commands one after another and prints the exit code and the memory at most so far.
# Not getrusage: its maximum has that of the process which started this one.
MEASURE = """
import json, sys
from pathlib import Path
from tfseg.cli import main
for arguments in json.loads(sys.argv[1]):
    code = main(arguments)
    (line,) = [x for x in Path("/proc/self/status").read_text().split("\\n") if "VmHWM" in x]
    print("measured", code, int(line.split()[1]) * 1024, flush=True)
"""


def png(path: Path) -> None:
    """Writes a PNG whose header states a huge size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", HUGE, HUGE, 8, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(bytes(10**6))), (b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*pair) for pair in chunks))


def tiff(path: Path) -> None:
    """Writes a TIFF whose tags state a huge size."""
    tifffile.imwrite(path, np.eye(8, dtype=np.uint16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            file.pages[0].tags[tag].overwrite(HUGE, dtype="I")


def npy(path: Path) -> None:
    """Writes an array without values whose header states a huge size."""
    with path.open("wb") as file:
        header = {"descr": "<i4", "fortran_order": False, "shape": (HUGE, HUGE)}
        np.lib.format.write_array_header_1_0(file, header)


def small(path: Path) -> None:
    """Writes a valid map of eight ids."""
    Image.fromarray(np.diag(np.arange(1, 9)).astype(np.uint8)).save(path)


def maps(folder: Path, image, label) -> list[str]:
    """Returns the conversion of one image and its ids, written by these functions."""
    for kind, write in {"images": image, "labels": label}.items():
        (folder / kind).mkdir(parents=True)
        write(folder / kind / f"a.{write.__name__.replace('small', 'png')}")
    return ["convert", str(folder), f"{folder}-data", "--format=label_maps"]


def coco(folder: Path, segmentation: object, size: int = 8) -> list[str]:
    """Returns the conversion of one image of 8 x 8 pixels with one annotation."""
    (folder / "images").mkdir(parents=True)
    small(folder / "images" / "a.png")
    image = {"id": 1, "file_name": "a.png", "height": size, "width": size}
    entry = {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": segmentation}
    entry |= {"bbox": [0, 0, 8, 8], "area": 64}
    content = {"images": [image], "annotations": [entry]}
    content["categories"] = [{"id": 1, "name": "cell"}]
    (folder / "annotations.json").write_text(json.dumps(content))
    return ["convert", str(folder), f"{folder}-data", "--format=coco"]


def pairs(folder: Path, predicted) -> list[str]:
    """Returns the evaluation of a predicted map against a valid one."""
    for kind, write in {"labels": small, "predictions": predicted}.items():
        (folder / kind).mkdir(parents=True)
        write(folder / kind / f"a.{write.__name__.replace('small', 'png')}")
    names = (folder / "predictions", folder / "labels")
    return ["evaluate", f"--predictions={names[0]}", f"--labels={names[1]}"]


def results(folder: Path, segmentation: object) -> list[str]:
    """Returns the evaluation of a COCO results file with one entry against a valid map."""
    (folder / "labels").mkdir(parents=True)
    small(folder / "labels" / "a.png")
    entry = {"image_id": "a", "category_id": 1, "score": 0.5, "segmentation": segmentation}
    (folder / "results.json").write_text(json.dumps([entry]))
    return ["evaluate", f"--predictions={folder / 'results.json'}", f"--labels={folder / 'labels'}"]


def predicted(folder: Path, write) -> list[str]:
    """Returns the prediction of an image by an untrained network."""
    for kind in ("run", "images"):
        (folder / kind).mkdir(parents=True)
    config = RunConfig(model=ModelConfig(filters=(8, 8), channels=1))
    configs.write(config, folder / "run" / "config.yaml")
    variables = build_model(config.model).variables
    checkpoint.save(folder / "run" / "checkpoints" / "best.npz", variables, step=1, loss=0.0)
    write(folder / "images" / f"a.{write.__name__}")
    return ["predict", str(folder / "run"), str(folder / "images"), f"--out={folder / 'out'}"]


@pytest.fixture
def commands(tmp_path) -> dict[str, list[str]]:
    """Each command with each of the inputs that it reads."""
    writers = (png, tiff, npy)
    table = {}
    for write in (png, tiff):
        folder = tmp_path / f"image-{write.__name__}"
        table[folder.name] = maps(folder, write, small)
    for write in writers:
        folder = tmp_path / f"label-{write.__name__}"
        table[folder.name] = maps(folder, small, write)
        folder = tmp_path / f"predicted-{write.__name__}"
        table[folder.name] = pairs(folder, write)
    rle = {"size": [HUGE, HUGE], "counts": [0, 10**9]}
    table["rle"] = coco(tmp_path / "rle", rle)
    table["stated size"] = coco(tmp_path / "stated", rle, HUGE)
    table["compressed rle"] = coco(tmp_path / "packed", rle | {"counts": "0" * 10**6})
    corners = [[0, 0, 1e18, 0, 1e18, 1e18]]
    table["corners"] = coco(tmp_path / "corners", corners)
    segmentations = {"rle": rle, "compressed rle": rle | {"counts": "0" * 10**6}}
    for name, segmentation in (segmentations | {"corners": corners}).items():
        table[f"results {name}"] = results(tmp_path / f"results-{name}", segmentation)
    deep = tmp_path / "deep"
    deep.mkdir()
    (deep / "dataset.json").write_text("[" * 10**6)
    for command in ("info", "check"):
        table[command] = [command, str(deep)]
    for write in (png, tiff):
        folder = tmp_path / f"predict {write.__name__}"
        table[folder.name] = predicted(folder, write)
    return table


def test_small_files_that_state_huge_sizes_are_refused_within_two_gigabytes(commands):
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, json.dumps(list(commands.values()))],
        capture_output=True,
        text=True,
        check=True,
    )
    printed = (line.split() for line in result.stdout.splitlines())
    lines = [tuple(map(int, words[1:])) for words in printed if words[0] == "measured"]
    measured = dict(zip(commands, lines, strict=True))
    skipping = [name for name in commands if name.startswith("predict ")]
    codes = {name: 1 if name in skipping else 2 for name in commands}
    assert {name: code for name, (code, _) in measured.items()} == codes
    assert {name: memory for name, (_, memory) in measured.items() if memory > MOST} == {}
    errors = [line for line in result.stderr.splitlines() if line.startswith("tfseg: error: ")]
    assert len(errors) == len(commands) - len(skipping)
    assert result.stderr.count("tfseg: skipped ") == len(skipping)
