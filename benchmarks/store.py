"""Bytes and decoding time of each way to store images.

    python benchmarks/store.py         # writes benchmarks/results/store.json

The embedded images are stored like `tfseg convert --store` stores them, and decoded as in training,
in a `tf.data` pipeline with one thread; times are processor times. `png` is the default (zlib level
3), `png 9` the smallest, which is not an option. `label` is the ids as PNG, which every image has.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from common import RESULTS, interleaved, write

import tfseg
from tfseg.data.dataset import image_codec, records
from tfseg.data.dataset.image_codec import Picture
from tfseg.data.files import images, pixels

SETS = {"fluorescence, grey": ("train", 1), "stained, RGB": ("other", 3)}


def encoded(
    shown: list[np.ndarray], labels: list[np.ndarray], files: list[bytes]
) -> dict[str, list[Picture]]:
    """Returns all pictures, encoded in every way."""
    ways = {
        store: [
            image_codec.encode(picture, store, original=file)
            for picture, file in zip(shown, files, strict=True)
        ]
        for store in ("png", "raw", "jpeg:95", "original")
    }
    parsed = [
        tf.train.Example.FromString(records.encode("", *pair)).features.feature
        for pair in zip(shown, labels, strict=True)
    ]
    ids = [Picture("png", features["label"].bytes_list.value[0]) for features in parsed]
    smallest = [Picture("png", image_codec.png(picture, 9)) for picture in shown]
    return ways | {"png 9": smallest, "label": ids}


def decoding(kind: str, stored: list[Picture], shapes: list[tuple[int, ...]]) -> Callable[[], None]:
    """Returns a call that decodes all pictures."""
    formats = {picture.format for picture in stored}

    def decode(data: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        if kind == "label":
            return tf.io.decode_png(data, dtype=tf.uint16)
        features = {"image": data, "height": size[0], "width": size[1]}
        return image_codec.decode_tensor(
            features, list(formats), channels=shapes[0][-1], dtype="uint8"
        )

    sizes = np.array([shape[:2] for shape in shapes], np.int64)
    dataset = tf.data.Dataset.from_tensor_slices(([picture.data for picture in stored], sizes))
    dataset = dataset.map(decode)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    dataset = dataset.with_options(options)

    def run() -> None:
        for _ in dataset:
            pass

    return run


def main(*, rounds: int, to: Path) -> None:
    """Measures both sets, prints the table, and writes the results."""
    results = {}
    for name, (folder, channels) in SETS.items():
        root = tfseg.sample.path() / folder
        files = images.list_images(root / "images")
        shown = [pixels.to_channels(images.read_image(path), channels) for path in files]
        labels = [images.read_label(path) for path in images.list_images(root / "labels")]
        ways = encoded(shown, labels, [path.read_bytes() for path in files])
        shapes = [picture.shape for picture in shown]
        calls = {kind: decoding(kind, stored, shapes) for kind, stored in ways.items()}
        megapixels = sum(height * width for height, width, _ in shapes) / 1e6
        times = interleaved(calls, rounds=rounds, clock=time.process_time)
        results[name] = {
            kind: {
                "bytes_per_pixel": sum(len(picture.data) for picture in stored) / megapixels / 1e6,
                "milliseconds_per_megapixel": 1000 * times[kind]["seconds"] / megapixels,
                "interquartile_range": 1000 * times[kind]["interquartile_range"] / megapixels,
            }
            for kind, stored in ways.items()
        }
        for kind, row in results[name].items():
            print(name, kind, *(f"{value:.2f}" for value in row.values()), sep=" | ")
    write(to, results, settings={"rounds": rounds})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--to", type=Path, default=RESULTS / "store.json")
    main(**vars(parser.parse_args()))
