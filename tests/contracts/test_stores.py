"""Every command that opens a data set reads the images of every store, and previews show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfseg
from tfseg.cli import main
from tfseg.config import DataConfig, RunConfig
from tfseg.data.dataset.image_codec import STORES
from tfseg.data.files.images import read_image
from tfseg.data.pipeline.replay import replay
from tfseg.evaluation.previews import draw_outlines

SIDE = 32  # pixels, of the images and of the crops, so that a crop is a whole image
CAPTION = 16  # pixels above the pictures of a row
SMALL = (
    *("--train.steps=1", "--optimizer.warmup_steps=0", "--train.batch_size=1", "--augment=[]"),
    *("--model.filters=[4,8]", f"--data.crop_size={SIDE}"),
)
ARGUMENTS = {
    "augment preview": ("{data}", "a", "--out={out}.png", "--count=1", *SMALL[3:]),
    "augment replay": ("{data}", "{run}", "a", "--out={out}"),
    "bench": ("{data}", "--batches=1", "--repeats=1", "--input_only", *SMALL),
    "check": ("{data}",),
    "evaluate": ("{run}", "{data}", "--split=val", "--out={out}"),
    "info": ("{data}", "--out={out}"),
    "train": ("{data}", "{out}", *SMALL),
    "tune": ("{run}", "{data}", "--overwrite"),
}


def option(store: str) -> str:
    """Returns what `--store` takes; a low quality of JPEG, which decoders turn into pixels."""
    return "jpeg:50" if store == "jpeg" else store


@pytest.fixture(scope="module")
def stores(tmp_path_factory) -> dict[str, Path]:
    """A data set for every store: a, b (val) and c, from files of PNG and of JPEG."""
    folder = tmp_path_factory.mktemp("stores")
    rng = np.random.default_rng(0)
    label = np.zeros((SIDE, SIDE), np.uint16)
    label[3:12, 4:14], label[16:30, 12:28] = 1, 2
    for file in ("train/{}/a.jpg", "train/{}/c.png", "val/{}/b.png"):
        coarse = rng.integers(60, 200, (4, 4, 3), np.uint8)
        image = np.asarray(tf.image.resize(coarse, (SIDE, SIDE), "bicubic")).round()
        path = folder / "files" / file.format("images")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
        path = (folder / "files" / file.format("labels")).with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(label).save(path)
    for store in STORES:
        tfseg.convert(folder / "files", folder / store, store=option(store))
    return {store: folder / store for store in STORES}


@pytest.fixture(scope="module")
def run(stores, tmp_path_factory) -> Path:
    """A run of one step."""
    folder = tmp_path_factory.mktemp("run") / "run"
    assert main(["train", str(stores["png"]), str(folder), *SMALL]) == 0
    return folder


def test_every_command_that_opens_a_data_set_is_tested_here():
    commands = Path(tfseg.__file__).parent / "commands"
    opening = {path.stem for path in commands.glob("*.py") if "Dataset.open" in path.read_text()}
    assert opening == {command.split()[0] for command in ARGUMENTS}


@pytest.mark.parametrize("command", ARGUMENTS)
@pytest.mark.parametrize("store", STORES)
def test_a_command_reads_a_data_set_of_every_store(command, store, stores, run, tmp_path):
    values = {"data": stores[store], "run": run, "out": tmp_path / "out"}
    arguments = [argument.format(**values) for argument in ARGUMENTS[command]]
    assert main([*command.split(), *arguments]) == 0


@pytest.mark.parametrize("store", STORES)
def test_a_preview_shows_the_pixels_that_training_sees(store, stores, tmp_path):
    out = tmp_path / "preview.png"
    options = ("--count=1", "--augment=[]", f"--data.crop_size={SIDE}", f"--out={out}")
    assert main(["augment", "preview", str(stores[store]), "a", *options]) == 0
    config = RunConfig(data=DataConfig(crop_size=SIDE), augment=())
    trained = replay(tfseg.Dataset.open(stores[store]), config, "a", epoch=0)
    expected = draw_outlines({"image": trained.image, "label": trained.label})
    shown = read_image(out)[CAPTION : CAPTION + SIDE, :SIDE]
    np.testing.assert_array_equal(shown, expected)
