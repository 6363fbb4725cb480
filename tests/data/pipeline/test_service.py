"""Batches made by servers in other processes: the same, in the same order, or a clear error."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import InputError, RunConfig
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.index import Index
from tfseg.data.pipeline import service
from tfseg.data.pipeline.batches import training_batches
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.heads import CenterOffset

AUGMENT = (
    *({"name": "ShiftScaleRotate", "p": 1.0}, {"name": "GaussNoise", "p": 1.0}),
    {"name": "CopyPaste"},
)


@contextlib.contextmanager
def servers(number: int) -> Iterator[list[tuple[str, subprocess.Popen]]]:
    """Starts servers, each a process, and gives their addresses."""
    command = [sys.executable, "-m", "tfseg", "serve-data", "--port=0"]
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            for _ in range(number)
        ]
        for process in processes:
            stack.callback(process.kill)
        yield [
            (re.search(r"\[(grpc://localhost:\d+)\]", process.stdout.readline())[1], process)
            for process in processes
        ]


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[str, ...]]:
    with servers(2) as started:
        yield tuple(address for address, _ in started)


def configured(*addresses: str, augment=AUGMENT) -> RunConfig:
    return RunConfig(
        seed=4,
        data=DataConfig(crop_size=32, service=addresses),
        augment=augment,
        train=TrainConfig(batch_size=2),
    )


def taken(batches: tf.data.Dataset, count: int) -> list[np.ndarray]:
    """Returns all arrays of the first batches."""
    return [
        array
        for batch in batches.take(count).as_numpy_iterator()
        for array in tf.nest.flatten(batch)
    ]


@pytest.mark.parametrize(
    ("number", "first_step"), [(2, 3), pytest.param(1, 0, marks=pytest.mark.exhaustive)]
)
def test_batches_are_those_of_a_training_without_servers_bit_for_bit(
    dataset, two, number, first_step
):
    head = CenterOffset()
    expected = taken(training_batches(dataset, configured(), head, first_step=first_step), 7)
    served = service.batches_from_service(
        dataset, configured(*two[:number]), head, first_step=first_step
    )
    for ours, theirs in zip(taken(served, 7), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_a_host_gets_its_part_of_every_batch(dataset, two):
    config, head = configured(*two), CenterOffset()
    config = dataclasses.replace(config, augment=AUGMENT[:-1])  # without CopyPaste
    local = dataclasses.replace(config, data=dataclasses.replace(config.data, service=()))
    options = {"host": 1, "num_hosts": 2}
    expected = taken(training_batches(dataset, local, head, **options), 4)
    served = taken(service.batches_from_service(dataset, config, head, **options), 4)
    assert len(served[0]) == 1
    for ours, theirs in zip(served, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_missing_server_is_refused_at_once(dataset):
    with socket.socket() as taken_port:  # bound, but nobody listens
        taken_port.bind(("localhost", 0))
        address = f"grpc://localhost:{taken_port.getsockname()[1]}"
        with pytest.raises(
            InputError, match=rf"No data service answers at {address} \(.*refused.*Start"
        ):
            service.batches_from_service(dataset, configured(address), CenterOffset())


def test_a_server_that_accepts_connections_and_says_nothing_is_refused(dataset, monkeypatch):
    monkeypatch.setattr(service, "_ANSWER_WITHIN", 0.2)
    with socket.socket() as mute:
        mute.bind(("localhost", 0))
        mute.listen()  # as for a process that is stopped: the system accepts
        address = f"grpc://localhost:{mute.getsockname()[1]}"
        with pytest.raises(InputError, match=rf"No data service answers at {address} \(timed out"):
            service.batches_from_service(dataset, configured(address), CenterOffset())


@pytest.mark.slow
def test_a_damaged_record_is_an_error_that_names_the_command_which_finds_it(dataset, two, tmp_path):
    copy = tfseg.Dataset.open(shutil.copytree(dataset.path, tmp_path / "data"))
    index = Index.read(copy, "train")
    with open(index.paths[0], "r+b") as file:
        file.seek(int(index.offsets[1]) + 500)
        file.write(b"damage")
    batches = service.batches_from_service(copy, configured(*two), CenterOffset())
    message = r"cannot make a batch: a record is damaged\. Continue .* run tfseg check on"
    with pytest.raises(InputError, match=message), unwrap_input_errors():
        taken(batches, 4)  # more than an epoch


def test_a_taken_port_is_refused():
    with socket.socket() as listening:
        listening.bind(("", 0))
        listening.listen()
        port = listening.getsockname()[1]
        for asked in (port, port - 1):
            with pytest.raises(
                InputError, match=rf"needs the ports {asked} and .*; {port} is not free"
            ):
                service.Server(port=asked)
    with pytest.raises(InputError, match="needs the ports 70000 and 70001"):
        service.Server(port=70000)


@pytest.mark.parametrize(
    "devices",
    [
        pytest.param(("CPU:0",), marks=pytest.mark.exhaustive),
        pytest.param(("CPU:0", "CPU:1"), marks=pytest.mark.slow),
    ],
    ids=len,
)
def test_weights_are_those_of_a_training_without_servers(dataset, two, tmp_path, devices):
    config = dataclasses.replace(
        configured(),
        model=tfseg.ModelConfig(filters=(8, 16)),
        train=TrainConfig(steps=6, batch_size=2, accumulate=2),
        optimizer=tfseg.OptimizerConfig(warmup_steps=2),
        log=tfseg.LogConfig(checkpoint_every=3),
        devices=tfseg.DeviceConfig(names=devices),
    )
    served = dataclasses.replace(config, data=dataclasses.replace(config.data, service=two))
    for name, values in {"alone": config, "served": served}.items():
        tfseg.Trainer(values, tmp_path / name).fit(dataset)
    one, other = (
        dict(np.load(tmp_path / name / "checkpoints" / "last.npz")) for name in ("alone", "served")
    )
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array)


COMMAND = (
    *("--data.crop_size=32", "--model.filters=[8,16]", "--train.steps=100000"),
    *("--train.batch_size=2", "--log.log_every=1", "--log.checkpoint_every=5"),
    "--optimizer.warmup_steps=2",  # the run ends at any step
)


@pytest.mark.parametrize(
    ("lost", "sent"),
    [
        pytest.param(0, signal.SIGKILL, marks=pytest.mark.exhaustive),
        pytest.param(1, signal.SIGKILL, marks=pytest.mark.slow),
        pytest.param(0, signal.SIGSTOP, marks=pytest.mark.exhaustive),
    ],
)
def test_a_lost_server_ends_the_training_and_it_resumes_without(dataset, tmp_path, lost, sent):
    run = tmp_path / "run"
    train = [sys.executable, "-m", "tfseg", "train", dataset.path, run, *COMMAND]
    with servers(2) as started:
        addresses = ",".join(address for address, _ in started)
        process = subprocess.Popen(
            [*map(str, train), f"--data.service=[{addresses}]"], stderr=subprocess.PIPE, text=True
        )
        try:
            deadline = time.monotonic() + 120
            while not (run / "checkpoints" / "last.npz").exists():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
            os.kill(started[lost][1].pid, sent)
            _, err = process.communicate(timeout=180)  # long, for a machine that does other work
        finally:
            process.kill()
            process.communicate()
        assert started[lost][1].poll() in (None, -sent)  # one that is stopped was still there
    assert process.returncode == 2, err
    assert f"No data service answers at {started[lost][0]}" in err.splitlines()[-1]
    with np.load(run / "checkpoints" / "last.npz") as archive:
        reached = int(archive["step"])
    steps = reached + 2
    again = [*map(str, train), f"--train.steps={steps}", "--data.service=[]", "--resume"]
    subprocess.run(again, check=True, capture_output=True)
    with np.load(run / "checkpoints" / "last.npz") as archive:
        assert int(archive["step"]) == steps
