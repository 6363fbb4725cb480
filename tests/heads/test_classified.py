"""Classes of instances: targets from ids, and the vote of the pixels."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.config import ModelConfig
from tfseg.heads import Classified, Semantic, head_of

HEAD = Classified(head=Semantic(min_area=1), num_classes=3)


def decoded(label: np.ndarray, logits: np.ndarray, head: Classified = HEAD) -> tuple:
    foreground = tf.constant(np.where(label > 0, 4.0, -4.0)[..., None], tf.float32)
    result = head.decode({"foreground": foreground, "class": tf.constant(logits, tf.float32)})
    return result.labels.numpy(), result.scores.numpy(), result.classes.numpy()


def slow(labels: np.ndarray, logits: np.ndarray, count: int) -> tuple[list, list]:
    """Returns class and mean probability of every instance of an image, one after another."""
    share = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    classes, sure = [], []
    for instance in range(1, count + 1):
        votes = np.bincount(np.argmax(logits[labels == instance], axis=-1), minlength=3)
        classes.append(1 + int(np.argmax(votes)))
        sure.append(share[labels == instance][:, classes[-1] - 1].mean())
    return classes, sure


def test_classes_are_what_the_ids_say_and_nothing_outside_of_instances():
    labels = tf.constant([[[0, 1, 2, 3, 4, -1, 2**31 - 1]]])
    made = HEAD.targets(labels)
    assert set(made) == set(HEAD.outputs) == set(HEAD.losses()) == set(HEAD.loss_weights)
    # (id - 1) % 3; 2^31 - 2 is a multiple of 3
    assert made["class"][0, 0, :, 0].numpy().tolist() == [-1, 0, 1, 2, 0, -1, 0]


def test_an_instance_has_the_class_of_most_of_its_pixels():
    label = np.array([[[1, 1, 1, 0, 2, 2], [0, 0, 0, 0, 2, 2]]])
    logits = np.zeros((1, 2, 6, 3))
    logits[0, 0, :3] = [[5, 0, 0], [0, 0, 1], [0, 0, 1]]  # one sure vote, two unsure ones
    logits[0, :, 4] = [0, 9, 0]  # two against two: the first of the classes
    logits[0, :, 5] = [0, 0, 9]
    _, scores, classes = decoded(label, logits)
    assert classes.tolist() == [[3, 2]]
    foreground = 1 / (1 + np.exp(-4))
    third = [1 / (np.exp(5) + 2), np.e / (np.e + 2), np.e / (np.e + 2)]
    second = [np.exp(9) / (np.exp(9) + 2), 1 / (np.exp(9) + 2)]
    expected = foreground**2 * np.array([np.mean(third), np.mean(second)])
    np.testing.assert_allclose(scores[0], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_the_vote_is_that_of_a_loop_over_the_instances(seed):
    rng = np.random.default_rng(seed)
    label = np.zeros((3, 12, 14), np.int32)
    for image in range(2):  # the third one is empty
        for number in range(image + 2):
            label[image, 4 * number : 4 * number + 3, 1 : rng.integers(3, 14)] = 1
    logits = rng.normal(size=(3, 12, 14, 3))
    labels, scores, classes = decoded(label, logits)
    plain = HEAD.head.decode(
        {"foreground": tf.constant(np.where(label > 0, 4.0, -4.0)[..., None], tf.float32)}
    )
    np.testing.assert_array_equal(labels, plain.labels)
    for index, count in enumerate((2, 3, 0)):
        expected, sure = slow(labels[index], logits[index], count)
        assert classes[index].tolist() == expected + [0] * (3 - count)
        np.testing.assert_allclose(
            scores[index, :count], plain.scores[index, :count] * sure, rtol=1e-5
        )
        assert (scores[index, count:] == 0).all()


def test_several_class_names_make_a_head_of_classes_and_one_does_not():
    assert head_of(ModelConfig(class_names=("cell",))) == head_of(ModelConfig())
    head = head_of(ModelConfig(class_names=("cell", "dust"), class_weights=(1.0, 3.0)))
    assert head == Classified(head=head_of(ModelConfig()), num_classes=2, class_weights=(1.0, 3.0))
    assert head.losses()["class"].class_weights == [1.0, 3.0]
    assert head.vectors == {"offset"}


def test_a_weight_for_each_class_is_needed():
    with pytest.raises(InputError, match="must have 2 numbers, one per class; got 3"):
        head_of(ModelConfig(class_names=("cell", "dust"), class_weights=(1.0, 3.0, 1.0)))
