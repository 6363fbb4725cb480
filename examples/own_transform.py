"""Registers a transform: tfseg train DATA RUN --plugins examples/own_transform.py
--augment '[{name: HorizontalFlip}, {name: Posterize, levels: [3, 8]}]'.
"""

import dataclasses

import tensorflow as tf

import tfseg


@tfseg.register
@dataclasses.dataclass(frozen=True, kw_only=True)
class Posterize(tfseg.augment.Pixel):
    """Rounds intensities to a few levels."""

    levels: tuple[int, int] = (4, 16)
    p: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        self._interval("levels", low=2, high=256)

    def sample(self, seed):
        return {"levels": tfseg.random.integer(seed, self.levels[0], self.levels[1] + 1)}

    def change(self, image, params):
        steps = tf.cast(params["levels"] - 1, tf.float32)
        return tf.round(image * steps) / steps
