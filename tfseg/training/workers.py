"""Communication between the processes of a training, so that none waits forever.

Only the chief uses the folder of the run. It sends the data it reads, and its errors, to all other
processes, so checkpoints need no shared file system.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import keras
import numpy as np
import tensorflow as tf

from tfseg.checks import InputError
from tfseg.networks.weights import assign
from tfseg.training import cluster
from tfseg.training.interrupt import Terminated, WorkerLost

Result = TypeVar("Result")
Interrupt = type[KeyboardInterrupt] | None
_INTERRUPTS = (KeyboardInterrupt, Terminated)
_WORDS = 1 << 20  # largest number of 8-byte words in one exchange
# Errors that TensorFlow raises in the other processes when a process has ended.
_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


class Workers:
    """The processes of a strategy, including this one.

    All of them must make the same calls in the same order, because each call is an exchange. A
    single process exchanges nothing.

    Attributes:
        count: number of processes.
        is_chief: whether this process reads and writes the folder of the run.
    """

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        self.count = cluster.num_workers(strategy.cluster_resolver)
        self.is_chief = cluster.is_chief(strategy.cluster_resolver)

    def any_done(self, done: bool, interrupt: Interrupt) -> tuple[bool, Interrupt]:
        """Returns whether any process is done, and the interrupt that any of them received."""
        if self.count == 1:
            return done, interrupt
        flags = [done, *(interrupt is kind for kind in _INTERRUPTS)]
        totals = self._sum(np.array(flags, np.int64))
        kinds = [kind for kind, number in zip(_INTERRUPTS, totals[1:], strict=True) if number]
        return bool(totals[0]), kinds[-1] if kinds else None

    def run_on_chief(self, call: Callable[[], Result]) -> Result:
        """Makes the call on the chief only, and returns its result on all processes.

        Raises:
            InputError: the chief raised it; all processes raise the same.
        """
        if self.count == 1:
            return call()
        payload = pickle.dumps(_outcome(call)) if self.is_chief else b""
        result = pickle.loads(self._broadcast(payload))
        if isinstance(result, InputError):
            raise result
        return result

    def check_same(self, values: Mapping[str, Any]) -> None:
        """Checks that all processes have the values of the chief, by name.

        Raises:
            InputError: a process has another value; all processes raise it.
        """
        if self.count == 1:
            return
        expected = self.run_on_chief(lambda: values)
        differing = [name for name, value in values.items() if value != expected.get(name)]
        if not self._sum(np.array([len(differing)], np.int64))[0]:
            return
        rule = "All processes of a training must have the same options and data"
        remedy = "Give all of them the same; --config with a copy of config.yaml, to resume a run."
        if not differing:
            raise InputError(f"{rule}; another process has others, and says which. {remedy}")
        name = differing[0]
        raise InputError(
            f"{rule}; {name} is {values[name]!r} here and {expected.get(name)!r} in the first "
            f"process. {remedy}"
        )

    def broadcast_variables(self, variables: Sequence[keras.Variable]) -> None:
        """Assigns the chief's values to the variables of all processes."""
        if self.count == 1:
            return
        assign(variables, self.run_on_chief(lambda: [np.array(one) for one in variables]))

    @contextlib.contextmanager
    def raise_worker_lost(self) -> Iterator[None]:
        """Replaces TensorFlow's errors about a process that has ended.

        Raises:
            WorkerLost: another process ended. The message has the remedy.
        """
        try:
            yield
        except _LOST as error:
            if self.count == 1:
                raise
            raise WorkerLost(
                f"Another of the {self.count} workers ended or cannot be reached, so this one "
                "ends too; the output of the other worker has the reason. Start all of them again "
                f"with --resume. TensorFlow's error: {error.message.splitlines()[0]}"
            ) from error

    def _broadcast(self, payload: bytes) -> bytes:
        """Returns the bytes of the chief; the others must pass empty bytes."""
        (length,) = self._sum(np.array([len(payload)], np.int64))
        # Lengths are rounded up to a few values, because each length is compiled separately.
        words = max(1, -(-int(length) // 8))
        size = min(1 << (words - 1).bit_length(), _WORDS)
        padded = payload.ljust(-(-words // size) * size * 8, b"\0")
        parts = np.frombuffer(padded, np.int64).reshape(-1, size)
        return b"".join(self._sum(part).tobytes() for part in parts)[: int(length)]

    def _sum(self, values: np.ndarray) -> np.ndarray:
        """Returns the sum over all processes; 64-bit integers, so that bytes do not change."""
        return self._all_reduce(tf.constant(values)).numpy()

    @tf.function(autograph=False)
    def _all_reduce(self, values: tf.Tensor) -> tf.Tensor:
        replicas = self._strategy.num_replicas_in_sync // self.count  # of each worker

        def replica_sum() -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % replicas == 0
            return context.all_reduce("SUM", values * tf.cast(first, tf.int64))

        return self._strategy.experimental_local_results(self._strategy.run(replica_sum))[0]


def _outcome(call: Callable[[], Result]) -> Result | InputError:
    try:
        return call()
    except InputError as error:
        return error
