"""Data as instruments write them go from their files to a report and to ids of their size."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import tifffile

import tfseg as library
from tfseg.cli import main
from tfseg.data.files.images import read_label

TRAINING = (
    "--train.steps=25",
    "--optimizer.warmup_steps=5",
    "--optimizer.learning_rate=0.03",
    "--train.batch_size=2",
    "--data.crop_size=64",
    "--data.foreground_share=1",
    "--model.filters=[4,8]",
    "--augment=[]",
)


class Case(NamedTuple):
    """A set of files, and what becomes of it.

    Attributes:
        write: writes an image file of the content `[H, W]`, the ids.
        size: height and width of the images, as they are read.
        factor: pixels of the file along a pixel that is read.
        convert: options of convert.
        channels: names of the channels of the network.
        pixel_sizes: of the data set.
        train: options of train.
        predict: options of predict; None: it takes too long for a test.
        scored: number of images of the report.
    """

    write: Callable[[Path, np.ndarray], None]
    size: tuple[int, int]
    factor: int = 1
    convert: tuple[str, ...] = ()
    channels: tuple[str, ...] = ("grey",)
    pixel_sizes: dict[str, int] = {}
    train: tuple[str, ...] = ()
    predict: tuple[str, ...] | None = ()
    scored: int = 2


def bands(path: Path, ids: np.ndarray) -> None:
    """Writes five bands of 16 bits, of which only the last, near infrared, shows the objects."""
    empty = np.full(ids.shape, 900, np.uint16)
    planes = np.stack([empty, empty, empty, empty, np.where(ids > 0, 40_000, 2_000)])
    tifffile.imwrite(path, planes.astype(np.uint16), photometric="minisblack",
                     planarconfig="separate", tile=(32, 32), metadata=None)  # fmt: skip


def fluorescence(path: Path, ids: np.ndarray) -> None:
    """Writes two channels of floats with their names and the size of a pixel, as OME-TIFF."""
    image = np.stack([np.where(ids > 0, 0.9, 0.1), np.full(ids.shape, 0.5)]).astype(np.float32)
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    metadata |= {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite(path, image, photometric="minisblack", ome=True, metadata=metadata)


def slide(path: Path, ids: np.ndarray) -> None:
    """Writes a pyramid of two levels, of which the first has pixels of 0.25 micrometres."""
    image = np.where(ids > 0, 200, 30)[..., None] * np.array([1.0, 0.5, 0.8])
    image = image.astype(np.uint8)
    options = {"photometric": "rgb", "tile": (64, 64), "compression": "zlib"}
    metadata = {"axes": "YXS", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(path, ome=True, bigtiff=True) as file:
        file.write(image, subifds=1, metadata=metadata, **options)
        file.write(image[::2, ::2], subfiletype=1, **options)


def mosaic(path: Path, ids: np.ndarray) -> None:
    """Writes a grey image in tiles, in which no region has the pixels of another one."""
    image = np.where(ids > 0, 200, 30) + np.random.default_rng(0).integers(0, 9, (len(ids), 1))
    tifffile.imwrite(
        path, image.astype(np.uint8), photometric="minisblack", tile=(256, 256), compression="zlib"
    )


FIVE = ("blue", "green", "red", "red_edge", "nir")
CASES = {
    "five bands": Case(
        bands, (128, 160), convert=(f"--channels={','.join(FIVE)}",), channels=FIVE,
        predict=(f"--channels={','.join(FIVE)}",),
    ),
    "two channels": Case(
        fluorescence, (128, 160), channels=("DAPI", "GFP"), pixel_sizes={"0.5": 4}
    ),
    "pyramid": Case(
        slide, (128, 160), factor=2, convert=("--level=1",), channels=("red", "green", "blue"),
        pixel_sizes={"0.5": 4}, train=("--data.pixel_size=0.6um",), predict=("--level=0.5um",),
    ),
    "25 megapixels": Case(
        mosaic, (5000, 5000), scored=3, predict=None,
        convert=("--split_regions=1000", "--val_fraction=0.1", "--test_fraction=0.1"),
    ),
}  # fmt: skip


def squares(size: tuple[int, int], seed: int) -> np.ndarray:
    """Returns ids `[H, W]` of squares of 20 pixels, in rows with 32 pixels between them."""
    tops, lefts = (np.arange(6 + 3 * seed, side - 20, 32) for side in size)
    ids = np.zeros(size, np.uint16)
    for number, (top, left) in enumerate(((y, x) for y in tops for x in lefts), start=1):
        ids[top : top + 20, left : left + 20] = number
    return ids


def write(folder: Path, case: Case) -> dict[str, np.ndarray]:
    """Writes the files of a set, and returns the ids of each image."""
    splits = {"": 1} if case.size[0] > 1000 else {"train": 2, "val": 2}
    written: dict[str, np.ndarray] = {}
    for split, count in splits.items():
        for kind in ("images", "labels"):
            (folder / split / kind).mkdir(parents=True)
        for _ in range(count):
            name = f"image_{len(written)}"
            ids = squares(case.size, len(written))
            content = np.kron(ids, np.ones((case.factor, case.factor), ids.dtype))
            case.write(folder / split / "images" / f"{name}.tif", content)
            tifffile.imwrite(folder / split / "labels" / f"{name}.tif", ids, tile=(256, 256))
            written[name] = ids
    return written


def pictures(report: Path) -> dict[str, str]:
    """Returns the pictures of a report by the names of their images."""
    (packed,) = re.findall(
        r'id="gallery-data">([A-Za-z0-9+/=]*)</script>', report.read_text(encoding="utf-8")
    )
    images = json.loads(gzip.decompress(base64.b64decode(packed)))["images"]
    return {image["id"]: image["source"] for image in images}


@pytest.mark.slow
@pytest.mark.parametrize("kind", CASES)
def test_a_set_goes_from_its_files_to_a_report(tfseg, tmp_path, kind):
    case, files, data, run = CASES[kind], *(tmp_path / name for name in ("files", "data", "run"))
    ids = write(files, case)
    assert tfseg("convert", files, data, *case.convert).code == 0
    assert tfseg("check", data).code == 0
    info = tfseg("info", data, "--json").json
    assert info["pixel_sizes"] == case.pixel_sizes
    assert main(["train", str(data), str(run), *TRAINING, *case.train]) == 0
    assert library.load(run).channel_names == case.channels
    scores = tfseg("evaluate", run, data, "--out", tmp_path / "scores", "--json").json
    assert scores["num_images"] == case.scored
    assert scores["dice"] > 0.7
    shown = pictures(Path(scores["report"]))
    assert len(shown) == case.scored and all(shown.values())
    if case.predict is None:
        return
    images, out = sorted(files.rglob("images/*.tif")), tmp_path / "out"
    assert tfseg("predict", run, *images, "--out", out, *case.predict).code == 0
    table = pd.read_csv(out / "instances.csv")
    for path in images:
        label = read_label(next((out / "labels").glob(f"{path.stem}.*")))
        assert label.shape == ids[path.stem].shape
        evaluation = library.evaluate_pairs([("a", ids[path.stem], label)])
        assert evaluation.summary()["dice"] > 0.7
        assert sum(table["image"] == path.name) == label.max() > 0
