"""The centre/offset head: targets by hand, and from perfect maps back to the same instances."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg import config
from tfseg.checks import InputError
from tfseg.heads import HEADS, CenterOffset, make_head

UNIT = 8.0  # pixels a unit of the offset map


def targets(label: np.ndarray, **parameters: float) -> dict[str, np.ndarray]:
    made = CenterOffset(**parameters).targets(tf.constant(label[None], tf.int32))
    return {name: values[0].numpy() for name, values in made.items()}


def perfect(label: np.ndarray, head: CenterOffset) -> dict[str, tf.Tensor]:
    """Returns the network's outputs that have no loss at all."""
    made = head.targets(tf.constant(label[None], tf.int32))

    def logits(values: tf.Tensor) -> tf.Tensor:
        share = tf.clip_by_value(values, 1e-6, 1 - 1e-6)
        return tf.math.log(share / (1 - share))

    return {
        "foreground": logits(made["foreground"]),
        "center": logits(made["center"]),
        "offset": made["offset"][..., :2],
    }


def bars(shape: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> np.ndarray:
    label = np.zeros(shape, np.int32)
    for number, (top, left, bottom, right) in enumerate(boxes, start=1):
        label[top:bottom, left:right] = number
    return label


def test_targets_of_a_bar_are_worked_out_by_hand():
    label = np.zeros((3, 7), np.int32)
    label[1, 1:6] = 9
    label[0, 0] = -1
    made = targets(label, sigma=0.2)
    # The centre is column 3; the area is 5 pixels, so that the bump is exp(-d^2 / (2 * 0.04 * 5))
    expected = np.exp(-np.array([4, 1, 0, 1, 4]) / 0.4)
    np.testing.assert_allclose(made["center"][1, 1:6, 0], expected, rtol=1e-5)
    np.testing.assert_array_equal(made["foreground"][1, :, 0], [0, 1, 1, 1, 1, 1, 0])
    np.testing.assert_allclose(
        made["offset"][1, 1:6, 1] * UNIT, [2, 1, 0, -1, -2], rtol=0, atol=1e-6
    )
    np.testing.assert_array_equal(made["offset"][..., 0], 0)
    np.testing.assert_array_equal(made["offset"][..., 2], made["foreground"][..., 0] == 1)


def test_ignored_pixels_are_marked_and_background_is_zero():
    label = np.array([[-1, 0], [0, 4]], np.int32)
    made = targets(label)
    for name in ("foreground", "center"):
        np.testing.assert_array_equal(made[name][..., 0], [[-1, 0], [0, 1]])
    np.testing.assert_array_equal(made["offset"][..., 2], [[0, 0], [0, 1]])


def test_perfect_targets_have_no_loss():
    label = bars((32, 32), [(2, 2, 12, 14), (15, 4, 30, 20)])
    head = CenterOffset()
    made = head.targets(tf.constant(label[None]))
    outputs = perfect(label, head)
    values = {name: loss.call(made[name], outputs[name]) for name, loss in head.losses().items()}
    assert set(values) == set(head.outputs) == set(head.loss_weights)
    for value in values.values():
        np.testing.assert_allclose(value, [0.0], atol=1e-4)


@settings(max_examples=25)
@given(st.data())
def test_instances_come_back_from_perfect_outputs(data):
    # A grid of boxes of 6 to 12 pixels that may touch; odd sides have one centre pixel
    label = np.zeros((48, 48), np.int32)
    number = 0
    for top in range(0, 48, 12):
        for left in range(0, 48, 12):
            if data.draw(st.booleans()):
                number += 1
                height, width = (data.draw(st.integers(6, 12)) for _ in range(2))
                label[top : top + height, left : left + width] = number
    head = CenterOffset()
    decoded = head.decode(perfect(label, head))
    # Ids follow the reading order of the centres, not that of the grid
    pairs = np.unique(np.stack([label, decoded.labels[0]]).reshape(2, -1), axis=1)
    assert all(len(set(side)) == len(side) == len(np.unique(label)) for side in pairs.tolist())
    np.testing.assert_array_equal(decoded.labels[0] == 0, label == 0)
    assert decoded.scores.shape == (1, number)
    assert (decoded.scores.numpy() > 0.9).all()


def test_touching_instances_of_one_colour_are_told_apart():
    label = bars((20, 40), [(2, 2, 18, 20), (2, 20, 18, 38)])
    head = CenterOffset()
    np.testing.assert_array_equal(head.decode(perfect(label, head)).labels[0], label)


def test_images_of_a_batch_are_numbered_each_by_itself_and_scores_are_filled_up():
    head = CenterOffset()
    one = perfect(bars((16, 32), [(2, 2, 12, 12)]), head)
    two = perfect(bars((16, 32), [(2, 2, 12, 12), (3, 16, 14, 28)]), head)
    none = perfect(bars((16, 32), []), head)
    decoded = head.decode(
        {name: tf.concat([one[name], none[name], two[name]], axis=0) for name in one}
    )
    assert [int(tf.reduce_max(label)) for label in decoded.labels] == [1, 0, 2]
    assert decoded.scores.shape == (3, 2)
    assert (decoded.scores.numpy() > 0).tolist() == [[True, False], [False, False], [True, True]]


def test_no_object_at_all_decodes_to_nothing():
    head = CenterOffset()
    decoded = head.decode(perfect(np.zeros((8, 8), np.int32), head))
    assert decoded.scores.shape == (1, 0)
    np.testing.assert_array_equal(decoded.labels, 0)


def test_foreground_without_a_centre_stays_background():
    head = CenterOffset()
    outputs = perfect(bars((16, 16), [(2, 2, 12, 12)]), head)
    outputs["center"] = tf.fill((1, 16, 16, 1), -9.0)
    decoded = head.decode(outputs)
    np.testing.assert_array_equal(decoded.labels, 0)
    assert decoded.scores.shape == (1, 0)


def test_small_instances_are_dropped_and_the_others_keep_their_scores_without_gaps():
    label = bars((24, 48), [(2, 2, 14, 14), (6, 20, 9, 23), (2, 30, 14, 42)])
    head = CenterOffset(min_area=10)
    outputs = perfect(label, head)
    # The foreground is sure only half-way on the last one, so that scores differ
    weak = tf.constant(label[None, ..., None] == 3)
    outputs["foreground"] = tf.where(weak, 1.0, outputs["foreground"])
    decoded = head.decode(outputs)
    expected = np.where(label == 3, 2, np.where(label == 1, 1, 0))
    np.testing.assert_array_equal(decoded.labels[0], expected)
    np.testing.assert_allclose(decoded.scores[0], [1.0, tf.sigmoid(1.0)], rtol=1e-4)


def test_of_two_peaks_close_together_the_higher_one_stays():
    head = CenterOffset(center_distance=3)
    label = bars((16, 24), [(2, 2, 14, 22)])
    outputs = perfect(label, head)
    center = np.full((1, 16, 24, 1), -9.0, np.float32)
    center[0, 8, 8], center[0, 8, 11], center[0, 8, 16] = 2.0, 3.0, 2.0
    outputs |= {"center": tf.constant(center), "offset": tf.zeros((1, 16, 24, 2))}
    decoded = head.decode(outputs)
    # Columns 8 and 11 are 3 apart: 8 is dropped. 16 is 5 away from 11 and stays.
    assert decoded.scores.shape == (1, 2)


def test_pixels_join_the_centre_they_point_at_not_the_nearest_one():
    head = CenterOffset(min_area=1)
    center = np.full((1, 8, 16, 1), -9.0, np.float32)
    center[0, 4, 2], center[0, 4, 13] = 5.0, 5.0
    offset = np.zeros((1, 8, 16, 2), np.float32)
    offset[0, 4, 3] = np.array([0, 10]) / UNIT  # one pixel beside the left centre, pointing right
    outputs = {
        "foreground": tf.fill((1, 8, 16, 1), 9.0),
        "center": tf.constant(center),
        "offset": tf.constant(offset),
    }
    labels = head.decode(outputs).labels[0].numpy()
    assert labels[4, 2] == 1
    assert labels[4, 3] == labels[4, 13] == 2


def test_many_instances_on_a_large_image_are_decoded_in_blocks():
    label = np.zeros((512, 512), np.int32)
    number = 0
    for top in range(0, 512, 16):
        for left in range(0, 512, 16):
            number += 1
            label[top + 2 : top + 13, left + 2 : left + 13] = number
    head = CenterOffset()
    # 124 thousand pixels times 1024 centres are far more than are compared at a time
    np.testing.assert_array_equal(head.decode(perfect(label, head)).labels[0], label)


def test_decoding_in_a_graph_gives_what_eager_code_gives():
    head = CenterOffset()
    outputs = perfect(bars((20, 40), [(2, 2, 18, 20), (2, 20, 18, 38)]), head)
    eager, graph = head.decode(outputs), tf.function(head.decode)(outputs)
    np.testing.assert_array_equal(graph.labels, eager.labels)
    np.testing.assert_allclose(graph.scores, eager.scores, rtol=1e-6)


def test_heads_are_found_by_name():
    assert isinstance(make_head("center_offset"), CenterOffset)
    assert set(HEADS) == set(config.HEADS) == {"center_offset", "boundary", "distance", "semantic"}
    with pytest.raises(InputError, match="Did you mean 'center_offset'"):
        make_head("center_ofset")
