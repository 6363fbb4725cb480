"""`keras.utils.PyDataset` with albumentations or AlbumentationsX: a typical hand-written pipeline.

It reads the same records in the same order as tfseg, decodes them by libpng (of OpenCV), cuts a
crop, augments it in 8 bits, normalises it to [0, 1] by the same percentiles, and makes the same
targets, in NumPy. Batches come from Keras's queue as in `model.fit`, filled by two workers.
"""

from __future__ import annotations

from typing import Any

import compose
import cv2
import keras
import numpy as np
import protocol
import tensorflow as tf
from keras.src.trainers.data_adapters.py_dataset_adapter import OrderedEnqueuer

WORKERS, QUEUE = 2, 10  # the queue is as long as that of `model.fit`
SIGMA, OFFSET_UNIT = 0.2, 8.0  # of tfseg's head center_offset
IGNORE = -1


class Crops(keras.utils.PyDataset):
    """Batches of crops in the order of training."""

    def __init__(
        self,
        policy: list[dict[str, Any]],
        inputs: protocol.Arrays,
        *,
        crop: int,
        batch: int,
        processes: bool,
    ) -> None:
        super().__init__(workers=WORKERS, use_multiprocessing=processes, max_queue_size=QUEUE)
        self._policy, self._compose = policy, None
        self._inputs, self._crop, self._batch = dict(inputs), crop, batch

    def __len__(self) -> int:
        return len(self._inputs["order"]) // self._batch

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        positions = range(number * self._batch, (number + 1) * self._batch)
        images, targets = zip(*map(self._sample, positions), strict=True)
        return np.stack(images), np.stack(targets)

    def _sample(self, position: int) -> tuple[np.ndarray, np.ndarray]:
        image, label = decoded(self._record(int(self._inputs["order"][position])))
        low, high = limits(image)
        room = np.array(label.shape) - self._crop
        top, left = np.random.default_rng(position).integers(0, room + 1)
        window = slice(top, top + self._crop), slice(left, left + self._crop)
        if self._compose is None:  # made in the worker process
            self._compose = compose.composed(self._policy, self._crop)
        moved = self._compose(image=image[window], mask=label[window])
        image = np.clip((moved["image"].astype(np.float32) - low) / (high - low), 0.0, 1.0)
        return image, targets(moved["mask"])

    def _record(self, index: int) -> bytes:
        with open(str(self._inputs["paths"][self._inputs["shards"][index]]), "rb") as file:
            file.seek(int(self._inputs["offsets"][index]))
            length = int.from_bytes(file.read(12)[:8], "little")
            return file.read(length)


def decoded(record: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Returns image `[H, W, 3]` uint8 and label `[H, W]` int32."""
    features = tf.train.Example.FromString(record).features.feature
    image, label = (
        cv2.imdecode(np.frombuffer(features[name].bytes_list.value[0], np.uint8), -1)
        for name in ("image", "label")
    )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), label.astype(np.int32)


def limits(image: np.ndarray) -> tuple[float, float]:
    """Returns the percentiles 1 and 99.8 of evenly spaced rows and columns, as tfseg takes them."""
    steps = [1 + (side - 1) // 256 for side in image.shape[:2]]
    counts = np.cumsum(np.bincount(image[:: steps[0], :: steps[1]].ravel(), minlength=256))
    last = np.float32(counts[-1] - 1)
    ranks = np.round(last * np.array([1.0, 99.8], np.float32) / np.float32(100))
    return tuple(np.searchsorted(counts, ranks, side="right").astype(np.float32))


def targets(label: np.ndarray) -> np.ndarray:
    """Returns center, foreground, offset and its mask `[H, W, 5]` float32, as center_offset's."""
    maps = np.zeros((*label.shape, 5), np.float32)
    y, x = np.nonzero(label > 0)
    if len(y):
        ids, group = np.unique(label[y, x], return_inverse=True)
        area, sum_y, sum_x = (
            np.bincount(group, weights, len(ids)).astype(np.int64) for weights in (None, y, x)
        )
        distance = area[group] * (y * y + x * x) - 2 * (y * sum_y[group] + x * sum_x[group])
        # The first in reading order among the nearest to the centroid, which is the centre.
        order = np.lexsort((distance, group))
        starts = np.cumsum(np.concatenate([[0], area[:-1]]))
        center = order[starts][group]
        dy, dx = (y[center] - y).astype(np.float32), (x[center] - x).astype(np.float32)
        heat = np.exp(-(dy**2 + dx**2) / (2 * SIGMA**2 * area[group]).astype(np.float32))
        maps[y, x] = np.stack(
            [heat, np.ones_like(heat), dy / OFFSET_UNIT, dx / OFFSET_UNIT, np.ones_like(heat)], -1
        )
    maps[label == IGNORE, :2] = IGNORE
    return maps


def build(
    policy: list[dict[str, Any]],
    inputs: protocol.Arrays,
    *,
    dataset: str,
    crop: int,
    batch: int,
    processes: bool = False,
) -> protocol.Step:
    """Returns the work: the next batch.

    Args:
        policy: plain values of transforms.
        inputs: "order", the numbers of the records as training takes them; "paths", "shards" and
            "offsets" of the index.
        dataset: not used, as the inputs describe it; tfseg opens it.
        crop: side of the crops, pixels.
        batch: images per batch.
        processes: whether the two workers are processes instead of threads.
    """
    crops = Crops(policy, inputs, crop=crop, batch=batch, processes=processes)
    queue = OrderedEnqueuer(
        crops, workers=WORKERS, use_multiprocessing=processes, max_queue_size=QUEUE
    )
    queue.start()
    batches = queue.get()
    return lambda: next(batches)


if __name__ == "__main__":
    compose.serve(build)
