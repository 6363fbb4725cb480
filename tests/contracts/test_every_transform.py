"""What every transform of `augment.TRANSFORMS` keeps, the next one too."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import IGNORE, TRANSFORMS, Chain, Geometric, Pixel, Transform, from_spec
from tfseg.augment.base import Params
from tfseg.data.pipeline import augmented

NAMES = sorted(TRANSFORMS)
GEOMETRIC = [name for name in NAMES if issubclass(TRANSFORMS[name], Geometric)]
EXACT = [name for name in GEOMETRIC if name != "ShiftScaleRotate"]  # whole pixels to whole pixels
BATCH, HEIGHT, WIDTH, CHANNELS = 4, 12, 12, 2  # square: a quarter turn loses nothing
LARGEST = 2**31 - 1
every_transform = pytest.mark.parametrize("name", NAMES)


@functools.cache
def chain(name: str) -> Chain:
    """Returns a chain of one transform that acts on every image; kept, because it is compiled."""
    return Chain([TRANSFORMS[name](p=1.0)])


def draws(chain: Chain, seed: int, count: int) -> dict[str, Params]:
    """Returns the draws of `count` images, `[count]` each, made in a graph."""
    root = random.root(seed)
    data = tf.data.Dataset.range(count).map(lambda k: chain.sample(random.fold_in(root, k)))
    return next(iter(data.batch(count)))


@functools.cache
def drawn(name: str, seed: int = 0) -> dict[str, Params]:
    return draws(chain(name), seed, BATCH)


def identity(name: str) -> dict[str, Params]:
    like = chain(name).sample(random.root(0))[f"{name}/1"]
    return {
        f"{name}/1": {
            key: tf.fill([BATCH], tf.cast(value, like[key].dtype))
            for key, value in TRANSFORMS[name].identity.items()
        }
    }


def batch(seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    draw = np.random.default_rng(seed)
    images = draw.random((BATCH, HEIGHT, WIDTH, CHANNELS), np.float32)
    ids = draw.choice([0, 1, 2, IGNORE, 2**24 + 1, LARGEST], (BATCH, HEIGHT, WIDTH))
    return tf.constant(images), tf.constant(ids, tf.int32)


def equal(ours: object, theirs: object) -> None:
    tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


@contextlib.contextmanager
def without_xla() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


@every_transform
def test_it_draws_exactly_the_parameters_that_its_identity_names(name):
    params = TRANSFORMS[name]().sample(random.root(0))
    assert params.keys() == TRANSFORMS[name].identity.keys()
    assert {value.shape.rank for value in params.values()} == {0}


@every_transform
def test_its_identity_changes_no_bit(name):
    images, labels = batch()
    equal(chain(name).apply(images, labels, identity(name)), (images, labels))


@every_transform
def test_it_changes_something_when_it_is_drawn(name):
    images, labels = batch()
    result, ids = chain(name).apply(images, labels, drawn(name))
    assert np.abs(result - images).max() > 0.01
    assert (ids.numpy() != labels.numpy()).any() == (name in GEOMETRIC)


@every_transform
def test_one_seed_gives_one_draw_in_a_graph_and_outside_and_another_seed_another(name):
    graph = drawn(name, 3)[f"{name}/1"]
    for k in range(2):
        eager = chain(name).sample(random.fold_in(random.root(3), k))[f"{name}/1"]
        equal(eager, {key: value[k] for key, value in graph.items()})
    if name not in ("HorizontalFlip", "VerticalFlip"):  # which have nothing to draw
        for value in graph.values():
            assert len(set(value.numpy().tolist())) > 1


@functools.cache
def crowded() -> dict[str, Params]:
    """Six draws of every transform among all others, twice, in another order."""
    return draws(Chain([TRANSFORMS[name]() for name in [*NAMES[::-1], *NAMES]]), 1, 6)


@every_transform
def test_its_draw_does_not_depend_on_its_neighbours(name):
    alone = draws(Chain([TRANSFORMS[name]()]), 1, 6)
    equal(crowded()[f"{name}/1"], alone[f"{name}/1"])


@every_transform
def test_an_image_does_not_depend_on_the_others_of_its_batch(name):
    images, labels = batch()
    params = drawn(name)
    together = chain(name).apply(images, labels, params)
    for k in range(2):
        own = tf.nest.map_structure(lambda value, k=k: value[k : k + 1], params)
        image, ids = chain(name).apply(images[k : k + 1], labels[k : k + 1], own)
        np.testing.assert_array_equal(ids[0], together[1][k])
        np.testing.assert_allclose(image[0], together[0][k], atol=1e-6)


def test_p_is_the_share_of_images_that_are_changed_and_each_transform_throws_its_own_coin():
    p, count = 0.3, 2000
    rare, always = (
        draws(Chain([TRANSFORMS[name](p=q) for name in NAMES]), 2, count) for q in (p, 1.0)
    )
    changed = []
    for name, transform in TRANSFORMS.items():
        own, full = rare[f"{name}/1"], always[f"{name}/1"]
        still = np.all([own[k] == np.float32(v) for k, v in transform.identity.items()], axis=0)
        # Where the coin says yes, the draw is that of p = 1.
        assert np.all(still | np.all([own[key] == full[key] for key in own], axis=0)), name
        # One quarter of the quarter turns are none.
        expected = p * 0.75 if name == "RandomRotate90" else p
        # The share of 2000 deviates by sqrt(0.3 x 0.7 / 2000) = 0.0102.
        assert abs(1 - still.mean() - expected) < 4 * 0.0103, name
        changed.append(~still)
    correlation = np.corrcoef(changed) - np.eye(len(NAMES))
    assert np.abs(correlation).max() < 5 / np.sqrt(count)


def test_p_of_0_never_changes_anything():
    never = draws(Chain([TRANSFORMS[name](p=0.0) for name in NAMES]), 4, 50)
    for name, transform in TRANSFORMS.items():
        for key, value in transform.identity.items():
            np.testing.assert_array_equal(never[f"{name}/1"][key], np.full(50, value))


@pytest.mark.parametrize("name", GEOMETRIC)
def test_image_and_ids_move_together(name):
    # Every pixel has an id of its own, and its place is what the image shows.
    y, x = np.indices((HEIGHT, WIDTH))
    places = np.stack([y, x], axis=-1) / 16
    images = tf.constant(np.stack([places] * BATCH), tf.float32)
    labels = tf.constant(np.stack([y * WIDTH + x] * BATCH), tf.int32)
    seen, ids = (value.numpy() for value in chain(name).apply(images, labels, drawn(name)))
    inside = ids != IGNORE
    source = np.stack([ids // WIDTH, ids % WIDTH], axis=-1)
    # An id is that of the nearest pixel, so the place seen is at most half a pixel away from it.
    assert np.abs(seen * 16 - source)[inside].max() <= 0.5 + 1e-3
    assert inside.mean() > 0.5
    if name in EXACT:
        np.testing.assert_allclose(seen * 16, source, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(GEOMETRIC)))
def test_a_change_of_values_leaves_the_ids_alone(name):
    assert issubclass(TRANSFORMS[name], Pixel)
    images, labels = batch()
    np.testing.assert_array_equal(chain(name).apply(images, labels, drawn(name))[1], labels)


@every_transform
def test_no_new_ids_come_out_and_values_stay_in_the_unit_interval(name):
    images, labels = batch(1)
    for seed in range(3):
        result, ids = chain(name).apply(images, labels, drawn(name, seed))
        assert ids.dtype == tf.int32
        for own, before in zip(ids.numpy(), labels.numpy(), strict=True):
            assert set(own.ravel().tolist()) <= {*before.ravel().tolist(), 0, IGNORE}
        assert result.dtype == tf.float32
        assert 0 <= result.numpy().min() <= result.numpy().max() <= 1


@every_transform
def test_8_bits_16_bits_and_floats_give_the_same(name):
    grey = np.random.default_rng(5).integers(0, 256, (BATCH, HEIGHT, WIDTH, CHANNELS))
    _, labels = batch()
    params = drawn(name)
    plain, ids = chain(name).apply(tf.constant(grey / 255, tf.float32), labels, params)
    for image in (grey.astype(np.uint8), (grey * 257).astype(np.uint16)):
        result, own = chain(name).apply(tf.constant(image), labels, params)
        np.testing.assert_allclose(result, plain, atol=1e-6)
        np.testing.assert_array_equal(own, ids)


@every_transform
def test_xla_gives_what_the_plain_operations_give(name):
    images, labels = batch(2)
    compiled, ids = chain(name).apply(images, labels, drawn(name))
    with without_xla():
        plain, plain_ids = chain(name).apply(images, labels, drawn(name))
    np.testing.assert_allclose(compiled, plain, atol=1e-5)
    np.testing.assert_array_equal(ids, plain_ids)


@every_transform
def test_a_dataset_keeps_its_static_shapes_and_gives_the_same_twice(name):
    images, labels = batch(3)
    data = tf.data.Dataset.from_tensor_slices(
        {"image": tf.image.convert_image_dtype(images, tf.uint8), "label": labels}
    )
    result = augmented(data, [TRANSFORMS[name](p=1.0)], seed=1)
    assert result.element_spec == {
        "image": tf.TensorSpec((HEIGHT, WIDTH, CHANNELS), tf.float32),
        "label": tf.TensorSpec((HEIGHT, WIDTH), tf.int32),
    }
    first, second = list(result.as_numpy_iterator()), list(result.as_numpy_iterator())
    equal(first, second)
    assert len(first) == BATCH


@every_transform
def test_it_is_built_again_from_its_values_as_json(name):
    def described(transform: Transform) -> str:
        return json.dumps([{"name": name, **dataclasses.asdict(transform)}])

    default = TRANSFORMS[name]()
    other = dataclasses.replace(default, p=0.125)
    for transform in (default, other):
        (built,) = from_spec(json.loads(described(transform)))
        assert built == transform
        assert hash(built) == hash(transform)
    assert default != other
    assert type(default).__name__ == name
