"""The learning rate of every step: a linear warm-up, then one of five curves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfseg import checks
from tfseg.config import OptimizerConfig

Curve = Callable[[tf.Tensor], tf.Tensor]
_PLATEAU = {"factor": 0.5, "patience": 5}
_WARMUP = 20


def _constant(progress: tf.Tensor) -> tf.Tensor:
    return tf.ones_like(progress)


def _cosine(progress: tf.Tensor, *, final: float = 0.0) -> tf.Tensor:
    # Source: Loshchilov and Hutter, SGDR (2017), eq. 5, without restarts.
    return final + (1.0 - final) * 0.5 * (1.0 + tf.cos(tf.constant(3.141592653589793) * progress))


def _poly(progress: tf.Tensor, *, power: float = 0.9, final: float = 0.0) -> tf.Tensor:
    # Source: Chen et al., DeepLab (2017), section 4.1.2.
    return final + (1.0 - final) * (1.0 - progress) ** power


def _step(
    progress: tf.Tensor, *, milestones: tuple[float, ...] = (0.6, 0.9), factor: float = 0.1
) -> tf.Tensor:
    passed = tf.reduce_sum(tf.cast(progress >= tf.constant(milestones, tf.float32), tf.float32))
    return factor**passed


def _plateau(progress: tf.Tensor, **_: float) -> tf.Tensor:
    return tf.ones_like(progress)  # times the share that `Schedule.observe` sets


_CURVES: dict[str, tuple[Curve, Mapping[str, float]]] = {
    "constant": (_constant, {}),
    "cosine": (_cosine, {"final": 1.0}),
    "plateau": (_plateau, {"factor": 1.0, "patience": math.inf}),
    "poly": (_poly, {"power": 10.0, "final": 1.0}),
    "step": (_step, {"milestones": 1.0, "factor": 1.0}),
}  # with the highest value of each option; the lowest value is 0


# The fields of OptimizerConfig that a schedule uses.
_OPTIONS = ("schedule", "schedule_options", "learning_rate", "warmup_steps")


@keras.saving.register_keras_serializable("tfseg")
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly from 0 to the peak, then follows its curve to the last step.

    The curve is a function of the progress after the warm-up, in [0, 1].

    Args:
        config: kind of the curve, its options, peak and warm-up.
        steps: of the training; None: the progress follows the clock, and `move_to` sets it.

    Raises:
        InputError: the curve does not have an option, or a value is out of range.
    """

    def __init__(self, config: OptimizerConfig, *, steps: int | None) -> None:
        curve, highest = _CURVES[config.schedule]
        for name, value in config.schedule_options.items():
            checks.one_of(
                f"A name in optimizer.schedule_options of {config.schedule}", name, highest
            )
            if name == "milestones":
                checks.sequence(f"optimizer.schedule_options.{name}", value, "[0.6,0.9]")
            for number in value if name == "milestones" else (value,):
                checks.in_range(
                    f"optimizer.schedule_options.{name}", number, low=0, high=highest[name]
                )
        self._config, self._last_step = config, steps
        self._curve, self._options = curve, dict(config.schedule_options)
        self._peak, self._warmup = config.learning_rate, warmup_steps(config, steps)
        self._position, self._share = None, None
        if steps is None:
            self._position = _variable(0.0, "position")
        else:
            self._steps = max(1, steps - self._warmup)
        if config.schedule == "plateau":
            self._share = _variable(1.0, "share")

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of `step`, an integer scalar from 0 on; float32."""
        step = tf.cast(step, tf.float32)
        if self._position is not None:
            progress = tf.convert_to_tensor(self._position)
        else:
            progress = tf.clip_by_value((step - self._warmup) / self._steps, 0.0, 1.0)
        return self.rate(step, progress)

    def rate(self, step: tf.Tensor, progress: tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of `step` at a progress in [0, 1]; all float32, any shape."""
        rate = self._peak * self._curve(progress, **self._options)
        if self._share is not None:
            rate *= tf.convert_to_tensor(self._share)
        if not self._warmup:
            return rate
        return tf.where(step < self._warmup, self._peak * step / self._warmup, rate)

    def move_to(self, position: float) -> None:
        """Sets the progress after the warm-up, in [0, 1], where the steps do not decide it."""
        if self._position is not None:
            self._position.assign(position)

    def observe(self, scores: Sequence[float]) -> None:
        """Sets the learning rate of the schedule plateau after validations.

        It is a function of all validations, so a resumed run needs only its history.

        Args:
            scores: of the validations so far; lower is better.
        """
        if self._share is not None:
            options = _PLATEAU | self._options
            number = num_plateaus(scores, options["patience"])
            self._share.assign(options["factor"] ** number)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the schedule, so that a compiled model can be saved."""
        options = {name: getattr(self._config, name) for name in _OPTIONS}
        return options | {"steps": self._last_step}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Schedule:
        """Makes the schedule from the result of `get_config`."""
        options = {name: config[name] for name in _OPTIONS}
        return cls(OptimizerConfig(**options), steps=config["steps"])


def warmup_steps(config: OptimizerConfig, steps: int | None) -> int:
    """Returns the steps of the warm-up; if they are not set, they depend on those of the run."""
    if config.warmup_steps is not None:
        return config.warmup_steps
    return _WARMUP if steps is None else min(_WARMUP, steps // 5)


def _variable(value: float, name: str) -> keras.Variable:
    return keras.Variable(value, dtype="float32", trainable=False, name=name)


def num_plateaus(scores: Sequence[float], patience: int) -> int:
    """Counts how often `patience` scores in a row were not lower than the best before them."""
    best, waited, number = math.inf, 0, 0
    for score in scores:
        waited = 0 if score < best else waited + 1
        best = min(best, score)
        if waited == max(1, patience):
            number, waited = number + 1, 0
    return number
