"""Validations of a data set in which there may be nothing to find."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
import runs
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.config import RunConfig, TrainConfig
from tfseg.training import duration, options, validation
from tfseg.training.session import Session
from tfseg.training.step import traced_once


def test_crops_without_an_instance_have_a_loss_and_no_other_metric(dataset):
    # None of the crops of 32 x 32 pixels has an instance.
    session = Session(runs.CONFIG, dataset, network=runs.build)
    row = validation.validate(session)
    assert np.isfinite(row.pop("val_loss"))
    assert set(row) == {"val_ap50", "val_pq", "val_dice", "val_iou"}
    assert np.isnan(list(row.values())).all()
    session.config = runs.changed(runs.CONFIG, log={"best": "pq"})
    with pytest.raises(InputError, match="log.best must be loss, because none of the 2 crops .*pq"):
        validation.validate(session)


def test_one_image_on_several_replicas_has_the_metrics_of_one_replica(dataset):
    rows = []
    for number in (1, 2, 4):
        config = runs.changed(
            runs.CONFIG,
            data={"crop_size": 96},  # smaller crops have no instances
            train={"batch_size": 4},
            log={"validation_images": 1},
            devices={"names": tuple(f"CPU:{index}" for index in range(number))},
        )
        rows.append(validation.validate(Session(config, dataset, network=runs.PLAIN)))
    first, *others = rows
    assert all(np.isfinite(value) for value in first.values())
    for row in others:
        assert row == pytest.approx(first, rel=1e-5)


def test_a_split_without_instances_has_no_best_but_the_loss(dataset):
    val = dataclasses.replace(dataset.info.splits["val"], num_instances=0)
    info = dataclasses.replace(dataset.info, splits=dataset.info.splits | {"val": val})
    empty = dataclasses.replace(dataset, info=info)
    options.check_options(runs.CONFIG, empty)
    for best in ("ap50", "pq", "dice", "iou"):
        with pytest.raises(InputError, match=f"split val of .* has no instances, .*; got {best}"):
            options.check_options(runs.changed(runs.CONFIG, log={"best": best}), empty)


def test_a_warm_up_that_is_not_set_fits_the_steps_and_says_so(dataset):
    config = RunConfig(train=TrainConfig(epochs=2.0, batch_size=1))
    with pytest.warns(UserWarning, match="warmup_steps is 2, because the training has only 12 ste"):
        settled = duration.with_step_count(config, dataset)
    assert (settled.train.steps, settled.optimizer.warmup_steps) == (12, 2)
    config = runs.changed(config, optimizer={"warmup_steps": 13})
    with pytest.raises(InputError, match="warmup_steps must be at most 12, .*; got 13. Leave it"):
        duration.with_step_count(config, dataset)


class Messages(logging.Handler):
    """Keeps what TensorFlow logs."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.mark.parametrize("prepare", [traced_once, lambda function: function])
def test_functions_of_many_sessions_are_no_retracing(prepare):
    def session(number: int) -> tf.types.experimental.GenericFunction:
        return prepare(tf.function(lambda value: value + number, autograph=False))

    messages = Messages()
    tf.get_logger().addHandler(messages)
    try:
        results = [int(session(number)(tf.constant(1))) for number in range(12)]
    finally:
        tf.get_logger().removeHandler(messages)
    assert results == list(range(1, 13))
    # The second case shows that TensorFlow would have warned.
    assert any("retracing" in text for text in messages.texts) == (prepare is not traced_once)
