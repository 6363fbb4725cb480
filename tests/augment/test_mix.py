"""Copy-paste within a batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random
from tfseg.augment import CopyPaste
from tfseg.checks import InputError


def batch() -> dict[str, tf.Tensor]:
    """Three images whose values tell where they come from, with ids that have gaps."""
    draw = np.random.default_rng(0)
    labels = draw.choice([-1, 0, 0, 3, 7, 2**24 + 1], (3, 6, 7)).astype(np.int32)
    images = np.stack([np.full((6, 7, 2), value, np.float32) for value in (0.1, 0.2, 0.3)])
    return {"image": tf.constant(images), "label": tf.constant(labels), "name": tf.range(3)}


def seeds(start: int = 0, count: int = 3) -> tf.Tensor:
    root = random.root(1)
    return tf.stack([random.fold_in(root, index) for index in range(start, start + count)])


def test_all_instances_of_the_next_image_lie_on_top_where_all_are_asked_for():
    before = batch()
    after = CopyPaste(share=(1.0, 1.0), p=1.0)(before, seeds())
    for index in range(3):
        label, other = before["label"][index].numpy(), before["label"][(index + 1) % 3].numpy()
        new, mask = after["label"][index].numpy(), other > 0
        np.testing.assert_array_equal(new[~mask], label[~mask])
        assert new[mask].min() > label.max()
        # One new id for each of theirs, and no two the same.
        pairs = set(zip(other[mask].tolist(), new[mask].tolist(), strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) == 3
        image = after["image"][index].numpy()
        assert np.unique(image[mask]) == before["image"][(index + 1) % 3, 0, 0, 0]
        assert np.unique(image[~mask]) == before["image"][index, 0, 0, 0]
    np.testing.assert_array_equal(after["name"], [0, 1, 2])


def test_nothing_changes_where_the_coin_or_the_share_says_no():
    for none in (CopyPaste(p=0.0), CopyPaste(share=(0.0, 0.0), p=1.0)):
        after = none(batch(), seeds())
        tf.nest.map_structure(np.testing.assert_array_equal, after, batch())


def test_as_many_are_pasted_as_the_share_says_and_whole_instances_only():
    label = np.zeros((2, 20, 20), np.int32)
    label[1] = np.arange(1, 401).reshape(20, 20)
    example = {"image": tf.zeros([2, 20, 20, 1]), "label": tf.constant(label)}
    shares = []
    for start in range(0, 60, 2):
        after = CopyPaste(share=(0.2, 0.4), p=0.5)(example, seeds(start, 2))["label"][0].numpy()
        shares.append((after > 0).mean())
        np.testing.assert_array_equal(after[after > 0], label[1][after > 0])
    on = [share for share in shares if share]
    assert 6 <= len(on) <= 24  # 15 of 30 with p = 0.5; further off once in a thousand
    assert abs(np.mean(on) - 0.3) < 0.06


def test_one_seed_gives_one_draw_inside_a_dataset_too():
    paste = CopyPaste(p=1.0)
    data = tf.data.Dataset.from_tensors((batch(), seeds())).map(paste)
    tf.nest.map_structure(np.testing.assert_array_equal, next(iter(data)), paste(batch(), seeds()))
    assert data.element_spec["label"].shape == (3, 6, 7)


@pytest.mark.parametrize("wrong", [{"share": (0.5, 0.1)}, {"share": (0.0, 1.5)}, {"p": 2.0}])
def test_wrong_values_are_refused(wrong):
    with pytest.raises(InputError, match=r"^CopyPaste\."):
        CopyPaste(**wrong)
