"""Keras's callbacks in tfseg's trainer, as far as they only look."""

from __future__ import annotations

import keras

from tfseg import checks
from tfseg.training.callbacks import Callback
from tfseg.training.history import Row
from tfseg.training.session import Session

# Those that steer. What they change would be unknown to a run that goes on.
_INSTEAD = {
    "BackupAndRestore": "fit(resume=True)",
    "EarlyStopping": "train.patience",
    "LearningRateScheduler": "optimizer.schedule",
    "ReduceLROnPlateau": "optimizer.schedule plateau",
    "SwapEMAWeights": "optimizer.ema",
    "TensorBoard": "tfseg's TensorBoard",
    "TerminateOnNaN": "train.on_nonfinite",
}


class OfKeras(Callback):
    """Lets one of Keras's callbacks watch: CSVLogger, LambdaCallback, ModelCheckpoint, own ones.

    A row of the history is an epoch to it: `on_epoch_end(index, logs)`, where the index counts the
    rows of this call and the logs are the row; beside it come `on_train_begin` and `on_train_end`,
    and `model` is set. Nothing else is called, and what asks the model to stop is not heard.

    Raises:
        InputError: a callback that steers; names the option that does the same.
    """

    def __init__(self, callback: keras.callbacks.Callback) -> None:
        for kind in type(callback).__mro__:
            if kind.__module__.startswith("keras.") and kind.__name__ in _INSTEAD:
                raise checks.InputError(
                    f"A callback must only look; got keras's {kind.__name__}, which steers. Take "
                    f"{_INSTEAD[kind.__name__]} in its place."
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
