"""Where the graphs of a small prediction and training step would run on a GPU (see `placement`)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfseg import placement, random
from tfseg.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from tfseg.data.pipeline.windows import Finish
from tfseg.heads import head_of
from tfseg.inference.segmenter import Segmenter
from tfseg.networks.build import build_model
from tfseg.training.optimizers import make_optimizer
from tfseg.training.schedules import Schedule
from tfseg.training.step import TrainStep

_SIDE, _MARGIN, _MANY = 64, 13, 1024  # pixels, pixels, elements
_CONFIG = RunConfig(
    data=DataConfig(crop_size=_SIDE),
    model=ModelConfig(channels=1, filters=(8, 16)),
    train=TrainConfig(batch_size=1, augment_on="device"),
)
Counts = tuple[int, int]  # operations that a GPU does not hold, and large tensors moved to the host


def prediction() -> Counts:
    """Counts for the prediction of an image."""
    segmenter = Segmenter(build_model(_CONFIG.model), _CONFIG.model)
    spec = tf.TensorSpec((1, _SIDE, _SIDE, 1), tf.uint8)
    return _counts(segmenter.serve.get_concrete_function(spec))


def training_step() -> Counts:
    """Counts for a step of training that begins with the augmentation."""
    head = head_of(_CONFIG.model)
    model = build_model(_CONFIG.model)
    optimizer = make_optimizer(_CONFIG, Schedule(_CONFIG.optimizer, steps=1))
    optimizer.build(model.trainable_variables)
    finish = Finish(_CONFIG, head)
    step = TrainStep(
        strategy=tf.distribute.get_strategy(),
        model=model,
        head=head,
        optimizer=optimizer,
        samples=1,
        prepare=finish,
    )
    side = _SIDE + 2 * _MARGIN
    window = {"image": tf.zeros([side, side, 1]), "label": tf.zeros([side, side], tf.int32)}
    batch = finish.draw(window | {"seed": random.root(0)})
    batch = tf.nest.map_structure(lambda value: value[None], batch)
    compiled: Any = step.compiled
    return _counts(compiled.get_concrete_function(batch))


def _counts(function: Any) -> Counts:
    held = placement.held_by_host(function, at_least=_MANY)
    moved = placement.moved_to_host(function, at_least=_MANY)
    return len(held), len(moved)
