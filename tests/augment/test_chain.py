"""Chains: order, one resample, borders, sizes, draws by name, and what is refused."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import (
    IGNORE,
    Chain,
    GaussNoise,
    HorizontalFlip,
    RandomBrightnessContrast,
    RandomRotate90,
    ShiftScaleRotate,
    VerticalFlip,
)
from tfseg.augment.base import Params
from tfseg.checks import InputError

STILL = {"y": [0.0], "x": [0.0], "scale": [1.0], "radians": [0.0]}


def params(**values: dict[str, list]) -> dict[str, Params]:
    """Returns parameters `[B]` by name, where "Rotate_2" stands for "Rotate/2"."""
    return {
        name.replace("_", "/"): {key: tf.constant(value) for key, value in own.items()}
        for name, own in values.items()
    }


def numbered(height: int, width: int) -> tf.Tensor:
    """Returns one map of ids that are all different, `[1, H, W]`."""
    return tf.reshape(tf.range(1, height * width + 1), (1, height, width))


def as_image(labels: tf.Tensor) -> tf.Tensor:
    return tf.cast(labels, tf.float32)[..., None] / 1024.0


def moved(
    chain: Chain, labels: tf.Tensor, drawn: dict[str, Params], **size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of an image made of `labels`, and the label, of one image."""
    images, ids = chain.apply(as_image(labels), labels, drawn, **size)
    return images[0, ..., 0].numpy() * 1024, ids[0].numpy()


def test_transforms_act_in_the_order_of_the_list():
    labels = numbered(4, 4)
    drawn = params(
        HorizontalFlip_1={"on": [True]},
        ShiftScaleRotate_1=STILL | {"y": [0.25], "x": [0.5]},
        RandomRotate90_1={"turns": [1]},
    )
    flip, shift, turn = HorizontalFlip(), ShiftScaleRotate(), RandomRotate90()
    flipped = np.fliplr(labels[0])
    expected = np.full((4, 4), IGNORE)
    expected[1:, 2:] = flipped[:3, :2]  # a quarter of 4 down, half of 4 to the right
    _, ids = moved(Chain([flip, shift, turn]), labels, drawn)
    np.testing.assert_array_equal(ids, np.rot90(expected))

    expected = np.full((4, 4), IGNORE)
    expected[1:, 2:] = np.rot90(labels[0])[:3, :2]
    _, ids = moved(Chain([turn, shift, flip]), labels, drawn)
    np.testing.assert_array_equal(ids, np.fliplr(expected))


def test_pixel_transforms_act_in_the_order_of_the_list_wherever_it_has_them():
    lighter = RandomBrightnessContrast()
    drawn = params(
        RandomBrightnessContrast_1={"brightness": [0.25], "contrast": [0.0]},
        RandomBrightnessContrast_2={"brightness": [0.0], "contrast": [1.0]},
        HorizontalFlip_1={"on": [True]},
    )
    images, labels = tf.constant([[[[0.0], [0.125]]]]), tf.constant([[[1, 2]]])
    result, ids = Chain([lighter, HorizontalFlip(), lighter]).apply(images, labels, drawn)
    # (0.125 + 0.25) x 2 and (0 + 0.25) x 2; the other order would give 0.5 and 0.25
    assert result.numpy().ravel().tolist() == [0.75, 0.5]
    assert ids.numpy().ravel().tolist() == [2, 1]


def test_all_moves_together_are_one_interpolation():
    labels = numbered(6, 6)
    eighth = STILL | {"radians": [math.pi / 4]}
    chain = Chain([ShiftScaleRotate(), ShiftScaleRotate()])
    image, ids = moved(chain, labels, params(ShiftScaleRotate_1=eighth, ShiftScaleRotate_2=eighth))
    # Twice 45 degrees, each resampled by itself, would blur the numbers and lose the corners.
    np.testing.assert_allclose(image, np.rot90(labels[0]), atol=1e-3)
    np.testing.assert_array_equal(ids, np.rot90(labels[0]))


def test_the_image_is_mirrored_and_ids_are_ignored_where_nothing_was_read():
    drawn = params(ShiftScaleRotate_1=STILL | {"x": [0.5]})
    image, ids = moved(Chain([ShiftScaleRotate()]), numbered(1, 4), drawn)
    assert ids.tolist() == [[IGNORE, IGNORE, 1, 2]]
    np.testing.assert_allclose(image, [[3, 2, 1, 2]], rtol=1e-6)


def test_a_smaller_result_is_the_middle_of_the_whole_one():
    labels = numbered(9, 12)
    chain = Chain([ShiftScaleRotate(), HorizontalFlip()])
    drawn = params(
        ShiftScaleRotate_1={"y": [0.1], "x": [-0.2], "scale": [1.3], "radians": [0.7]},
        HorizontalFlip_1={"on": [True]},
    )
    image, ids = moved(chain, labels, drawn)
    middle, middle_ids = moved(chain, labels, drawn, size=(4, 6))
    # (9 - 4) // 2 = 2 rows above, (12 - 6) // 2 = 3 columns to the left
    np.testing.assert_allclose(middle, image[2:6, 3:9], atol=1e-3)
    np.testing.assert_array_equal(middle_ids, ids[2:6, 3:9])


def test_a_larger_result_is_surrounded_by_ignored_pixels():
    _, ids = moved(Chain([]), numbered(1, 2), {}, size=(3, 4))
    assert ids.tolist() == [[-1, -1, -1, -1], [-1, 1, 2, -1], [-1, -1, -1, -1]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_labels_of_any_integer_type_become_int32_with_ignored_pixels_below_0(dtype):
    drawn = params(ShiftScaleRotate_1=STILL | {"x": [0.5]})
    labels = tf.cast(numbered(1, 4), dtype)
    _, ids = Chain([ShiftScaleRotate()]).apply(as_image(labels), labels, drawn)
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [[[-1, -1, 1, 2]]]


def test_integer_images_are_brought_to_the_unit_interval():
    labels = tf.zeros([1, 1, 3], tf.int32)
    for image in (
        tf.constant([[[[0], [51], [255]]]], tf.uint8),
        tf.constant([[[[0], [13107], [65535]]]], tf.uint16),
        np.array([[[[0], [0.2], [1]]]]),  # NumPy, float64
    ):
        result, _ = Chain([]).apply(image, labels, {})
        assert result.dtype == tf.float32
        np.testing.assert_allclose(result.numpy().ravel(), [0, 0.2, 1], rtol=1e-6)


def test_numpy_arrays_are_taken_as_tensors_are():
    labels = numbered(3, 4)
    drawn = params(VerticalFlip_1={"on": [True]})
    chain = Chain([VerticalFlip()])
    for ours, theirs in zip(
        chain.apply(as_image(labels).numpy(), labels.numpy(), drawn),
        chain.apply(as_image(labels), labels, drawn),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_values_beyond_the_unit_interval_are_clipped_after_all_changes_only():
    change = RandomBrightnessContrast()
    drawn = params(
        RandomBrightnessContrast_1={"brightness": [0.75], "contrast": [0.0]},
        RandomBrightnessContrast_2={"brightness": [-0.5], "contrast": [0.0]},
    )
    images, labels = tf.constant([[[[0.5], [1.0], [-1.0]]]]), tf.zeros([1, 1, 3], tf.int32)
    result, _ = Chain([change, change]).apply(images, labels, drawn)
    # 0.5 + 0.75 - 0.5 = 0.75, which a clip in between would make 0.5
    assert result.numpy().ravel().tolist() == [0.75, 1.0, 0.0]


def test_transforms_of_one_kind_are_counted_and_draw_by_themselves():
    chain = Chain([RandomRotate90(p=1.0), GaussNoise(p=1.0), RandomRotate90(p=1.0)])
    data = tf.data.Dataset.range(40).map(
        lambda index: chain.sample(random.fold_in(random.root(0), index))
    )
    draws = next(data.batch(40).as_numpy_iterator())
    assert draws.keys() == {"RandomRotate90/1", "GaussNoise/1", "RandomRotate90/2"}
    first, second = (draws[f"RandomRotate90/{count}"]["turns"].tolist() for count in (1, 2))
    assert set(first) == set(second) == {0, 1, 2, 3}
    # Independent, 10 of 40 agree on average and 24 or more once in a million.
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 24


def test_an_empty_chain_changes_nothing():
    labels = tf.constant([[[5, -1], [0, 2**31 - 1]]])
    images = as_image(numbered(2, 2))
    chain = Chain([])
    assert chain.sample(random.root(0)) == {}
    result, ids = chain.apply(images, labels, {})
    np.testing.assert_array_equal(result, images)
    np.testing.assert_array_equal(ids, labels)


def test_batches_of_a_dataset_pass_through_with_static_shapes():
    chain = Chain([HorizontalFlip(p=1.0)])
    labels = tf.reshape(tf.range(24), (4, 2, 3))
    data = tf.data.Dataset.from_tensor_slices((as_image(labels), labels)).enumerate()
    data = data.map(
        lambda index, pair: (*pair, chain.sample(random.fold_in(random.root(0), index)))
    )
    data = data.batch(2, drop_remainder=True).map(chain.apply)
    assert [spec.shape.as_list() for spec in data.element_spec] == [[2, 2, 3, 1], [2, 2, 3]]
    ids = np.concatenate([ids for _, ids in data.as_numpy_iterator()])
    np.testing.assert_array_equal(ids, labels.numpy()[..., ::-1])


def test_what_is_no_transform_is_refused_by_name():
    with pytest.raises(
        InputError, match=r"takes transforms such as HorizontalFlip\(\); got .*Horiz"
    ):
        Chain([HorizontalFlip])
    with pytest.raises(InputError, match="got 'HorizontalFlip'"):
        Chain(["HorizontalFlip"])


IMAGES, LABELS = tf.zeros([2, 4, 5, 3]), tf.zeros([2, 4, 5], tf.int32)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (IMAGES[..., 0], LABELS, "(2, 4, 5) and (2, 4, 5). A grey image needs a channel axis"),
        (IMAGES[0], LABELS[0], "Images must be [B, H, W, C] and labels [B, H, W]"),
        (IMAGES, LABELS[..., None], "got (2, 4, 5, 3) and (2, 4, 5, 1)"),
        (IMAGES, IMAGES[..., 0], "Labels must be integer ids; got float32."),
        (IMAGES, LABELS > 0, "Labels must be integer ids; got bool."),
        (IMAGES, LABELS[:, :, 1:], "must have one size; got (4, 5) and (4, 4)."),
        (tf.cast(IMAGES, tf.int32), LABELS, "must be uint8, uint16 or floats in [0, 1]; got int32"),
        (tf.cast(IMAGES, tf.bool), LABELS, "must be uint8, uint16 or floats in [0, 1]; got bool"),
    ],
)
def test_tensors_of_another_form_are_refused(images, labels, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Chain([]).apply(images, labels, {})


@pytest.mark.parametrize("unknown", [1, 2, 3])
def test_a_size_that_is_not_static_is_refused_when_the_graph_is_made(unknown):
    shape = [2, 4, 5, 3]
    shape[unknown] = None
    graph = tf.function(
        lambda images, labels: Chain([]).apply(images, labels, {}),
        input_signature=[tf.TensorSpec(shape), tf.TensorSpec(shape[:3], tf.int32)],
        autograph=False,
    )
    with pytest.raises(InputError, match="Height, width and channels must be static.* or resize"):
        graph.get_concrete_function()
