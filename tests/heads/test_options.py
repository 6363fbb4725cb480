"""Options of heads: the loss of the mask, weights, thresholds."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import losses
from tfseg.checks import InputError
from tfseg.config import ModelConfig
from tfseg.heads import HEADS, CenterOffset, head_of, make_head
from tfseg.kernels import pixel_weights

LABEL = np.zeros((1, 24, 24), np.int32)
LABEL[0, 2:12, 3:15], LABEL[0, 14:20, 3:9], LABEL[0, 22:] = 7, 2**31 - 1, -1
MASK = {
    "boundary": "classes",
    "center_offset": "foreground",
    "distance": "foreground",
    "semantic": "foreground",
}


def mask_loss(name: str, outputs: tf.Tensor, **options: object) -> float:
    head = make_head(name, **options)
    target = head.targets(tf.constant(LABEL))[MASK[name]]
    return float(head.losses()[MASK[name]].call(target, outputs)[0])


@pytest.mark.parametrize("name", sorted(HEADS))
def test_the_loss_chosen_is_that_of_the_mask(name):
    channels = HEADS[name].outputs[MASK[name]]
    outputs = tf.random.stateless_normal((1, 24, 24, channels), (1, 2))
    target = make_head(name).targets(tf.constant(LABEL))[MASK[name]]
    chosen = losses.parse("jaccard + 0.5 * focal")
    chosen = losses.OneVersusRest(chosen) if channels > 1 else chosen
    expected = float(chosen.call(target, outputs)[0])
    assert mask_loss(name, outputs, loss="jaccard + 0.5 * focal") == pytest.approx(expected)
    assert mask_loss(name, outputs) != pytest.approx(expected, rel=1e-2)
    config = ModelConfig(head=name, loss="jaccard + 0.5 * focal")
    loss = head_of(config).losses()[MASK[name]]
    assert float(loss.call(target, outputs)[0]) == pytest.approx(expected)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_what_lies_between_instances_and_what_is_small_weighs_more(name):
    options = {"separation_weight": 10.0, "separation_sigma": 2.0, "size_power": 1.0}
    made = make_head(name, **options).targets(tf.constant(LABEL))[MASK[name]]
    plain = make_head(name).targets(tf.constant(LABEL))[MASK[name]]
    np.testing.assert_array_equal(made[..., :1], plain)
    narrow = pixel_weights.between(tf.constant(LABEL), sigma=2.0).numpy()
    # Areas 120 and 36, in the mean 78
    size = np.where(LABEL == 7, 78 / 120, np.where(LABEL > 0, 78 / 36, 1))
    np.testing.assert_allclose(made[..., 1], (1 + 10 * narrow) * size, rtol=1e-5)
    # From row 13 it is 2 pixels up to the one and 1 down to the other
    assert float(made[0, 13, 5, 1]) == pytest.approx(1 + 10 * np.exp(-9 / 8), rel=1e-5)
    other = make_head(name, size_power=1.0).targets(tf.constant(LABEL))[MASK[name]]
    np.testing.assert_allclose(other[..., 1], size, rtol=1e-5)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_weighted_masks_have_finite_losses_and_gradients_also_without_instances(name):
    head = make_head(name, separation_weight=10.0, size_power=1.0)
    labels = tf.constant(np.concatenate([LABEL, 0 * LABEL, 0 * LABEL - 1]))
    made = head.targets(labels)
    for part, loss in head.losses().items():
        outputs = tf.Variable(tf.fill((3, 24, 24, head.outputs[part]), 3.0))
        with tf.GradientTape() as tape:
            values = loss.call(made[part], outputs)
        assert np.isfinite(values).all()
        assert np.isfinite(tape.gradient(values, outputs)).all()


def test_the_parts_of_center_offset_have_weights_of_their_own():
    head = make_head("center_offset", center_weight=2.0, offset_weight=0.25, offset_beta=0.5)
    assert head.loss_weights == {"foreground": 1.0, "center": 2.0, "offset": 0.25}
    assert head.losses()["offset"].beta == 0.5
    assert make_head("distance", distance_weight=3.0).loss_weights["distance"] == 3.0
    assert make_head("boundary", part_weights=(1, 1, 4)).losses()["classes"].class_weights == [
        *(1.0, 1.0, 4.0)
    ]


def test_options_of_a_configuration_reach_the_head():
    config = ModelConfig(head_options={"center_threshold": 0.3, "min_area": 5})
    assert head_of(config) == CenterOffset(center_threshold=0.3, min_area=5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"center_treshold": 0.3}, "Did you mean 'center_threshold'"),
        ({"min_area": 2.5}, "model.head_options.min_area must be a whole"),
        ({"sigma": "wide"}, "model.head_options.sigma must be a number"),
        ({"loss": "dice + bec"}, "Did you mean 'bce'"),
        ({"separation_weight": -1.0}, "separation_weight must be a number in"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        make_head("center_offset", **options)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_what_can_be_tuned_is_an_attribute_and_its_default_is_among_the_values(name):
    head = make_head(name)
    assert head.tunable
    for option, values in head.tunable.items():
        assert getattr(head, option) in values
        assert list(values) == sorted(values)
        for value in values:
            make_head(name, **{option: value})
