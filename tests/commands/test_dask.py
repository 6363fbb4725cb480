"""Conversion, prediction and scoring on Dask with two worker processes, of which one is killed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfseg as library
from tfseg import config as configs
from tfseg.cli import main
from tfseg.networks.build import build_model
from tfseg.training import checkpoint

pytestmark = pytest.mark.exhaustive  # 3 minutes, and the extras beam and dask
RUNNER = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"
SECONDS = 900  # at most, for any wait


class Cluster:
    """A scheduler and two workers of one thread each, on this machine."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address, self._folder = f"tcp://127.0.0.1:{port}", folder
        self.processes = [self._start("scheduler", "--port", str(port))]
        options = ("--nworkers=1", "--nthreads=1", "--no-nanny", f"--local-directory={folder}")
        self.processes += [self._start("worker", self.address, *options) for _ in range(2)]

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "dask", kind, "--no-dashboard", *arguments]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path) -> Iterator[Cluster]:
    for name in ("apache_beam", "distributed"):
        pytest.importorskip(name, reason="needs the extras beam and dask, which are not installed")
    made = Cluster(tmp_path / "dask")
    yield made
    made.close()


@pytest.fixture
def inputs(tmp_path, sample) -> Path:
    """A run, images, files to convert, and a data set of them."""
    config = configs.RunConfig(model=configs.ModelConfig(filters=(4, 4), channels=1))
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    configs.write(config, tmp_path / "run" / "config.yaml")
    model = build_model(config.model, seed=2)
    layer = model.get_layer("compact").get_layer("center_offset")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel * 3, bias + 0.3])
    file = tmp_path / "run" / "checkpoints" / "best.npz"
    checkpoint.save(file, model.variables, step=1, loss=0.0)
    (tmp_path / "images").mkdir()
    noise = np.random.default_rng(0)
    for index in range(30):
        pixels = noise.integers(0, 255, (64, 64), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{index}.png")
    shutil.copytree(sample / "test", tmp_path / "files")
    library.convert(tmp_path / "files", tmp_path / "data", shard_size=1)
    return tmp_path


# The command, the results, and files of which there are some in the middle of the work.
COMMANDS = {
    "convert": (("files", "OUT", "--shard_size=1"), "OUT.partial/*.note"),
    "predict": (("run", "images", "--out=OUT", "--format", "geojson", "coco"), "OUT/beam_parts/0*"),
    "evaluate": (("run", "data", "--out=OUT", "--boundary"), "OUT/beam_parts/train*"),
}
ONLY_TIMES = {"report.html"}  # of the prediction of each image


@pytest.mark.parametrize("victim", ["worker", "command"])
@pytest.mark.parametrize("command", COMMANDS)
def test_after_a_kill_the_bytes_are_those_of_one_machine(
    command, victim, inputs, cluster, contents, monkeypatch
):
    arguments, pattern = COMMANDS[command]

    def line(out: str) -> list[str]:
        return [command, *(argument.replace("OUT", out) for argument in arguments)]

    def start(*more: str) -> subprocess.Popen:
        full = [sys.executable, "-m", "tfseg", *line("many"), *more]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
        return subprocess.Popen(
            full, cwd=inputs, env=environment, stderr=subprocess.PIPE, text=True
        )

    monkeypatch.chdir(inputs)
    assert main(line("one")) == 0
    beam = ("--runner=beam", f"--beam_options={RUNNER} --dask_client_address={cluster.address}")
    many = start(*beam)
    parts = pattern.replace("OUT", "many")
    wait_until(lambda: many.poll() is not None or len(list(inputs.glob(parts))) >= 3)
    assert many.poll() is None, many.communicate()
    if victim == "worker":
        cluster.processes[-1].send_signal(signal.SIGKILL)
    else:
        many.kill()
        many.wait()
        many = start(*beam, *(["--resume"] if command == "predict" else []))
    _, errors = many.communicate(timeout=SECONDS)
    assert many.returncode == 0, errors
    assert "distributed" not in errors and len(errors.splitlines()) < 10
    made, expected = contents(inputs / "many"), contents(inputs / "one")
    for results in (made, expected):
        for name in ONLY_TIMES & set(results):
            del results[name]
    assert made == expected


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
