"""Random numbers: a function of seed, epoch, sample and name, and of nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfseg import random


def seeds(count: int) -> list[tf.Tensor]:
    return [random.fold_in(random.root(0), index) for index in range(count)]


def test_the_same_seed_draws_the_same_and_leaves_the_global_generator_alone():
    tf.random.set_seed(1)
    first = random.uniform(random.root(3), 0.0, 1.0, (5,)).numpy()
    tf.random.set_seed(2)
    np.testing.assert_array_equal(random.uniform(random.root(3), 0.0, 1.0, (5,)), first)
    assert not np.array_equal(random.uniform(random.root(4), 0.0, 1.0, (5,)), first)


def test_a_graph_draws_what_eager_code_draws():
    def draw(seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        child = random.for_name(seed, "crop")
        return random.uniform(child, -1.0, 1.0, (7,)), random.integer(child, 0, 1000)

    eager = draw(random.root(5))
    graph = tf.function(draw)(random.root(5))
    np.testing.assert_array_equal(graph[0], eager[0])
    assert int(graph[1]) == int(eager[1])


def test_draws_are_recorded_so_that_a_new_version_that_changes_them_is_noticed():
    child = random.for_sample(
        random.root(1), epoch=tf.constant(2), sample_id=tf.constant(b"0402a81e7526")
    )
    assert child.dtype == tf.int32
    assert child.shape == (2,)
    np.testing.assert_array_equal(child, [-312211834, 1697406965])
    assert random.integer(random.for_name(child, "key"), 0, 10**6).numpy() == 809714


def test_sample_epoch_and_name_each_change_the_seed():
    root = random.root(0)
    made = {
        tuple(random.for_name(random.for_sample(root, epoch=epoch, sample_id=name), part).numpy())
        for epoch in (tf.constant(0), tf.constant(1))
        for name in (tf.constant("a"), tf.constant("b"))
        for part in ("x", "y")
    }
    assert len(made) == 8


def test_uniform_draws_fill_their_interval_evenly():
    values = random.uniform(random.root(9), 2.0, 6.0, (40_000,)).numpy()
    assert values.min() >= 2.0
    assert values.max() < 6.0
    counts, _ = np.histogram(values, bins=8, range=(2.0, 6.0))
    # 5000 a bin with a standard deviation of 66
    assert np.abs(counts - 5000).max() < 330


def test_integers_take_every_value_but_the_upper_end():
    values = [int(random.integer(seed, -1, 3)) for seed in seeds(200)]
    assert set(values) == {-1, 0, 1, 2}


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_a_permutation_has_every_number_once(count):
    order = random.permutation(random.root(4), count).numpy()
    assert order.dtype == np.int32
    assert sorted(order.tolist()) == list(range(count))


def test_all_orders_come_about_equally_often():
    orders = [tuple(random.permutation(seed, 3).numpy().tolist()) for seed in seeds(600)]
    counts = [orders.count(order) for order in set(orders)]
    # 6 orders, 100 each with a standard deviation of 9
    assert len(counts) == 6
    assert max(abs(count - 100) for count in counts) < 46
