"""Rules for every transform of `augment.TRANSFORMS`; CopyPaste, for batches, is in test_mix.py."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg import augment, random
from tfseg.augment import TRANSFORMS, Chain, Geometric, Pixel, Sampling, Transform
from tfseg.augment.base import Params
from tfseg.augment.compose import Choice
from tfseg.ids import IGNORE

# Square, so that a quarter turn loses nothing, and three channels, which colours need.
COUNT, HEIGHT, WIDTH, CHANNELS = 3, 12, 12, 3
LARGEST = 2**31 - 1
# For parameters without default, or with a default that changes a small picture only slightly.
EXAMPLES: dict[str, dict[str, object]] = {
    "Affine": {"rotate": (-40.0, 40.0), "shear": (-10.0, 10.0), "scale": (0.8, 1.2)},
    "CenterCrop": {"height": 7, "width": 9},
    "CLAHE": {"tile_grid_size": (2, 1)},  # tables of 8 x 8 tiles of 2 x 2 pixels are steep
    "ElasticTransform": {"alpha": 60.0, "sigma": 5.0},
    "MedianBlur": {"blur_limit": (3, 5)},  # compiles in a third of the time
    "OneOf": {"transforms": (augment.HorizontalFlip(), augment.GaussNoise())},
    "OpticalDistortion": {"distort_limit": (0.5, 0.9)},
    "PadIfNeeded": {"min_height": 14, "min_width": 5},
    "RandomCrop": {"height": 7, "width": 9},
    "RandomScale": {"scale_limit": (0.3, 0.5)},
    "RandomResizedCrop": {"size": (9, 8)},
    "RandomSizedCrop": {"min_max_height": (5, 11), "size": (9, 8)},
    "Resize": {"height": 15, "width": 9},
    "SomeOf": {"transforms": (augment.VerticalFlip(), augment.GaussNoise()), "n": (1, 2)},
}
NAMES = sorted(TRANSFORMS)
SINGLE = [name for name in NAMES if not issubclass(TRANSFORMS[name], Choice)]
GEOMETRIC = [name for name in SINGLE if issubclass(TRANSFORMS[name], Geometric)]
PIXEL = [name for name in SINGLE if issubclass(TRANSFORMS[name], Pixel)]
# Whole pixels to whole pixels:
EXACT = [
    *("D4", "HorizontalFlip", "RandomRotate90", "Transpose", "VerticalFlip"),
    *("CenterCrop", "PadIfNeeded", "RandomCrop"),
]
NOTHING_TO_DRAW = [
    *("HorizontalFlip", "Transpose", "VerticalFlip", "CenterCrop", "PadIfNeeded", "Resize"),
    *("Normalize", "ToGray"),
]
# Normalize leaves [0, 1], so it comes last.
ORDERED = sorted(SINGLE, key=lambda name: (name == "Normalize", name))
every_transform = pytest.mark.parametrize("name", NAMES)
every_single = pytest.mark.parametrize("name", SINGLE)


def example_of(name: str, p: float = 1.0) -> Transform:
    return TRANSFORMS[name](p=p, **EXAMPLES.get(name, {}))


# An image in a batch, or in a data set, is compiled once more for every transform.
FEW = ("Affine", "CLAHE", "CoarseDropout", "GaussNoise", "GridDistortion", "RandomCrop", "SomeOf")
few_transforms = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FEW else pytest.mark.exhaustive) for name in NAMES],
)


@functools.cache
def chain(name: str) -> Chain:
    """Returns a chain of one transform that acts on every image; kept, because it is compiled."""
    return Chain([example_of(name)])


def draws(chain: Chain, seed: int, count: int) -> dict[str, Params]:
    """Returns the draws of `count` images, `[count]` each, made in a graph."""
    root = random.root(seed)
    data = tf.data.Dataset.range(count).map(lambda k: chain.sample(random.fold_in(root, k)))
    return next(iter(data.batch(count)))


@functools.cache
def drawn(name: str, seed: int = 0) -> dict[str, Params]:
    return draws(chain(name), seed, COUNT)


def batch(seed: int = 0) -> dict[str, tf.Tensor]:
    draw = np.random.default_rng(seed)
    images = draw.random((COUNT, HEIGHT, WIDTH, CHANNELS), np.float32)
    ids = draw.choice([0, 1, 2, IGNORE, 2**24 + 1, LARGEST], (COUNT, HEIGHT, WIDTH))
    return {"image": tf.constant(images), "label": tf.constant(ids, tf.int32)}


def one(example: dict, index: int) -> dict:
    return tf.nest.map_structure(lambda value: value[index], example)


def equal(ours: object, theirs: object) -> None:
    tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)


@contextlib.contextmanager
def without_xla() -> Iterator[None]:
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


# One image at a time almost everywhere: a batch is compiled once more.
@every_single
def test_where_its_coin_says_no_it_changes_no_bit(name):
    if chain(name).output_size((HEIGHT, WIDTH)) != (HEIGHT, WIDTH):
        pytest.skip("a change of size acts on every image")
    params = {f"{name}/1": one(drawn(name), 0)[f"{name}/1"] | {"on": tf.constant(False)}}
    equal(chain(name).apply(one(batch(), 0), params), one(batch(), 0))


# A draw that a kernel needs when it is compiled, such as a size, is no parameter of the module, and
# every other value of it compiles the chain again: 400 ms an image in MotionBlur, once.
@every_transform
def test_no_draw_compiles_the_chain_again(name):
    inputs = one(batch(), 0), one(drawn(name), 0)
    lower = chain(name)._compiled.experimental_get_compiler_ir(*inputs)
    entry = lower(stage="hlo").partition("\nENTRY")[2]
    assert entry.count(" parameter(") == len(tf.nest.flatten(inputs))


@every_transform
def test_it_changes_something_when_it_is_drawn(name):
    example = one(batch(), 0)
    results = [chain(name).apply(example, one(drawn(name), k)) for k in range(COUNT)]
    if results[0]["image"].shape != example["image"].shape:
        return
    assert max(np.abs(result["image"] - example["image"]).max() for result in results) > 0.01
    if name in GEOMETRIC:
        assert any((result["label"] != example["label"]).numpy().any() for result in results)


@every_single
def test_one_seed_gives_one_draw_in_a_graph_and_outside_and_another_seed_another(name):
    graph = drawn(name, 3)[f"{name}/1"]
    for k in range(2):
        eager = chain(name).sample(random.fold_in(random.root(3), k))[f"{name}/1"]
        equal(eager, one(graph, k))
    if name not in NOTHING_TO_DRAW:
        values = [value.numpy() for key, value in graph.items() if key != "on"]
        assert any((value[0] != value[k]).any() for value in values for k in range(1, COUNT))


@functools.cache
def crowded() -> dict[str, Params]:
    """Six draws of every transform among all others, twice, in another order."""
    return draws(Chain([example_of(name, 0.5) for name in [*GEOMETRIC[::-1], *ORDERED]]), 1, 6)


@every_single
def test_its_draw_does_not_depend_on_its_neighbours(name):
    alone = draws(Chain([example_of(name, 0.5)]), 1, 6)
    equal(crowded()[f"{name}/1"], alone[f"{name}/1"])


@few_transforms
def test_no_bit_of_an_image_depends_on_its_batch(name):
    example, params = batch(), drawn(name)
    together = chain(name).apply(example, params)
    for k in range(2):
        equal(chain(name).apply(one(example, k), one(params, k)), one(together, k))


def test_p_is_the_share_of_images_that_are_changed_and_each_transform_throws_its_own_coin():
    p, count = 0.3, 2000
    on = [
        params["on"].numpy()
        for params in draws(Chain([example_of(name, p) for name in ORDERED]), 2, count).values()
    ]
    # The share of 2000 deviates by sqrt(0.3 x 0.7 / 2000) = 0.0102.
    np.testing.assert_allclose(np.mean(on, axis=1), p, atol=4 * 0.0103)
    correlation = np.corrcoef(on) - np.eye(len(SINGLE))
    assert np.abs(correlation).max() < 5 / np.sqrt(count)


@pytest.mark.parametrize("name", GEOMETRIC)
def test_image_and_ids_move_together(name):
    # Every pixel has another id, and the image contains its coordinates.
    y, x = np.indices((HEIGHT, WIDTH))
    coordinates = np.stack([y, x, x], axis=-1) / 16
    example = {
        "image": tf.constant(coordinates, tf.float32),
        "label": tf.constant(y * WIDTH + x, tf.int32),
    }
    for k in range(COUNT):
        result = chain(name).apply(example, one(drawn(name), k))
        read, ids = result["image"].numpy()[..., :2], result["label"].numpy()
        inside = ids != IGNORE
        source = np.stack([ids // WIDTH, ids % WIDTH], axis=-1)
        # An id is that of the nearest pixel, so its coordinates are at most half a pixel away.
        assert np.abs(read * 16 - source)[inside].max() <= 0.5 + 1e-3
        assert inside.mean() > 0.25
        if name in EXACT:
            np.testing.assert_allclose(read[inside] * 16, source[inside], atol=1e-5)


@pytest.mark.parametrize("name", PIXEL)
def test_a_change_of_values_leaves_the_ids_alone(name):
    example = one(batch(), 0)
    result = chain(name).apply(example, one(drawn(name), 0))
    np.testing.assert_array_equal(result["label"], example["label"])


@every_transform
def test_no_new_ids_come_out_and_values_stay_in_their_range(name):
    example = one(batch(1), 0)
    low, high = getattr(TRANSFORMS[name], "value_range", (0.0, 1.0))
    for k in range(COUNT):
        result = chain(name).apply(example, one(drawn(name, 2), k))
        image, ids = result["image"].numpy(), result["label"]
        assert ids.dtype == tf.int32
        assert set(np.unique(ids)) <= {*np.unique(example["label"]), IGNORE}
        assert image.dtype == np.float32
        assert np.isfinite(image).all()
        assert low <= image.min() <= image.max() <= high


@every_transform
def test_8_bits_and_floats_give_the_same(name):
    grey = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, CHANNELS), np.uint8)
    label, params = batch()["label"][0], one(drawn(name), 0)
    floats = (grey / 255).astype(np.float32)
    with without_xla():  # which would compile each transform once more for 8 bits
        plain, result = (
            chain(name).apply({"image": image, "label": label}, params) for image in (floats, grey)
        )
    np.testing.assert_allclose(result["image"], plain["image"], atol=2e-6)
    np.testing.assert_array_equal(result["label"], plain["label"])


@every_transform
def test_xla_gives_what_the_plain_operations_give(name):
    example, params = one(batch(2), 1), one(drawn(name), 1)
    compiled = chain(name).apply(example, params)
    with without_xla():
        plain = chain(name).apply(example, params)
    np.testing.assert_allclose(compiled["image"], plain["image"], atol=1e-5)
    np.testing.assert_array_equal(compiled["label"], plain["label"])


@every_transform
def test_a_dataset_keeps_static_shapes(name):
    height, width = chain(name).output_size((HEIGHT, WIDTH))
    data = tf.data.Dataset.from_tensor_slices(batch(3))
    result = data.map(lambda example: chain(name)(example, random.root(1)))
    assert result.element_spec == {
        "image": tf.TensorSpec((height, width, CHANNELS), tf.float32),
        "label": tf.TensorSpec((height, width), tf.int32),
    }


@few_transforms
def test_a_dataset_gives_the_same_with_any_number_of_threads(name):
    data = tf.data.Dataset.from_tensor_slices((batch(3), tf.range(COUNT))).repeat(2)

    def augment(example: dict, index: tf.Tensor) -> dict:
        return chain(name)(example, random.fold_in(random.root(1), index))

    first, second = (
        list(data.map(augment, num_parallel_calls=threads).as_numpy_iterator())
        for threads in (None, 4)
    )
    equal(first, second)
    equal(first[:COUNT], first[COUNT:])


@every_transform
def test_it_is_built_again_from_its_values_as_json(name):
    for transform in (example_of(name), example_of(name, 0.125)):
        spec = json.loads(json.dumps(augment.to_spec([transform])))
        (built,) = augment.from_spec(spec)
        assert built == transform
        assert hash(built) == hash(transform)
    assert example_of(name) != example_of(name, 0.125)
    assert type(example_of(name)).__name__ == name


SAME_SIZE = [name for name in GEOMETRIC if example_of(name, 0.5).output_size((12, 12)) == (12, 12)]


@given(
    names=st.lists(st.sampled_from(SAME_SIZE), min_size=1, max_size=4),
    seed=st.integers(0, 2**31 - 1),
    size=st.sampled_from([(5, 7), (1, 1)]),
)
@settings(max_examples=10)
def test_ids_fed_as_the_image_come_out_as_the_ids_of_any_chain(names, seed, size):
    label = np.random.default_rng(seed).choice([0, 3, 4, 9, 16], size).astype(np.int32)
    nearest = Sampling(interpolation="nearest", border="constant", fill=0)
    moves = Chain([example_of(name, 0.7) for name in names], sampling=nearest)
    example = {"image": (label / 16).astype(np.float32)[..., None], "label": label}
    result = moves(example, random.root(seed))
    np.testing.assert_array_equal(result["image"][..., 0] * 16, result["label"])
    assert set(np.unique(result["label"])) <= {0, *np.unique(label)}


@given(
    names=st.lists(st.sampled_from(sorted({*SAME_SIZE, *PIXEL} - {"Normalize"})), max_size=4),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=10)
def test_any_chain_gives_finite_values_and_ids_that_were_there(names, seed):
    example = one(batch(seed % 7), 0)
    result = Chain([example_of(name, 0.7) for name in names])(example, random.root(seed))
    assert np.isfinite(result["image"]).all()
    assert set(np.unique(result["label"])) <= {0, IGNORE, *np.unique(example["label"])}
