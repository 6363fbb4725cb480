"""The texts that are searched are those of TensorFlow's errors, each provoked here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfseg import tf_errors
from tfseg.checks import InputError

SERVICE = tf.data.experimental.service
RESOLVERS = tf.distribute.cluster_resolver


def test_the_message_of_an_input_error_in_a_pipeline_is_returned():
    def refuse(_: np.ndarray) -> np.int64:
        raise InputError("train-0.tfrecord is damaged: record 3. Convert the data again.")

    numbers = tf.data.Dataset.range(3)
    refusing = numbers.map(lambda number: tf.numpy_function(refuse, [number], tf.int64))
    with pytest.raises(tf.errors.OpError) as caught:
        list(refusing.as_numpy_iterator())
    message = "train-0.tfrecord is damaged: record 3. Convert the data again."
    assert tf_errors.input_error(caught.value.message) == message
    assert tf_errors.input_error("OutOfRangeError: end of sequence") is None


def test_the_message_of_an_input_error_in_a_pipeline_of_beam_is_returned():
    beam = pytest.importorskip("apache_beam")

    def refuse(_: int) -> None:
        raise InputError("3.png must be a PNG. Remove it.")

    with pytest.raises(Exception, match="InputError") as caught, beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([1]) | "write" >> beam.Map(refuse)
    text = f"{type(caught.value).__name__}: {caught.value}"
    assert tf_errors.input_error(text) == "3.png must be a PNG. Remove it."


def test_the_reason_of_a_damaged_record_has_no_names_of_operations(tmp_path: Path):
    path = tmp_path / "records"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"x" * 50)
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    with pytest.raises(tf.errors.DataLossError) as caught:
        list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    assert tf_errors.reason(caught.value.message) == "corrupted record at 12"


def test_the_reason_of_the_service_is_a_record_where_a_function_is_in_no_other_process():
    with pytest.raises(tf.errors.OpError) as caught:
        tf.raw_ops.PyFunc(input=[], token="pyfunc_of_the_process_that_trains", Tout=[tf.int64])
    assert tf_errors.service_reason(caught.value.message) == "a record is damaged"


def test_the_reason_of_the_service_is_a_server_that_was_started_again():
    def start(port: int) -> tuple:
        dispatcher = SERVICE.DispatchServer(SERVICE.DispatcherConfig(port=port))
        address = dispatcher.target.removeprefix("grpc://")
        return dispatcher, SERVICE.WorkerServer(SERVICE.WorkerConfig(dispatcher_address=address))

    dispatcher, worker = start(0)
    target = dispatcher.target
    distributed = SERVICE.distribute(SERVICE.ShardingPolicy.OFF, target)
    numbers = iter(tf.data.Dataset.range(2**40).apply(distributed))
    next(numbers)
    del worker, dispatcher  # stops them
    servers = start(int(target.rpartition(":")[2]))
    with pytest.raises(tf.errors.OpError) as caught:
        for _ in numbers:
            pass
    assert tf_errors.service_reason(caught.value.message) == "a server was started again"
    assert servers[0].target == target


def test_any_other_reason_of_the_service_is_returned_as_it_is():
    assert tf_errors.service_reason("{{function_node f}} No file. [Op:Next] name: ") == "No file"


def test_the_line_about_memory_is_returned():
    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        tf.zeros([2**45])  # TensorFlow tries again for 10 seconds
    line = tf_errors.out_of_memory(str(caught.value))
    assert "OOM when allocating tensor with shape[35184372088832]" in line


def test_the_line_about_memory_is_returned_where_python_has_none_left():
    @tf.function(autograph=False)
    def allocate() -> tf.Tensor:
        return tf.numpy_function(lambda: np.zeros(2**56, np.float32), [], tf.float32)

    with pytest.raises(tf.errors.ResourceExhaustedError) as caught:
        allocate()
    expected = "MemoryError: Unable to allocate 256. PiB for an array with shape"
    assert tf_errors.out_of_memory(str(caught.value)).startswith(expected)


def test_workers_that_are_made_too_late_are_recognised():
    tf.constant(1) + 1  # the first operation of the process
    cluster = tf.train.ClusterSpec({"worker": ["localhost:1", "localhost:2"]})
    resolver = RESOLVERS.SimpleClusterResolver(cluster, task_type="worker", task_id=0)
    with pytest.raises(RuntimeError) as caught:
        tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    assert tf_errors.is_too_late_for_workers(str(caught.value))
    assert not tf_errors.is_too_late_for_workers("another reason")
