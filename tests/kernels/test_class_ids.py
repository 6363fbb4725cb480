"""Ids that say their class."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.kernels import class_ids

IDS = st.sampled_from([-(2**31), -1, 0, 0, 1, 2, 7, 2**24 + 1, 2**31 - 1])


@given(arrays(np.int32, (4, 5), elements=IDS), st.integers(2, 5), st.integers(0, 99))
def test_the_new_ids_tell_the_same_instances_apart_and_say_their_classes(label, count, seed):
    ids = np.unique(label[label > 0])
    class_of = np.random.default_rng(seed).integers(1, count + 1, len(ids)).astype(np.int32)
    encoded = class_ids.with_classes(
        tf.constant(label), tf.constant(class_of), num_classes=count
    ).numpy()
    np.testing.assert_array_equal(encoded[label <= 0], label[label <= 0])
    pairs = {*zip(label[label > 0].tolist(), encoded[label > 0].tolist(), strict=True)}
    assert len({old for old, _ in pairs}) == len({new for _, new in pairs}) == len(pairs)
    for id, expected in zip(ids, class_of, strict=True):
        (new,) = set(encoded[label == id].tolist())
        assert new > 0
        assert class_ids.classes(tf.constant(new), num_classes=count) == expected
