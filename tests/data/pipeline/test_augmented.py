"""Augmentation of a tf.data dataset of the user."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import InputError, random
from tfseg.augment import Chain, GaussNoise, HorizontalFlip, ShiftScaleRotate
from tfseg.data.pipeline.batches import augmented

MOVED = [ShiftScaleRotate(p=1.0), GaussNoise(p=1.0)]


def dataset(dtype="uint8", label_dtype="int32"):
    """Returns four times the same image with its ids, and four names."""
    image = np.random.default_rng(0).integers(0, 256, (16, 20, 3)).astype(dtype)
    label = np.arange(16 * 20).reshape(16, 20).astype(label_dtype)
    return tf.data.Dataset.from_tensor_slices(
        {"image": np.stack([image] * 4), "label": np.stack([label] * 4), "name": list("abcd")}
    )


def as_pair(element):
    return element["image"], element["label"]


def test_a_dataset_is_augmented_as_by_the_chain_itself():
    root, chain = random.root(5), Chain(MOVED)
    taken = list(augmented(dataset(), MOVED, seed=5))
    assert [element["name"].numpy() for element in taken] == [b"a", b"b", b"c", b"d"]
    for index, (element, before) in enumerate(zip(taken, dataset(), strict=True)):
        moved = chain(before, random.fold_in(root, index))
        np.testing.assert_array_equal(element["image"], moved["image"])
        np.testing.assert_array_equal(element["label"], moved["label"])


def test_a_pair_is_augmented_as_a_dict_is_and_stays_a_pair():
    pairs = list(augmented(dataset().map(as_pair), MOVED, seed=5))
    for pair, element in zip(pairs, augmented(dataset(), MOVED, seed=5), strict=True):
        assert isinstance(pair, tuple)
        np.testing.assert_array_equal(pair[0], element["image"])
        np.testing.assert_array_equal(pair[1], element["label"])


def test_a_repeat_before_this_stage_draws_anew_for_every_pass():
    moved = augmented(dataset().take(2).repeat(2), [ShiftScaleRotate(p=1.0)], seed=5)
    ids = [element["label"].numpy() for element in moved]
    assert len({label.tobytes() for label in ids}) == 4


@pytest.mark.parametrize("label_dtype", ["uint8", "uint16", "int64"])
def test_without_transforms_the_image_is_scaled_and_the_ids_are_kept(label_dtype):
    data = dataset("uint16", label_dtype)
    spec = augmented(data, [], seed=0).element_spec
    assert spec["image"] == tf.TensorSpec((16, 20, 3), tf.float32)
    assert spec["label"] == tf.TensorSpec((16, 20), tf.int32)
    (before, after) = (next(iter(one)) for one in (data, augmented(data, [], seed=0)))
    np.testing.assert_allclose(after["image"], before["image"] / 65535, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(after["label"], before["label"])


OTHER_FORMS = {
    "no label": (lambda one: {"image": one["image"]}, r'Elements must be \{"image", "label"\} or'),
    "three": (lambda one: (*as_pair(one), one["name"]), r"Elements must be"),
    "image alone": (lambda one: one["image"], r"Elements must be .*; got \(16, 20, 3\)\."),
    "label with channels": (
        lambda one: (one["image"], one["label"][..., None]),
        r"^Image and label must be \[H, W, C\] and \[H, W\], or",
    ),
    "grey without channels": (
        lambda one: (one["image"][..., 0], one["label"]),
        r"^Image and label must be .* A grey image needs a channel axis of 1\.$",
    ),
    "float ids": (
        lambda one: (one["image"], tf.cast(one["label"], tf.float32)),
        r"^Labels must be integer ids; got float32\.$",
    ),
    "mask": (lambda one: (one["image"], one["label"] > 0), r"^Labels must be integer .* bool\.$"),
    "another size": (
        lambda one: (one["image"][:8], one["label"]),
        r"^'image' and label must have one size; got",
    ),
    "no static size": (
        lambda one: (one["image"], one["label"][: tf.strings.length(one["name"])]),
        r"^Height.* must be static; got .*\(None, 20\)\. Put RandomCrop first, or crop .*\.$",
    ),
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_elements_of_another_form_are_refused_in_one_line_before_anything_runs(form):
    change, message = OTHER_FORMS[form]
    with pytest.raises(InputError, match=message):
        augmented(dataset().map(change), [HorizontalFlip()], seed=0)


@pytest.mark.parametrize("seed", [-1, 2**31, 0.5])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(InputError, match=r"seed must be a whole number in \[0, 2147483647\]"):
        augmented(dataset(), [HorizontalFlip()], seed=seed)


def test_batches_are_refused_with_the_order_that_works():
    message = r"must be single images; got batches \(\S+ 16, 20, 3\)\. Augment before batching: "
    for batches in (dataset().batch(2), dataset().map(as_pair).batch(2)):
        with pytest.raises(InputError, match=message):
            augmented(batches, MOVED, seed=0)


def test_values_out_of_range_end_the_first_read_with_the_reason():
    data = dataset().map(lambda one: one | {"image": tf.cast(one["image"], tf.float32)})
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"floats must be in \[0, 1\]; divide"):
        next(iter(augmented(data, MOVED, seed=0)))
    data = dataset(label_dtype="int64").map(lambda one: one | {"label": one["label"] + 2**31})
    with pytest.raises(tf.errors.InvalidArgumentError, match="ids up to 2147483647; renumber"):
        next(iter(augmented(data, MOVED, seed=0)))
