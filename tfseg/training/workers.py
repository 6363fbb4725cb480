"""What the processes of one training agree on, so that none of them waits for another in vain.

Only the chief has the folder of the run. What it reads there, or finds wrong with it, all of them
learn from it: a file system that all hosts share is not needed for checkpoints.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.training import cluster
from tfseg.training.interrupt import Terminated, WorkerLost

Result = TypeVar("Result")
Interrupt = type[KeyboardInterrupt] | None
_INTERRUPTS = (KeyboardInterrupt, Terminated)
_WORDS = 1 << 20  # of 8 bytes, in one exchange at most
# What TensorFlow raises on the others when a process is gone.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Workers:
    """The processes of a strategy, this one among them.

    All of them have to make the same calls in the same order: each is an exchange. A process alone
    makes none.

    Attributes:
        count: how many there are.
        is_chief: whether this is the one that reads and writes the folder of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self.count = cluster.num_workers(strategy.cluster_resolver)
        self.is_chief = cluster.is_chief(strategy.cluster_resolver)

    def agree(self, over: bool, interrupt: Interrupt) -> tuple[bool, Interrupt]:
        """Returns whether any of them is at its end, and what any was interrupted by."""
        if self.count == 1:
            return over, interrupt
        said = self._sum(np.array([over, *(interrupt is each for each in _INTERRUPTS)], np.int64))
        kinds = [kind for kind, number in zip(_INTERRUPTS, said[1:], strict=True) if number]
        return bool(said[0]), kinds[-1] if kinds else None

    def from_chief(self, call: Callable[[], Result]) -> Result:
        """Makes the call on the chief alone, and returns on all of them what it returned.

        Raises:
            InputError: that of the chief, on all of them.
        """
        if self.count == 1:
            return call()
        own = pickle.dumps(_outcome(call)) if self.is_chief else b""
        result = pickle.loads(self._broadcast(own))
        if isinstance(result, InputError):
            raise result
        return result

    def share(self, variables: Sequence[keras.Variable]) -> None:
        """Gives all of them the chief's values."""
        if self.count == 1:
            return
        values = self.from_chief(lambda: [np.array(variable) for variable in variables])
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)

    @contextlib.contextmanager
    def clear_errors(self) -> Iterator[None]:
        """Raises what TensorFlow says of a process that is gone as `WorkerLost`.

        Raises:
            WorkerLost: with what is to be done.
        """
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            raise WorkerLost(
                f"Another of the {self.count} workers ended or cannot be reached, so this one "
                "ends too; what it was is in the output of the other. Start all of them again with "
                f"--resume. TensorFlow says: {error.message.splitlines()[0]}"
            ) from error

    def _broadcast(self, own: bytes) -> bytes:
        """Returns the bytes of the chief; those of the others must be empty."""
        (length,) = self._sum(np.array([len(own)], np.int64))
        # Lengths are rounded up to few different ones: each is compiled anew.
        words = max(1, -(-int(length) // 8))
        size = min(1 << (words - 1).bit_length(), _WORDS)
        padded = own.ljust(-(-words // size) * size * 8, b"\0")
        parts = np.frombuffer(padded, np.int64).reshape(-1, size)
        return b"".join(self._sum(part).tobytes() for part in parts)[: int(length)]

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum over all of them; 64-bit integers, so that bytes stay what they are."""
        return self._summed(tf.constant(values)).numpy()

    @tf.function(autograph=False)
    def _summed(self, values: tf.Tensor) -> tf.Tensor:
        replicas = self._strategy.num_replicas_in_sync // self.count  # of each worker

        def of_replica() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % replicas == 0
            return context.all_reduce("SUM", values * tf.cast(first, tf.int64))

        return self._strategy.experimental_local_results(self._strategy.run(of_replica))[0]


def _outcome(call: Callable[[], Result]) -> Result | InputError:
    try:
        return call()
    except InputError as error:
        return error
