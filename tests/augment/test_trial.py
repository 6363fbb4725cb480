"""A pixel-level transform that returns something else than an image is named at the first call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import random
from tfseg.augment import Chain, GaussianBlur, Pixel, Resize
from tfseg.checks import InputError

CALLS: list[tuple[int, ...]] = []


@dataclasses.dataclass(frozen=True, kw_only=True)
class Faulty(Pixel):
    fault: str = "none"
    p: float = 0.5

    def change(self, image, params):
        CALLS.append(tuple(image.shape))
        return {
            "none": lambda: 1.0 - image,
            "shape": lambda: image[1:],
            "channels": lambda: tf.reduce_mean(image, axis=-1, keepdims=True),
            "dtype": lambda: tf.cast(image, tf.float16),
            "black": lambda: tf.math.log(image),
            "flat": lambda: (image - tf.reduce_mean(image)) / tf.math.reduce_std(image),
            "white": lambda: 0.1 / (1.0 - image),
        }[self.fault]()


def example(*shape: int) -> dict[str, np.ndarray]:
    """Returns a random image `[..., H, W, 3]` without 0 and 1, and its label."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0.2, 0.8, (*shape, 3)).astype(np.float32)
    return {"image": image, "label": np.zeros(shape, np.int32)}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape", r"Faulty.change must .* \[8, 9, 3\] float32; got \[7, 9, 3\] float32"),
        ("channels", r"Faulty.change must .*; got \[8, 9, 1\] float32"),
        ("dtype", r"Faulty.change must .*; got \[8, 9, 3\] float16"),
        ("black", r"Faulty.change must return finite values; .* for a black image"),
        ("flat", r"Faulty.change must return finite values; .* for a black image"),
        ("white", r"Faulty.change must return finite values; .* for a white image"),
    ],
)
def test_a_fault_is_named_at_the_first_call_though_the_transform_is_off(fault, message):
    chain = Chain([GaussianBlur(), Faulty(fault=fault, p=1e-6)])
    with pytest.raises(InputError, match=message):
        chain(example(8, 9), random.root(1))


def test_a_fault_is_named_when_a_data_set_is_made():
    data = tf.data.Dataset.from_tensors(example(8, 9))
    with pytest.raises(InputError, match="^Faulty.change must return finite values"):
        tfseg.augmented(data, [Faulty(fault="black")], seed=0)


def test_a_fault_is_named_for_a_batch():
    seeds = tf.stack([random.root(0), random.root(1)])
    with pytest.raises(InputError, match=r"^Faulty.change must .*; got \[8, 9, 3\] float16"):
        Chain([Faulty(fault="dtype")])(example(2, 8, 9), seeds)


def test_the_trial_has_the_size_of_the_result_and_costs_later_images_nothing():
    chain = Chain([Resize(height=6, width=4), Faulty(p=1.0)])
    CALLS.clear()
    made = chain(example(8, 9), random.root(1))
    assert CALLS == [(6, 4, 3)] * 4  # three images of the trial, and the trace
    assert made["image"].shape == (6, 4, 3)
    for seed in range(3):
        chain(example(8, 9), random.root(seed))
    assert len(CALLS) == 4
