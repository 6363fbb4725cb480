"""Chains: order, one resample, borders, sizes, further entries, choices, and what is refused."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import ClassVar

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import (
    IGNORE,
    CenterCrop,
    Chain,
    GaussNoise,
    HorizontalFlip,
    OneOf,
    RandomBrightnessContrast,
    RandomRotate90,
    Sampling,
    ShiftScaleRotate,
    SomeOf,
    VerticalFlip,
)
from tfseg.augment.base import Params
from tfseg.checks import InputError

STILL = {"y": 0.0, "x": 0.0, "scale": 1.0, "radians": 0.0}


def params(**values: dict[str, float]) -> dict[str, Params]:
    """Returns parameters by name, where "Rotate_2" stands for "Rotate/2", all of them on."""
    return {
        name.replace("_", "/"): {key: tf.constant(value) for key, value in numbers.items()}
        | {"on": tf.constant(numbers.get("on", True))}
        for name, numbers in values.items()
    }


def numbered(height: int, width: int) -> tf.Tensor:
    """Returns a map of ids that are all different, `[H, W]`."""
    return tf.reshape(tf.range(1, height * width + 1), (height, width))


def as_image(labels: tf.Tensor) -> tf.Tensor:
    return tf.cast(labels, tf.float32)[..., None] / 1024.0


def moved(
    chain: Chain, label: tf.Tensor, drawn: dict[str, Params]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of an image made of `label`, and the label."""
    result = chain.apply({"image": as_image(label), "label": label}, drawn)
    return result["image"][..., 0].numpy() * 1024, result["label"].numpy()


def test_transforms_act_in_the_order_of_the_list():
    labels = numbered(4, 4)
    drawn = params(
        HorizontalFlip_1={},
        ShiftScaleRotate_1=STILL | {"y": 0.25, "x": 0.5},
        RandomRotate90_1={"turns": 1},
    )
    flip, shift, turn = HorizontalFlip(), ShiftScaleRotate(), RandomRotate90()
    flipped = np.fliplr(labels)
    expected = np.full((4, 4), IGNORE)
    expected[1:, 2:] = flipped[:3, :2]  # a quarter of 4 down, half of 4 to the right
    _, ids = moved(Chain([flip, shift, turn]), labels, drawn)
    np.testing.assert_array_equal(ids, np.rot90(expected))

    expected = np.full((4, 4), IGNORE)
    expected[1:, 2:] = np.rot90(labels)[:3, :2]
    _, ids = moved(Chain([turn, shift, flip]), labels, drawn)
    np.testing.assert_array_equal(ids, np.fliplr(expected))


def test_pixel_transforms_act_in_the_order_of_the_list_wherever_it_has_them():
    lighter = RandomBrightnessContrast()
    drawn = params(
        RandomBrightnessContrast_1={"brightness": 0.25, "contrast": 0.0},
        RandomBrightnessContrast_2={"brightness": 0.0, "contrast": 1.0},
        HorizontalFlip_1={},
    )
    example = {"image": tf.constant([[[0.0], [0.125]]]), "label": tf.constant([[1, 2]])}
    result = Chain([lighter, HorizontalFlip(), lighter]).apply(example, drawn)
    # (0.125 + 0.25) x 2 and (0 + 0.25) x 2; the other order would give 0.5 and 0.25
    assert result["image"].numpy().ravel().tolist() == [0.75, 0.5]
    assert result["label"].numpy().ravel().tolist() == [2, 1]


def test_all_moves_together_are_one_interpolation():
    labels = numbered(6, 6)
    eighth = STILL | {"radians": math.pi / 4}
    chain = Chain([ShiftScaleRotate(), ShiftScaleRotate()])
    image, ids = moved(chain, labels, params(ShiftScaleRotate_1=eighth, ShiftScaleRotate_2=eighth))
    # Twice 45 degrees, each resampled by itself, would blur the numbers and lose the corners.
    np.testing.assert_allclose(image, np.rot90(labels), atol=1e-3)
    np.testing.assert_array_equal(ids, np.rot90(labels))


def test_the_image_is_mirrored_and_ids_are_ignored_where_nothing_was_read():
    drawn = params(ShiftScaleRotate_1=STILL | {"x": 0.5})
    image, ids = moved(Chain([ShiftScaleRotate()]), numbered(1, 4), drawn)
    assert ids.tolist() == [[IGNORE, IGNORE, 1, 2]]
    np.testing.assert_allclose(image, [[3, 2, 1, 2]], rtol=1e-6)


def test_a_smaller_result_is_the_middle_of_the_whole_one():
    labels = numbered(9, 12)
    chain = [ShiftScaleRotate(), HorizontalFlip()]
    drawn = params(
        ShiftScaleRotate_1={"y": 0.1, "x": -0.2, "scale": 1.3, "radians": 0.7},
        HorizontalFlip_1={},
        CenterCrop_1={},
    )
    image, ids = moved(Chain(chain), labels, drawn)
    middle, middle_ids = moved(Chain([*chain, CenterCrop(height=4, width=6)]), labels, drawn)
    # (9 - 4) // 2 = 2 rows above, (12 - 6) // 2 = 3 columns to the left
    np.testing.assert_allclose(middle, image[2:6, 3:9], atol=1e-3)
    np.testing.assert_array_equal(middle_ids, ids[2:6, 3:9])


def test_a_larger_result_is_surrounded_by_ignored_pixels():
    chain = Chain([CenterCrop(3, 4, pad_if_needed=True)])
    _, ids = moved(chain, numbered(1, 2), params(CenterCrop_1={}))
    assert ids.tolist() == [[-1, -1, -1, -1], [-1, 1, 2, -1], [-1, -1, -1, -1]]


SHIFTED = params(ShiftScaleRotate_1=STILL | {"x": 0.5})


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "int64"])
def test_labels_of_any_integer_type_become_int32_with_ignored_pixels_below_0(dtype):
    example = {"image": as_image(numbered(1, 4)), "label": tf.cast(numbered(1, 4), dtype)}
    ids = Chain([ShiftScaleRotate()]).apply(example, SHIFTED)["label"]
    assert ids.dtype == tf.int32
    assert ids.numpy().tolist() == [[-1, -1, 1, 2]]


def test_ids_are_filled_as_asked():
    chain = Chain([ShiftScaleRotate()], sampling=Sampling(fill=0))
    assert moved(chain, numbered(1, 4), SHIFTED)[1].tolist() == [[0, 0, 1, 2]]


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        ("constant", [512, 512, 1, 2]),
        ("nearest", [1, 1, 1, 2]),
        ("reflect", [2, 1, 1, 2]),
        ("reflect_101", [3, 2, 1, 2]),
        ("wrap", [3, 4, 1, 2]),
    ],
)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_the_image_is_continued_beyond_its_border_as_asked(border, expected, interpolation):
    # The constant is in image values, whatever the dtype of the image.
    settings = Sampling(border=border, border_value=0.5, interpolation=interpolation)
    image, _ = moved(Chain([ShiftScaleRotate()], sampling=settings), numbered(1, 4), SHIFTED)
    np.testing.assert_allclose(image, [expected], rtol=1e-5)


def test_the_value_beyond_the_border_does_not_depend_on_the_dtype():
    chain = Chain([ShiftScaleRotate()], sampling=Sampling(border="constant", border_value=0.25))
    image = np.array([[[51], [51], [51], [51]]], np.uint8)
    result = chain.apply({"image": image, "label": numbered(1, 4)}, SHIFTED)["image"]
    np.testing.assert_allclose(result.numpy().ravel(), [0.25, 0.25, 0.2, 0.2], rtol=1e-6)


def test_further_entries_move_along_with_their_own_interpolation():
    settings = Sampling(
        others={"weight": "bilinear", "second": "bicubic", "kind": "nearest"}, fill=-7
    )
    chain = Chain([ShiftScaleRotate()], sampling=settings)
    example = {
        "image": as_image(numbered(1, 4)),
        "label": numbered(1, 4),
        "weight": tf.constant([[0.0, 1.0, 2.0, 3.0]]),
        "second": tf.constant([[[0, 255], [51, 255], [102, 255], [153, 255]]], tf.uint8),
        "kind": tf.constant([[5, 6, 7, 8]], tf.int64),
        "name": tf.constant("untouched"),
    }
    drawn = params(ShiftScaleRotate_1=STILL | {"x": 0.125})  # half a pixel to the right
    result = chain.apply(example, drawn)
    np.testing.assert_allclose(result["weight"], [[0.5, 0.5, 1.5, 2.5]])
    assert result["kind"].numpy().tolist() == [[5, 6, 7, 8]]  # halves go to the higher coordinate
    assert result["kind"].dtype == tf.int64
    assert result["second"].shape == (1, 4, 2)
    np.testing.assert_allclose(result["second"][0, 2], [0.3, 1.0], atol=1e-6)
    assert result["name"] == b"untouched"
    shifted = chain.apply(example, SHIFTED)
    assert shifted["kind"].numpy().tolist() == [[-7, -7, 5, 6]]
    assert shifted["label"].numpy().tolist() == [[-7, -7, 1, 2]]


@pytest.mark.parametrize(
    ("dtype", "fill", "fits"),
    [
        ("uint8", -1, False),
        ("uint8", 255, True),
        ("uint8", 256, False),
        ("int8", -1, True),
        ("uint16", 65536, False),
        ("uint64", -1, False),
        ("float16", -1, True),
        ("float16", 100_000, False),
        ("bfloat16", 257, False),  # of 8 bits: it would be 256
    ],
)
def test_a_further_entry_that_cannot_hold_the_fill_is_refused(dtype, fill, fits):
    chain = Chain([ShiftScaleRotate()], sampling=Sampling(others={"kind": "nearest"}, fill=fill))
    example = {
        "image": as_image(numbered(1, 4)),
        "label": numbered(1, 4),
        "kind": tf.cast(numbered(1, 4), dtype),
    }
    if fits:
        assert chain.apply(example, SHIFTED)["kind"].numpy().tolist() == [[fill, fill, 1, 2]]
        return
    message = rf"'kind' can hold, which is {dtype}; got {fill}\. Give 'kind' as int32, or"
    with pytest.raises(InputError, match=message):
        chain.apply(example, SHIFTED)
    with pytest.raises(InputError, match=message):
        tf.function(chain.apply, autograph=False)(example, SHIFTED)
    pixel_only = Chain([GaussNoise(p=0.5)], sampling=chain.sampling)  # leaves no pixel to fill
    assert pixel_only(example, tf.constant([0, 1]))["kind"].dtype == dtype


def test_a_further_entry_that_is_missing_or_of_another_size_is_named():
    chain = Chain([], sampling=Sampling(others={"weight": "bilinear"}))
    example = {"image": as_image(numbered(2, 4)), "label": numbered(2, 4)}
    with pytest.raises(InputError, match="got 'image', 'label' without 'weight'"):
        chain.apply(example, {})
    with pytest.raises(InputError, match=r"'weight' and label must have one size; got \(2, 3\)"):
        chain.apply(example | {"weight": tf.zeros([2, 3])}, {})
    with pytest.raises(InputError, match="'weight' must be numbers; got string"):
        chain.apply(example | {"weight": tf.fill([2, 4], "a")}, {})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_image_comes_out_in_the_dtype_asked_for_and_ids_do_not_care(dtype):
    labels = tf.constant([[2**31 - 1, 2**24 + 1, 3]])
    example = {"image": tf.constant([[[0.1], [0.2], [0.3]]]), "label": labels}
    result = Chain([HorizontalFlip()], sampling=Sampling(dtype=dtype)).apply(
        example, params(HorizontalFlip_1={})
    )
    assert result["image"].dtype == dtype
    np.testing.assert_allclose(tf.cast(result["image"], tf.float32)[0, :, 0], [0.3, 0.2, 0.1], 5e-3)
    np.testing.assert_array_equal(result["label"], labels[:, ::-1])


def test_integer_images_are_brought_to_the_unit_interval():
    labels = tf.zeros([1, 3], tf.int32)
    for image in (
        tf.constant([[[0], [51], [255]]], tf.uint8),
        tf.constant([[[0], [13107], [65535]]], tf.uint16),
        np.array([[[0], [0.2], [1]]]),  # NumPy, float64
    ):
        result = Chain([]).apply({"image": image, "label": labels}, {})["image"]
        assert result.dtype == tf.float32
        np.testing.assert_allclose(result.numpy().ravel(), [0, 0.2, 1], rtol=1e-6)


def test_numpy_arrays_are_taken_as_tensors_are():
    example = {"image": as_image(numbered(3, 4)), "label": numbered(3, 4)}
    drawn, chain = params(VerticalFlip_1={}), Chain([VerticalFlip()])
    ours = chain.apply({name: value.numpy() for name, value in example.items()}, drawn)
    theirs = chain.apply(example, drawn)
    for name in example:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_values_beyond_the_unit_interval_are_clipped_after_every_change():
    change = RandomBrightnessContrast()
    drawn = params(
        RandomBrightnessContrast_1={"brightness": 0.75, "contrast": 0.0},
        RandomBrightnessContrast_2={"brightness": -0.5, "contrast": 0.0},
    )
    example = {"image": tf.constant([[[0.5], [0.0], [1.0]]]), "label": tf.zeros([1, 3], tf.int32)}
    result = Chain([change, change]).apply(example, drawn)["image"]
    # 0.5 + 0.75 is clipped to 1, then 1 - 0.5
    assert result.numpy().ravel().tolist() == [0.5, 0.25, 0.5]


def test_transforms_of_one_kind_are_counted_and_draw_by_themselves():
    chain = Chain([RandomRotate90(p=1.0), GaussNoise(p=1.0), RandomRotate90(p=1.0)])
    draws = many(chain, 40)
    assert draws.keys() == {"RandomRotate90/1", "GaussNoise/1", "RandomRotate90/2"}
    first, second = (draws[f"RandomRotate90/{count}"]["turns"].tolist() for count in (1, 2))
    assert set(first) == set(second) == {0, 1, 2, 3}
    # Independent, 10 of 40 agree on average and 24 or more once in a million.
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 24


def many(chain: Chain, count: int) -> dict[str, dict[str, np.ndarray]]:
    data = tf.data.Dataset.range(count).map(
        lambda index: chain.sample(random.fold_in(random.root(0), index))
    )
    return next(data.batch(count).as_numpy_iterator())


def test_one_of_lets_exactly_one_part_act_as_often_as_its_weight_says():
    count, parts = 2000, (HorizontalFlip(p=0.1), VerticalFlip(p=0.3), RandomRotate90(p=0.0))
    draws = many(Chain([OneOf(transforms=parts, p=0.5)]), count)
    flip, turn, never = (
        draws[f"OneOf/1/{name}/1"]["on"]
        for name in ("HorizontalFlip", "VerticalFlip", "RandomRotate90")
    )
    assert not (flip & turn).any()
    assert not never.any()
    # Shares of 2000 deviate by at most sqrt(0.25 / 2000) = 0.011.
    assert abs((flip | turn).mean() - 0.5) < 0.045
    assert abs(flip.mean() - 0.125) < 0.045


def test_some_of_picks_as_many_as_asked_and_lets_them_act_with_their_own_p():
    count = 2000
    parts = (HorizontalFlip(p=1.0), VerticalFlip(p=1.0), RandomRotate90(p=0.5))
    draws = many(Chain([SomeOf(transforms=parts, n=(1, 2), p=1.0)]), count)
    on = np.stack([params["on"] for params in draws.values()])
    assert set(on.sum(axis=0)) == {0, 1, 2}  # none where the turn was picked and did not act
    # Picked: 1.5 of 3 on average; a share of 2000 deviates by 0.011.
    np.testing.assert_allclose(on.mean(axis=1), [0.5, 0.5, 0.25], atol=0.045)


def test_choices_within_choices_are_drawn_by_their_path():
    inner = OneOf(transforms=(HorizontalFlip(), VerticalFlip()), p=1.0)
    draws = many(Chain([OneOf(transforms=(inner, GaussNoise()), p=1.0), HorizontalFlip()]), 600)
    assert draws.keys() == {
        "OneOf/1/OneOf/1/HorizontalFlip/1",
        "OneOf/1/OneOf/1/VerticalFlip/1",
        "OneOf/1/GaussNoise/1",
        "HorizontalFlip/1",
    }
    on = np.stack([draws[name]["on"] for name in draws if name != "HorizontalFlip/1"])
    assert (on.sum(axis=0) == 1).all()
    # 1 x 1/3 and half of 2/3: weights are 1 and 1/2. A share of 600 deviates by 0.02.
    np.testing.assert_allclose(on.mean(axis=1), [1 / 3, 1 / 3, 1 / 3], atol=0.08)


def test_the_parts_of_a_choice_act_like_any_transform():
    chain = Chain([OneOf(transforms=(HorizontalFlip(p=1.0),), p=1.0), VerticalFlip(p=1.0)])
    labels = numbered(3, 5)
    _, ids = moved(chain, labels, chain.sample(random.root(1)))
    np.testing.assert_array_equal(ids, labels.numpy()[::-1, ::-1])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: OneOf(transforms=()), r"OneOf\.transforms must not be empty"),
        (
            lambda: OneOf(transforms=(3,)),
            "must hold transforms such as .*; got 3",
        ),
        (lambda: OneOf(transforms=HorizontalFlip()), "must be a list of transforms"),
        (lambda: OneOf(transforms=(HorizontalFlip(p=0.0),)), "needs a part with p above 0"),
        (lambda: SomeOf(transforms=(HorizontalFlip(),), n=(0, 2)), r"SomeOf\.n must be \(a, b\)"),
    ],
)
def test_a_wrong_choice_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        wrong()


@pytest.mark.parametrize(
    "transforms",
    [
        [CenterCrop(height=2, width=2, p=0.5)],
        [OneOf(transforms=(CenterCrop(height=2, width=2), HorizontalFlip()), p=1.0)],
    ],
)
def test_a_change_of_size_of_some_images_only_is_refused(transforms):
    with pytest.raises(InputError, match="it must act on every image; set its p to 1"):
        Chain(transforms).output_size((4, 4))
    assert Chain(transforms).output_size((2, 2)) == (2, 2)


def test_an_empty_chain_changes_nothing():
    labels = tf.constant([[5, -1], [0, 2**31 - 1]])
    assert Chain([]).sample(random.root(0)) == {}
    result = Chain([]).apply({"image": as_image(numbered(2, 2)), "label": labels}, {})
    np.testing.assert_array_equal(result["image"], as_image(numbered(2, 2)))
    np.testing.assert_array_equal(result["label"], labels)


def test_a_batch_is_drawn_and_changed_image_by_image_bit_for_bit():
    chain = Chain(
        [ShiftScaleRotate(), HorizontalFlip(), GaussNoise(), CenterCrop(height=4, width=3)],
        sampling=Sampling(others={"weight": "bilinear"}),
    )
    draw = np.random.default_rng(0)
    example = {
        "image": draw.integers(0, 256, (6, 5, 7, 2), np.uint8),
        "label": draw.integers(0, 9, (6, 5, 7)),
        "weight": draw.random((6, 5, 7), np.float32),
    }
    seeds = tf.stack([random.fold_in(random.root(3), index) for index in range(6)])
    together = chain(example, seeds)
    assert together["image"].shape == (6, 4, 3, 2)
    for index in range(6):
        alone = chain({name: value[index] for name, value in example.items()}, seeds[index])
        for name, value in alone.items():
            np.testing.assert_array_equal(together[name][index], value)


def test_batches_of_a_dataset_pass_through_with_static_shapes():
    chain = Chain([HorizontalFlip(p=1.0)])
    labels = tf.reshape(tf.range(24), (4, 2, 3))
    data = tf.data.Dataset.from_tensor_slices({"image": as_image(labels), "label": labels})
    seeds = tf.data.Dataset.range(4).map(lambda index: random.fold_in(random.root(0), index))
    data = tf.data.Dataset.zip(data, seeds).batch(2, drop_remainder=True).map(chain)
    spec = data.element_spec
    assert spec["image"].shape == (2, 2, 3, 1)
    assert spec["label"].shape == (2, 2, 3)
    ids = np.concatenate([batch["label"] for batch in data.as_numpy_iterator()])
    np.testing.assert_array_equal(ids, labels.numpy()[..., ::-1])


class Counted(GaussNoise):
    """Noise that counts how often its operations are traced."""

    traces: ClassVar[int] = 0

    def change(self, image, params):
        type(self).traces += not tf.executing_eagerly()  # as in the trial of a transform
        return super().change(image, params)


def test_one_shape_is_traced_once_whatever_is_drawn(monkeypatch):
    monkeypatch.setattr(Counted, "traces", 0)
    chain = Chain([HorizontalFlip(), Counted()])
    for index in range(5):
        moved(chain, numbered(3, 4), chain.sample(random.fold_in(random.root(0), index)))
    assert Counted.traces == 1
    moved(chain, numbered(4, 4), chain.sample(random.root(0)))
    assert Counted.traces == 2


def test_a_transform_that_never_acts_is_left_out(monkeypatch):
    monkeypatch.setattr(Counted, "traces", 0)
    chain = Chain([Counted(p=0.0), HorizontalFlip()])
    draws = chain.sample(random.root(0))
    assert not draws["Counted/1"]["on"]
    moved(chain, numbered(3, 4), draws)
    assert Counted.traces == 0


def test_what_is_no_transform_is_refused_by_name():
    with pytest.raises(InputError, match=r"transforms such as HorizontalFlip\(\); got .*Horiz"):
        Chain([HorizontalFlip])
    with pytest.raises(InputError, match="got 'HorizontalFlip'"):
        Chain(["HorizontalFlip"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interpolation": "cubic"}, "one of bicubic, bilinear, nearest; got 'cubic'"),
        ({"border": "mirror"}, "one of constant, nearest, reflect, reflect_101, wrap"),
        ({"border_value": 2.0}, r"Sampling\.border_value must be a number in \[0, 1\]; got 2"),
        ({"fill": 0.5}, r"Sampling\.fill must be a whole number"),
        ({"dtype": "float64"}, "one of float16, bfloat16, float32; got 'float64'"),
        ({"others": {"weight": "linear"}}, r"Sampling\.others\['weight'\] must be one of"),
        ({"others": {"label": "nearest"}}, "is for further entries; got 'label'"),
    ],
)
def test_a_wrong_way_of_sampling_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(Sampling(), **wrong)


IMAGE, LABEL = tf.zeros([4, 5, 3]), tf.zeros([4, 5], tf.int32)


@pytest.mark.parametrize(
    ("image", "label", "message"),
    [
        (IMAGE[..., 0], LABEL, "got (4, 5) and (4, 5). A grey image needs a channel axis"),
        (IMAGE[None], LABEL, "or [B, H, W, C] and [B, H, W]; got (1, 4, 5, 3) and (4, 5)"),
        (IMAGE, LABEL[..., None], "got (4, 5, 3) and (4, 5, 1)"),
        (IMAGE, IMAGE[..., 0], "Labels must be integer ids; got float32."),
        (IMAGE, LABEL > 0, "Labels must be integer ids; got bool."),
        (IMAGE, LABEL[:, 1:], "'image' and label must have one size; got (4, 5) and (4, 4)."),
        (tf.cast(IMAGE, tf.int32), LABEL, "must be uint8, uint16 or floats in [0, 1]; got int32"),
        (tf.cast(IMAGE, tf.bool), LABEL, "'image' must be numbers; got bool"),
    ],
)
def test_tensors_of_another_form_are_refused(image, label, message):
    with pytest.raises(InputError, match=re.escape(message)):
        Chain([]).apply({"image": image, "label": label}, {})


@pytest.mark.parametrize("unknown", [0, 1, 2])
def test_a_size_that_is_not_static_is_refused_when_the_graph_is_made(unknown):
    shape = [4, 5, 3]
    shape[unknown] = None
    graph = tf.function(
        lambda image, label: Chain([]).apply({"image": image, "label": label}, {}),
        input_signature=[tf.TensorSpec(shape), tf.TensorSpec(shape[:2], tf.int32)],
        autograph=False,
    )
    with pytest.raises(InputError, match="Height, width and channels must be static.* or resize"):
        graph.get_concrete_function()


def both_ways(image, label):
    """Applies an empty chain eagerly and in a graph; returns the two results or their errors."""
    chain = Chain([])
    graph = tf.function(lambda one: chain.apply(one, {}), autograph=False)
    outcomes = []
    for apply in (lambda one: chain.apply(one, {}), graph):
        try:
            outcomes.append(apply({"image": tf.constant(image), "label": tf.constant(label)}))
        except (InputError, tf.errors.InvalidArgumentError) as error:
            outcomes.append(error)
    return outcomes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [255.0, -1.0, np.nan, np.inf, 1.01])
def test_floats_beyond_the_unit_interval_are_refused_eagerly_and_in_a_graph(value, dtype):
    eager, graph = both_ways(np.array([[[0.5], [value]]], dtype), [[0, 1]])
    assert isinstance(eager, InputError)
    assert isinstance(graph, tf.errors.InvalidArgumentError)
    message = "Images of floats must be in [0, 1]; divide by their largest value, or clip them. Got"
    assert str(eager).startswith(message)
    assert message in graph.message


def test_the_refused_values_are_named():
    eager, _ = both_ways(np.array([[[0.5], [250.0]]], np.float32), [[0, 1]])
    assert str(eager).endswith("Got 0.5 to 250.0.")


def test_what_rounding_leaves_of_the_unit_interval_is_taken():
    image = np.array([[[-1e-7], [1.0000002]]], np.float32)  # as resizing in float32 makes them
    for result in both_ways(image, [[0, 1]]):
        np.testing.assert_array_equal(result["image"], image)


@pytest.mark.parametrize("id", [2**31, 2**32 - 1])
@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.uint64])
def test_ids_beyond_int32_are_refused_eagerly_and_in_a_graph(dtype, id):
    eager, graph = both_ways(np.zeros([1, 2, 1], np.uint8), np.array([[0, id]], dtype))
    message = "Labels must have ids up to 2147483647; renumber the instances. Got"
    assert str(eager) == f"{message} 0 to {id}."
    assert message in graph.message


@pytest.mark.parametrize("dtype", [np.uint32, np.int64, np.uint64])
def test_the_largest_id_is_kept_in_every_type(dtype):
    for result in both_ways(np.zeros([1, 2, 1], np.uint8), np.array([[7, 2**31 - 1]], dtype)):
        assert result["label"].numpy().tolist() == [[7, 2**31 - 1]]


def test_one_image_of_a_batch_is_enough_to_refuse_it():
    image = np.zeros([3, 1, 2, 1], np.float32)
    image[2, 0, 1] = 2.0
    eager, graph = both_ways(image, np.zeros([3, 1, 2], np.int32))
    assert isinstance(eager, InputError)
    assert isinstance(graph, tf.errors.InvalidArgumentError)
