"""Provokes every case of docs/when_bad.md, and draws its picture.

    python docs/make_when_bad.py           # the pictures
    python docs/make_when_bad.py --print   # what tfseg says of each case

tests/contracts/test_when_bad.py compares the page and the pictures with what is provoked.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from skimage import measure, segmentation

import tfseg
from tfseg.data.files.images import read_image, read_label, write_label, write_picture
from tfseg.drawing.overlays import GAP, color_ids, panel

HERE = Path(__file__).parent
PICTURES = HERE / "when_bad"
IMAGE, TOP, LEFT, SIDE = "2bf594e9d06f", 0, 0, 128  # a crop of the sample `test`
SCALE = 2  # pixels of a picture for one of the image


class Case(NamedTuple):
    """What tfseg says, and a picture `[H, W, 3]` uint8."""

    text: str
    picture: np.ndarray


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Returns an image `[H, W, 1]` and its ids `[H, W]`, which touch in some places."""
    folder = tfseg.sample.path() / "test"
    part = slice(TOP, TOP + SIDE), slice(LEFT, LEFT + SIDE)
    image = read_image(folder / "images" / f"{IMAGE}.png")[part]
    label = read_label(folder / "labels" / f"{IMAGE}.png")[part]
    return image, segmentation.relabel_sequential(label)[0]


def converted(folder: Path, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Returns why files are refused, or what `tfseg check` doubts of them, as one line."""
    source = folder / "my-files"
    for name, (image, label) in pairs.items():
        split, _, stem = name.rpartition("/")
        for kind in ("images", "labels"):
            (source / split / kind).mkdir(parents=True, exist_ok=True)
        write_picture(source / split / "images" / f"{stem}.png", np.repeat(image, 3, axis=-1))
        write_label(source / split / "labels" / stem, label)
    try:
        tfseg.convert(source, folder / "my-data", verbose=False)
    except tfseg.InputError as error:
        return str(error).replace(f"{folder}/", "")
    return "; ".join(finding.message for finding in tfseg.check(folder / "my-data"))


def beside(image: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Returns an image and its ids side by side."""
    gap = np.full((len(image), GAP, 3), 255, np.uint8)
    return np.concatenate([np.repeat(image, 3, axis=-1), gap, color_ids(label)], axis=1)


def scored(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> Case:
    """Returns the metrics of a prediction, and its panel."""
    summary = tfseg.evaluate_pairs([("a", truth, prediction)]).summary()
    ap50, pq, dice = (summary[name] for name in ("ap50", "pq", "dice"))
    counts = (f"{name} {summary[name]:.0f}" for name in ("splits", "merges"))
    numbers = f"{summary['num_predicted']:.0f} instances for {summary['num_instances']:.0f}"
    text = ", ".join([f"ap50 {ap50:.2f}, pq {pq:.2f}, dice {dice:.2f}", *counts])
    return Case(f"{text}, {numbers}", panel(image, truth, prediction))


def binary_masks(folder: Path) -> Case:
    """Masks with one value in place of ids."""
    image, label = sample()
    mask = np.where(label > 0, 255, 0)
    text = converted(folder, {"a": (image, mask), "b": (image[::-1], mask[::-1])})
    return Case(text, beside(image, mask))


def classes_as_ids(folder: Path) -> Case:
    """Two values, as of two classes, in place of ids."""
    image, label = sample()
    classes = np.where(label > 0, 1 + label % 2, 0)
    return Case(converted(folder, {"a": (image, classes)}), beside(image, classes))


def other_size(folder: Path) -> Case:
    """Ids of an image that was cut afterwards."""
    image, label = sample()
    text = converted(folder, {"a": (image[:-16], label)})
    return Case(text, beside(np.pad(image[:-16], ((0, 16), (0, 0), (0, 0))), label))


def several_pieces(folder: Path) -> Case:
    """Distant objects with one id."""
    image, label = sample()
    ids = np.where(label > 8, label - 8, label)
    return Case(converted(folder, {"a": (image, ids)}), beside(image, ids))


def inverted(folder: Path) -> Case:
    """Background and objects exchanged."""
    image, label = sample()
    background = measure.label(label == 0, connectivity=1)
    ids = np.where(background == np.bincount(background[label == 0]).argmax(), 1, 0)
    return Case(converted(folder, {"a": (image, ids)}), beside(image, ids))


def overexposed(folder: Path) -> Case:
    """An image that is white in large parts."""
    image, label = sample()
    bright = np.clip(image.astype(int) * 200, 0, 255).astype(np.uint8)
    return Case(converted(folder, {"a": (bright, label)}), beside(bright, label))


def hot_pixels(folder: Path) -> Case:
    """A flat image with two bright pixels."""
    image, label = sample()
    dark = np.full_like(image, 7)
    dark[20, 30], dark[90, 70] = 255, 0
    return Case(converted(folder, {"a": (dark, label)}), beside(dark, label))


def in_two_splits(folder: Path) -> Case:
    """One image in train and in val."""
    image, label = sample()
    text = converted(folder, {"train/a": (image, label), "val/b": (image, label)})
    return Case(text, np.concatenate([beside(image, label)] * 2))


def merged(folder: Path) -> Case:
    """Touching objects predicted as one."""
    image, label = sample()
    return scored(image, label, measure.label(label > 0, connectivity=2))


def divided(folder: Path) -> Case:
    """Objects predicted in two halves."""
    image, label = sample()
    halves = label.copy()
    for region in measure.regionprops(label):
        if region.area > 200:
            rows, columns = region.coords.T
            below = rows > region.centroid[0]
            halves[rows[below], columns[below]] = label.max() + region.label
    return scored(image, label, halves)


def too_small(folder: Path) -> Case:
    """Objects predicted without their rims."""
    image, label = sample()
    thin = np.zeros_like(label)
    for id in np.unique(label[label > 0]):
        thin[ndimage.binary_erosion(label == id, iterations=1)] = id
    return scored(image, label, thin)


def small_dropped(folder: Path) -> Case:
    """Small objects dropped by a min_area that is too large."""
    image, label = sample()
    instances = tfseg.Instances(label, np.ones(label.max()), np.ones(label.max(), int))
    return scored(image, label, tfseg.Cleanup(min_area=400).apply(instances).labels)


def incomplete_truth(folder: Path) -> Case:
    """Objects that nobody labelled, and the network sees."""
    image, label = sample()
    return scored(image, np.where(label % 3 == 0, 0, label), label)


CASES: dict[str, Callable[[Path], Case]] = {
    case.__name__: case
    for case in (
        *(binary_masks, classes_as_ids, other_size, several_pieces, inverted, overexposed),
        *(hot_pixels, in_two_splits, merged, divided, too_small, small_dropped),
        incomplete_truth,
    )
}


def provoked(name: str) -> Case:
    """Returns a case, with its picture enlarged."""
    with tempfile.TemporaryDirectory() as folder:
        text, picture = CASES[name](Path(folder))
    return Case(text, picture.repeat(SCALE, axis=0).repeat(SCALE, axis=1))


if __name__ == "__main__":
    for name in CASES:
        case = provoked(name)
        if "--print" in sys.argv:
            print(f"{name}: {case.text}")
        else:
            PICTURES.mkdir(exist_ok=True)
            write_picture(PICTURES / f"{name}.png", case.picture)
