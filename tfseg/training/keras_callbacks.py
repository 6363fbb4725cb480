"""Callbacks of Keras in tfseg's trainer, provided that they only watch."""

from __future__ import annotations

from collections.abc import Iterable

import keras

from tfseg import checks
from tfseg.training.callbacks import Callback
from tfseg.training.history import Row
from tfseg.training.session import Session

# Callbacks that change the training, which a resumed run could not repeat, and their replacements.
_INSTEAD = {
    keras.callbacks.BackupAndRestore: "fit(resume=True)",
    keras.callbacks.EarlyStopping: "train.patience",
    keras.callbacks.LearningRateScheduler: "optimizer.schedule",
    keras.callbacks.ReduceLROnPlateau: "optimizer.schedule plateau",
    keras.callbacks.SwapEMAWeights: "optimizer.ema",
    keras.callbacks.TensorBoard: "tfseg's TensorBoard",
    keras.callbacks.TerminateOnNaN: "train.on_nonfinite",
}


def as_callbacks(callbacks: Iterable[object]) -> list[Callback]:
    """Returns callbacks of tfseg, those of Keras as `KerasCallback`.

    Raises:
        InputError: another object, or a callback of Keras that changes the training.
    """
    return [_as_callback(callback) for callback in callbacks]


def _as_callback(callback: object) -> Callback:
    if isinstance(callback, keras.callbacks.Callback):
        return KerasCallback(callback)
    if not isinstance(callback, Callback):
        raise checks.InputError(
            f"callbacks must be callbacks of tfseg or Keras; got {checks.shown(callback)}. "
            "Give a function as on_log."
        )
    return callback


class KerasCallback(Callback):
    """Lets a callback of Keras watch, such as CSVLogger, LambdaCallback or ModelCheckpoint.

    A row of the history is an epoch for the callback: `on_epoch_end(index, logs)`, where the index
    counts the rows of this call and the logs are the row. `on_train_begin` and `on_train_end` are
    called, and `model` is set. No other method is called, and a request to stop is ignored. `fit`
    makes one of every callback of Keras that it gets.

    Raises:
        InputError: the callback changes the training. The message names the option to use instead.
    """

    def __init__(self, callback: keras.callbacks.Callback) -> None:
        if not isinstance(callback, keras.callbacks.Callback):
            raise checks.InputError(
                f"KerasCallback must get a callback of Keras; got {checks.shown(callback)}. Give a "
                "callback of tfseg to fit as it is."
            )
        for kind, instead in _INSTEAD.items():
            if isinstance(callback, kind):
                raise checks.InputError(
                    f"A callback must only watch; got Keras's {kind.__name__}, which changes the "
                    f"training. Use {instead} instead."
                )
        self._callback, self._count = callback, 0

    def on_begin(self, session: Session) -> None:
        """Calls on_train_begin."""
        self._callback.set_model(session.model)
        self._callback.set_params({"steps": session.config.train.steps})
        self._callback.on_train_begin()

    def on_log(self, row: Row) -> None:
        """Calls on_epoch_begin and on_epoch_end."""
        self._callback.on_epoch_begin(self._count)
        self._callback.on_epoch_end(self._count, dict(row))
        self._count += 1

    def on_end(self) -> None:
        """Calls on_train_end."""
        self._callback.on_train_end()
