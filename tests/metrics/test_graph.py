"""The Keras metrics: those of NumPy exactly, in any batches, padded, and on two replicas."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg.checks import InputError
from tfseg.metrics import THRESHOLDS, evaluate_pairs
from tfseg.metrics.graph import Dice, InstanceAP, IoU, PanopticQuality
from tfseg.training.strategy import make_strategy

MAPS = st.tuples(
    arrays(np.int32, (3, 5, 6), elements=st.integers(-1, 3)),
    arrays(np.int32, (3, 5, 6), elements=st.integers(0, 3)),
)


def metrics() -> dict[str, keras.metrics.Metric]:
    return {
        "dice": Dice(),
        "iou": IoU(),
        "pq": PanopticQuality(),
        "ap50": InstanceAP(),
        "ap_mean": InstanceAP(THRESHOLDS),
    }


def expected(labels: np.ndarray, predictions: np.ndarray) -> dict[str, float]:
    names = map(str, range(len(labels)))
    summary = evaluate_pairs(zip(names, labels, predictions, strict=True)).summary()
    return {name: summary[name] for name in metrics()}


def assert_equal(by_name: dict[str, keras.metrics.Metric], wanted: dict[str, float]) -> None:
    for name, metric in by_name.items():
        # The last two are sums of floats, added up in a different order.
        tolerance = {"pq": 1e-14, "ap_mean": 1e-14}.get(name, 0.0)
        assert float(metric.result()) == pytest.approx(wanted[name], rel=tolerance, abs=0.0)


def scenes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Blocks with ids from 1 to 8, moved, with an ignored corner, and some images without any."""
    draw = np.random.default_rng(2)
    blocks = draw.integers(0, 9, (2, count, 5, 6))
    labels, predictions = np.kron(blocks, np.ones((1, 1, 4, 4), int)).astype(np.int32)
    predictions = np.where(draw.random((count, 1, 1)) < 0.7, labels, predictions)
    predictions = np.roll(predictions, 1, axis=2)
    labels[:, :6, :9] = -1
    labels[3], predictions[4] = 0, 0
    return labels, predictions


@functools.cache
def compiled() -> tuple[dict[str, keras.metrics.Metric], tf.types.experimental.PolymorphicFunction]:
    """Returns metrics and a function that updates all of them, traced once."""
    by_name = metrics()

    @tf.function(reduce_retracing=True)
    def update(labels: tf.Tensor, predictions: tf.Tensor) -> None:
        for metric in by_name.values():
            metric.update_state(labels, predictions)

    return by_name, update


def reset(by_name: dict[str, keras.metrics.Metric]) -> None:
    for metric in by_name.values():
        metric.reset_state()


@given(MAPS)
def test_they_equal_those_of_numpy(maps):
    by_name, update = compiled()
    reset(by_name)
    update(*map(tf.constant, maps))
    assert_equal(by_name, expected(*maps))


@pytest.mark.parametrize("sizes", [[7], [4, 3], [1] * 7, [2, 5]])
def test_batches_do_not_matter(sizes):
    labels, predictions = scenes(7)
    by_name, update = compiled()
    reset(by_name)
    for part in np.split(np.arange(7), np.cumsum(sizes)[:-1]):
        update(*map(tf.constant, (labels[part], predictions[part])))
    assert_equal(by_name, expected(labels, predictions))


def test_padding_of_weight_0_is_left_out():
    labels, predictions = scenes(6)
    weight = np.array([1, 1, 0, 1, 0, 1], np.float32)
    by_name = metrics()
    for metric in by_name.values():
        metric.update_state(labels[..., None], predictions[..., None], sample_weight=weight)
    assert_equal(by_name, expected(labels[weight > 0], predictions[weight > 0]))


def test_two_replicas_count_what_one_counts_even_where_one_of_them_has_nothing():
    strategy = make_strategy(("CPU:0", "CPU:1"))
    with strategy.scope():
        by_name = {"dice": Dice(), "pq": PanopticQuality(), "ap50": InstanceAP()}

    @tf.function(reduce_retracing=True)
    def step(batch: tuple[tf.Tensor, tf.Tensor]) -> None:
        for metric in by_name.values():
            metric.update_state(*batch)

    for count in (8, 7, 5):  # batches of 4, the last of 4, 3 and 1: 2 and 2, 2 and 1, 1 and 0
        labels, predictions = (maps[:count] for maps in scenes(8))
        batches = tf.data.Dataset.from_tensor_slices((labels, predictions)).batch(4)
        for batch in strategy.experimental_distribute_dataset(batches):
            strategy.run(step, args=(batch,))
        assert_equal(by_name, expected(labels, predictions))
        reset(by_name)
        assert all(float(metric.result()) == 1.0 for metric in by_name.values())


def test_an_instance_whose_halves_are_predicted_is_one_match_at_one_half_either_way():
    complete, halves = np.ones((1, 2, 4), np.int32), np.array([[[1, 1, 2, 2]] * 2], np.int32)
    for maps in ((complete, halves), (halves, complete)):
        metric = InstanceAP()
        metric.update_state(*maps)
        assert metric.counts.numpy().tolist()[2] == 1
        assert float(metric.result()) == expected(*maps)["ap50"] == 1 / 2


def test_large_ids_and_many_pixels_are_counted_exactly():
    high = 2**31 - 1
    labels = np.full((1, 4, 4), high, np.int64)
    metric = IoU()
    metric.counts.assign([2**40 + 1, 2**40 + 1, 2**40 + 1])
    metric.update_state(labels, labels)
    assert metric.counts.numpy().tolist() == [2**40 + 17] * 3
    metric = InstanceAP()
    metric.update_state(labels, labels - 1)
    assert metric.counts.numpy().tolist() == [1, 1, 1]


def no_loss(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    return tf.zeros(tf.shape(y_true)[:1])


def test_they_work_in_the_loop_of_keras():
    labels, predictions = scenes(6)
    inputs = keras.Input((20, 24), dtype="int32")
    model = keras.Model(inputs, keras.layers.Identity(dtype="int32")(inputs))
    model.compile(loss=no_loss, metrics=[InstanceAP(), Dice()], jit_compile=False)
    logs = model.evaluate(predictions, labels, batch_size=4, return_dict=True, verbose=0)
    wanted = expected(labels, predictions)
    assert logs["instance_ap"] == pytest.approx(wanted["ap50"], rel=1e-6)
    assert logs["dice"] == pytest.approx(wanted["dice"], rel=1e-6)


def test_a_metric_can_be_made_again_from_its_configuration():
    metric = InstanceAP((0.5, 0.75), name="ap")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (type(again), again.thresholds, again.name) == (InstanceAP, (0.5, 0.75), "ap")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (np.zeros((1, 3, 3), np.float32), r"y_true must be id maps \[B, H, W\] .* got float32"),
        (np.zeros((1, 3, 3, 2), np.int32), r"got int32 \(1, 3, 3, 2\). Decode"),
    ],
)
def test_what_is_no_id_map_is_refused(ids, message):
    with pytest.raises(InputError, match=message):
        IoU().update_state(ids, np.zeros((1, 3, 3), np.int32))


def test_thresholds_below_one_half_are_refused_with_what_has_them():
    with pytest.raises(InputError, match=r"in \[0.5, 1\]; got \[0.4\]. Lower ones need evaluate_p"):
        InstanceAP((0.4,))
