"""Training batches made by other processes or machines, through the service of tf.data.

A server is a dispatcher with one worker, which uses all cores of its machine. With K servers, the
k-th makes the batches k, k + K, k + 2 K, ... of the stream, and the trainer takes one from each in
turn. So every sample keeps its position and its random numbers, and the weights are those of
training without servers, bit for bit where the machines compute the same.

A server that has died, hangs or cannot be reached ends the training with an error, where tf.data
would wait forever. --resume then leads to the same weights, with the same servers, others or none.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tfseg import tf_errors
from tfseg.checks import InputError
from tfseg.config import RunConfig
from tfseg.data.dataset.dataset import Dataset
from tfseg.data.pipeline.windows import input_batches
from tfseg.heads import Head

_PROBE_AFTER = 2.0  # seconds without a batch, after which the servers are probed
_ANSWER_WITHIN = 10.0  # seconds
# Begins a connection; a gRPC server answers with its settings. A connection alone proves nothing:
# the system accepts it for a stopped process as well.
# Source: RFC 9113 (HTTP/2), section 3.4: the preface, and a frame of settings without any.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_LONGEST = 600.0  # seconds for a batch of a server that answers
_RESUME = "Start it again, or leave it out of --data.service, and continue with --resume."
_service = tf.data.experimental.service


class Server:
    """Makes batches for trainers until the process ends.

    Anyone who reaches its ports can run any TensorFlow graph on this machine: use it in a trusted
    network only. The data set must have the same path here and where training runs.

    Attributes:
        address: of the server, as `DataConfig.service` takes it.
    """

    def __init__(self, *, host: str = "localhost", port: int = 0) -> None:
        """Starts it.

        Args:
            host: name under which trainers reach this machine.
            port: of the dispatcher; the worker takes the next one. 0 takes any two.

        Raises:
            InputError: a port is taken.
        """
        if port:
            _refuse_taken(port)
        self._dispatcher = _service.DispatchServer(_service.DispatcherConfig(port=port))
        dispatcher = self._dispatcher.target.removeprefix("grpc://")
        self._worker = _service.WorkerServer(
            _service.WorkerConfig(
                dispatcher_address=dispatcher,
                worker_address=f"{host}:%port%",
                port=port and port + 1,
            )
        )
        self.address = f"grpc://{host}:{dispatcher.rpartition(':')[2]}"


def batches_from_service(
    dataset: Dataset,
    config: RunConfig,
    head: Head,
    *,
    first_step: int = 0,
    host: int = 0,
    num_hosts: int = 1,
) -> tf.data.Dataset:
    """Returns `windows.input_batches`, made by the servers `config.data.service`, if any.

    Raises:
        InputError: as in `training_batches`, or no server answers at an address. A server that dies
            later raises an error of TensorFlow: see `reading.unwrap_input_errors`.
    """
    servers = config.data.service
    shared = {"host": host, "num_hosts": num_hosts}
    if not servers:
        return input_batches(dataset, config, head, first_step=first_step, **shared)
    _refuse_absent(servers)  # registering a data set with an absent one would wait forever
    parts = []
    for index, server in enumerate(servers):
        batches = input_batches(
            dataset, config, head, first_step=first_step + index, every=len(servers), **shared
        )
        served = _service.distribute(_service.ShardingPolicy.OFF, server)
        parts.append(batches.enumerate().apply(served))
    in_turn = tf.data.Dataset.range(len(servers)).repeat()
    joined = tf.data.Dataset.choose_from_datasets(parts, in_turn, stop_on_empty_dataset=True)

    def watched() -> Iterator[Any]:
        for taken, (number, batch) in enumerate(_watched(joined, servers)):
            if number != taken // len(servers):
                raise InputError(
                    f"The data service {servers[taken % len(servers)]} lost a batch. {_RESUME}"
                )
            yield batch

    return tf.data.Dataset.from_generator(watched, output_signature=joined.element_spec[1])


def _watched(batches: tf.data.Dataset, servers: Sequence[str]) -> Iterator[Any]:
    """Yields the elements, each taken in another thread, because taking one cannot be interrupted.

    Raises:
        InputError: a server does not answer any more, or cannot make a batch.
    """

    def elements() -> Iterator[Any]:
        yield from batches.as_numpy_iterator()  # making the iterator already asks the servers

    iterator = elements()
    outcome: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def take() -> None:
        try:
            outcome.put(next(iterator))
        except Exception as error:  # raised in the thread that waits for the element
            outcome.put(error)

    while True:
        threading.Thread(target=take, daemon=True).start()
        element = _awaited(outcome, servers)
        if isinstance(element, Exception):
            raise _refused(element, servers) from element
        yield element


def _awaited(outcome: queue.SimpleQueue[Any], servers: Sequence[str]) -> Any:
    for _ in range(int(_LONGEST / _PROBE_AFTER)):
        try:
            return outcome.get(timeout=_PROBE_AFTER)
        except queue.Empty:
            _refuse_absent(servers)
    raise InputError(
        f"The data service {' '.join(servers)} made no batch in {_LONGEST:g} seconds. {_RESUME}"
    )


def _refused(error: Exception, servers: Sequence[str]) -> Exception:
    if not isinstance(error, tf.errors.OpError):
        return error
    reason = tf_errors.service_reason(error.message)
    return InputError(
        f"The data service {' '.join(servers)} cannot make a batch: {reason}. Continue with "
        "--resume; if it happens again, run tfseg check on the data set, and make sure that it has "
        "the same path on the server."
    )


def _refuse_taken(port: int) -> None:
    """Refuses ports of other processes, which gRPC would share with them.

    Raises:
        InputError: this one or the next is in use.
    """
    for number in (port, port + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", number))
            except (OSError, OverflowError) as error:
                raise InputError(
                    f"A server needs the ports {port} and {port + 1}; {number} is not free "
                    f"({error}). Choose another --port."
                ) from error


def _refuse_absent(servers: Sequence[str]) -> None:
    """Refuses a server that does not answer: dead, stopped, or not reachable.

    Raises:
        InputError: names the first such server.
    """
    for server in servers:
        host, _, port = server.removeprefix("grpc://").rpartition(":")
        try:
            with socket.create_connection((host, int(port)), timeout=_ANSWER_WITHIN) as connection:
                connection.sendall(_PREFACE)
                if not connection.recv(1):
                    raise ConnectionError("the connection was closed")
        except OSError as error:
            raise InputError(
                f"No data service answers at {server} ({error}). Start it with tfseg serve-data; "
                "a run that has begun continues with --resume."
            ) from error
