"""The replacements of tensorflow-addons: its recorded results, the op behind it, gradients.

`data/tfa_golden.npz` holds cases of tensorflow-addons 0.23.0 under TensorFlow 2.15.1, as
"op/case/name"; inputs that cases of an op share stand once, as "op/name".
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg.kernels import drop_in

with np.load(Path(__file__).parent / "data" / "tfa_golden.npz", allow_pickle=False) as file:
    RECORDED = dict(file)
CASES = sorted(name.removesuffix("/output") for name in RECORDED if name.endswith("/output"))


def recorded(case: str) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Returns the arrays of a case by name, and its arguments."""
    op = case.split("/")[0]
    arrays = {
        name.removeprefix(f"{start}/"): value
        for start in (op, case)
        for name, value in RECORDED.items()
        if name.rsplit("/", 1)[0] == start
    }
    return arrays, json.loads(str(arrays.pop("args")))


def computed(case: str) -> tuple[tf.Tensor, np.ndarray]:
    arrays, arguments = recorded(case)
    expected = arrays.pop("output")
    for remark in ("degrees", "order", "note"):
        arguments.pop(remark, None)
    return getattr(drop_in, case.split("/")[0])(**arguments | arrays), expected


@pytest.mark.parametrize("case", CASES)
def test_the_recorded_results_of_tensorflow_addons_come_out(case):
    result, expected = computed(case)
    assert result.dtype == expected.dtype
    assert result.shape == expected.shape
    # 1e-4 of the value range is the promise; what is measured is 4e-7, and 0 for ids.
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)


def test_all_four_functions_have_cases():
    assert {case.split("/")[0] for case in CASES} == {
        "dense_image_warp",
        "gaussian_filter2d",
        "rotate",
        "translate",
    }
    assert len(CASES) > 40


def projected(images: np.ndarray, row: list[float], interpolation: str, mode: str) -> np.ndarray:
    """Moves images by the operation on which tensorflow-addons is built."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=[row],
        output_shape=images.shape[1:3],
        fill_value=0.25,
        interpolation=interpolation.upper(),
        fill_mode=mode.upper(),
    ).numpy()


few = settings(max_examples=30)
SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
MODES = st.sampled_from(["constant", "nearest", "reflect", "wrap"])
KINDS = st.sampled_from(["nearest", "bilinear"])


@few
@given(SIZES, st.tuples(st.integers(-80, 80), st.integers(-80, 80)), KINDS, MODES)
def test_moves_by_quarters_of_a_pixel_are_those_of_the_op_behind_tensorflow_addons(
    size, quarters, interpolation, mode
):
    if mode == "wrap":  # where the op divides by 0
        size = max(size[0], 2), max(size[1], 2)
    images = np.random.default_rng(0).random((2, *size, 2), np.float32)
    dx, dy = (number / 4 for number in quarters)
    result = drop_in.translate(images, [dx, dy], interpolation, mode, fill_value=0.25)
    expected = projected(images, [1, 0, -dx, 0, 1, -dy, 0, 0], interpolation, mode)
    np.testing.assert_allclose(result, expected, atol=1e-6)


@few
@given(SIZES, st.floats(-7, 7, width=32), st.sampled_from(["constant", "nearest", "reflect"]))
def test_turns_are_those_of_the_op_behind_tensorflow_addons(size, angle, mode):
    images = np.random.default_rng(1).random((1, *size, 1), np.float32)
    result = drop_in.rotate(images, angle, "bilinear", mode, fill_value=0.25)
    sine, cosine = np.sin(np.float32(angle)), np.cos(np.float32(angle))
    y, x = (np.float32(length - 1) for length in size)
    row = [cosine, -sine, (x - (cosine * x - sine * y)) / 2]
    row += [sine, cosine, (y - (sine * x + cosine * y)) / 2, 0, 0]
    np.testing.assert_allclose(result, projected(images, row, "bilinear", mode), atol=1e-5)


def test_a_flow_of_whole_pixels_moves_content_by_it_and_continues_the_border():
    images = tf.reshape(tf.range(12.0), (1, 3, 4, 1))
    flow = tf.broadcast_to(tf.constant([1.0, -2.0]), (1, 3, 4, 2))
    # result[y, x] = image[y - 1, x + 2], both kept inside
    expected = [[2, 3, 3, 3], [2, 3, 3, 3], [6, 7, 7, 7]]
    assert drop_in.dense_image_warp(images, flow)[0, ..., 0].numpy().tolist() == expected


def test_the_warp_is_differentiable_in_the_image_and_in_the_flow():
    draw = np.random.default_rng(2)
    images = tf.constant(draw.random((2, 5, 6, 2), np.float32))
    # A quarter from the next whole number at least, where the slope changes.
    flow = draw.integers(-2, 3, (2, 5, 6, 2)) + draw.uniform(0.25, 0.75, (2, 5, 6, 2))
    flow, weights = tf.constant(flow, tf.float32), tf.constant(draw.random((2, 5, 6, 2)))

    @tf.function
    def total(images: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
        warped = drop_in.dense_image_warp(images, flow)
        return tf.reduce_sum(tf.cast(warped, tf.float64) * weights)

    with tf.GradientTape() as tape:
        tape.watch([images, flow])
        value = total(images, flow)
    slopes = tape.gradient(value, [images, flow])
    for index, (argument, slope) in enumerate(zip((images, flow), slopes, strict=True)):
        assert slope.shape == argument.shape
        assert np.abs(slope).max() > 0.1
        for element in draw.integers(0, tf.size(argument), 12):
            step = np.zeros(tf.size(argument), np.float32)
            step[element] = 0.125  # both arguments act linearly within such a step
            step = step.reshape(argument.shape)
            ends = [
                total(*((images + s, flow) if index == 0 else (images, flow + s)))
                for s in (step, -step)
            ]
            measured = (ends[0] - ends[1]) / 0.25
            np.testing.assert_allclose(slope.numpy()[step > 0][0], measured, atol=1e-4)


def test_ids_up_to_the_largest_are_turned_without_loss():
    ids = np.array([[1, 2**31 - 1], [2**24 + 1, -1]], np.int32)
    np.testing.assert_array_equal(drop_in.rotate(ids, np.pi / 2), np.rot90(ids))


def test_xla_gives_what_the_plain_operations_give():
    draw = np.random.default_rng(3)
    images = tf.constant(draw.random((2, 7, 9, 3), np.float32))
    flow = tf.constant(draw.normal(0, 3, (2, 7, 9, 2)), tf.float32)

    def everything(images: tf.Tensor, flow: tf.Tensor) -> list[tf.Tensor]:
        return [
            drop_in.dense_image_warp(images, flow),
            drop_in.rotate(images, [0.3, -2.0], "bilinear", "reflect"),
            drop_in.translate(images, [[0.3, 1.0], [-4.1, 2.2]], "bilinear", "wrap"),
            drop_in.gaussian_filter2d(images, 5, [0.7, 2.0]),
        ]

    compiled = tf.function(everything, jit_compile=True)(images, flow)
    for plain, fast in zip(everything(images, flow), compiled, strict=True):
        np.testing.assert_allclose(fast, plain, atol=1e-5)


def test_the_number_of_images_may_be_unknown():
    @tf.function(input_signature=[tf.TensorSpec([None, 4, 5, 1])])
    def turned(images: tf.Tensor) -> tf.Tensor:
        return drop_in.rotate(images, 0.0)

    images = np.random.default_rng(4).random((3, 4, 5, 1), np.float32)
    np.testing.assert_array_equal(turned(images), images)


def test_a_filter_wider_than_the_image_mirrors_again():
    result = drop_in.gaussian_filter2d(np.array([[0.0, 1.0]], np.float32), (1, 5), 100.0)
    # 0 1 mirrored is ... 0 1 0 1 0 1 ...: of five neighbours two or three are 1.
    np.testing.assert_allclose(result, [[0.4, 0.6]], atol=1e-3)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (drop_in.rotate, {"angles": 0.0, "interpolation": "cubic"}, "nearest or bilinear"),
        (drop_in.translate, {"translations": [0, 0], "fill_mode": "mirror"}, "constant, nearest"),
        (drop_in.gaussian_filter2d, {"padding": "WRAP"}, "REFLECT, SYMMETRIC, CONSTANT"),
        (drop_in.gaussian_filter2d, {"filter_shape": 4}, "odd and positive"),
        (drop_in.gaussian_filter2d, {"sigma": -1.0}, "not negative"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(np.zeros((4, 4, 1), np.float32), **arguments)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize(("dtype", "value"), [("uint8", 300), ("uint8", -1), ("int8", 128)])
def test_a_fill_that_the_images_cannot_hold_is_refused(interpolation, dtype, value):
    images = tf.ones([4, 4, 1], dtype)
    with pytest.raises(ValueError, match=rf"fill_value must be from .* as images are {dtype}; got"):
        drop_in.translate(images, [1, 0], interpolation, "constant", fill_value=value)
    moved = drop_in.translate(images, [1, 0], interpolation, "nearest", fill_value=value)
    assert (moved == images).numpy().all()  # nothing is filled
