"""What it costs to keep images as PNG, raw or as JPEG: bytes on disk, and time to decode.

    python benchmarks/store.py         # writes benchmarks/results/store.json

The embedded images, decoded by TensorFlow in a `tf.data` pipeline with one thread. `png` is what a
data set has (zlib level 3), `png 9` the smallest, `raw` the bytes of the pixels, `jpeg 95` a JPEG
of that quality, which changes pixels. `label` is what comes with each of them: the ids as PNG.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import tensorflow as tf
from common import RESULTS, interleaved, write

import tfseg
from tfseg.data import images, records

SETS = {"fluorescence, grey": ("train", 1), "stained, RGB": ("other", 3)}


def encoded(pictures: list[np.ndarray], labels: list[np.ndarray]) -> dict[str, list[bytes]]:
    """Returns every picture in every way."""
    parsed = [
        tf.train.Example.FromString(records.encode("", *pair)).features.feature
        for pair in zip(pictures, labels, strict=True)
    ]
    return {
        "png": [features["image"].bytes_list.value[0] for features in parsed],
        "png 9": [imagecodecs.png_encode(each.squeeze(), level=9) for each in pictures],
        "raw": [each.tobytes() for each in pictures],
        "jpeg 95": [imagecodecs.jpeg8_encode(each.squeeze(), level=95) for each in pictures],
        "label": [features["label"].bytes_list.value[0] for features in parsed],
    }


def decoding(kind: str, data: list[bytes], sizes: list[tuple[int, ...]]) -> Callable[[], None]:
    """Returns a call that decodes all of it."""

    def decode(content: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        if kind == "raw":
            return tf.reshape(tf.io.decode_raw(content, tf.uint8), size)
        if kind == "jpeg 95":
            return tf.io.decode_jpeg(content)
        return tf.io.decode_png(content, dtype=tf.uint16 if kind == "label" else tf.uint8)

    dataset = tf.data.Dataset.from_tensor_slices((data, np.array(sizes, np.int32))).map(decode)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    dataset = dataset.with_options(options)

    def run() -> None:
        for _ in dataset:
            pass

    return run


def main(*, rounds: int, to: Path) -> None:
    """Measures both sets, prints the table, and writes figures and machine."""
    results = {}
    for name, (folder, channels) in SETS.items():
        root = tfseg.sample.path() / folder
        pictures = [images.read_image(path) for path in images.list_images(root / "images")]
        pictures = [images.to_channels(each, channels) for each in pictures]
        labels = [images.read_label(path) for path in images.list_images(root / "labels")]
        ways = encoded(pictures, labels)
        sizes = [each.shape for each in pictures]
        calls = {kind: decoding(kind, data, sizes) for kind, data in ways.items()}
        megapixels = sum(each.shape[0] * each.shape[1] for each in pictures) / 1e6
        times = interleaved(calls, rounds=rounds)
        results[name] = {
            kind: {
                "bytes_per_pixel": sum(map(len, data)) / megapixels / 1e6,
                "milliseconds_per_megapixel": 1000 * times[kind]["seconds"] / megapixels,
                "interquartile_range": 1000 * times[kind]["interquartile_range"] / megapixels,
            }
            for kind, data in ways.items()
        }
        for kind, figures in results[name].items():
            print(name, kind, *(f"{figure:.2f}" for figure in figures.values()), sep=" | ")
    write(to, results, settings={"rounds": rounds})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--to", type=Path, default=RESULTS / "store.json")
    main(**vars(parser.parse_args()))
