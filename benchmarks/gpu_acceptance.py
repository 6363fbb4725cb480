"""What tfseg does on the GPUs of a machine, in about ten minutes: a page and a JSON file to send.

    python benchmarks/gpu_acceptance.py                      # all GPUs; writes gpu_acceptance/
    python benchmarks/gpu_acceptance.py --minutes 30 --config run.yaml

The parts, in their order; one that fails is reported with its error, and the others still run:

- `doctor`: what `tfseg doctor` says.
- `replicas`: the same steps on one device and on all, and how far losses and weights differ.
- `augmentation`: the first batch that the host makes and the one that a device makes.
- `throughput`: images a second of a step on a batch that is on the device, by size and precision.
- `training`: a complete training with the augmentation on the host and on the device, and the share
  of the time that a device is idle: a step of it against a step on a batch that is on the device.
- `prediction`: images a second of 512 x 512 pixels, and how far an exported network differs.

It was written on a machine without a GPU, and runs on parts of a CPU in a test.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import training_parts
from acceptance_page import page
from common import claim, write
from training_gpu import idle_share

import tfseg
from tfseg import config as configs
from tfseg.config.train import AUGMENT_ON
from tfseg.data.pipeline import windows
from tfseg.evaluation.doctor import facts
from tfseg.training.session import Session
from tfseg.training.strategy import make_strategy

Results = dict[str, Any]
FACTORS = (0.5, 1.0, 2.0)  # times the batch size of the configuration, for each device


@dataclasses.dataclass(frozen=True)
class Task:
    """What is measured.

    Attributes:
        config: of the training, for one device.
        dataset: the embedded sample.
        devices: names.
        steps: of a measurement.
        precisions: of which the throughput is measured.
        factors: by which the batch size is multiplied there.
    """

    config: tfseg.RunConfig
    dataset: tfseg.Dataset
    devices: tuple[str, ...]
    steps: int
    precisions: tuple[str, ...] = configs.PRECISIONS
    factors: tuple[float, ...] = FACTORS

    def configured(self, devices: tuple[str, ...] = (), **train: Any) -> tfseg.RunConfig:
        """Returns the configuration for devices, by default all, with a batch for each."""
        devices = devices or self.devices
        size = self.config.train.batch_size * len(devices)
        return dataclasses.replace(
            self.config,
            train=dataclasses.replace(self.config.train, **({"batch_size": size} | train)),
            devices=dataclasses.replace(self.config.devices, names=devices),
        )


def doctor(task: Task) -> Results:
    """Returns what the machine has and lacks."""
    del task
    return {"facts": [dataclasses.asdict(fact) for fact in facts()]}


def replicas(task: Task) -> Results:
    """Takes the same steps on one device and on all, in float32."""
    config = in_precision(task.configured(augment_on="host"), "float32")
    head = tfseg.make_head(config.model.head)
    batches = list(tfseg.training_batches(task.dataset, config, head).take(5))

    def taken(devices: tuple[str, ...]) -> tuple[list[float], list[np.ndarray]]:
        strategy = make_strategy(devices)
        step = training_parts.trained(config, strategy)
        data = tf.data.Dataset.from_generator(lambda: batches, output_signature=_spec(batches[0]))
        shared = strategy.experimental_distribute_dataset(data)
        losses = [float(step(batch)["loss"]) for batch in shared]
        return losses, [np.array(weight) for weight in step.model.weights]

    (one, first), (all_, second) = taken(task.devices[:1]), taken(task.devices)
    return {
        "devices": len(task.devices),
        "losses of one": one,
        "losses of all": all_,
        "largest relative difference of a loss": max(
            abs(a - b) / abs(a) for a, b in zip(one, all_, strict=True)
        ),
        "largest difference of a weight": max(
            float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True)
        ),
    }


def augmentation(task: Task) -> Results:
    """Compares the first batch of the host and of a device."""
    config = task.configured(task.devices[:1], augment_on="device")
    made = windows.input_batches(task.dataset, config, None).take(1)
    (share,) = windows.divided(made, config.train.batch_size, config=config)
    with tf.device(task.devices[0]):
        images, ids = windows.Finish(config, None)(*share)
    others, other = next(iter(tfseg.training_batches(task.dataset, config)))
    return {
        "largest difference of a pixel": float(np.abs(images.numpy() - others.numpy()).max()),
        "different ids": int((ids.numpy() != other.numpy()).sum()),
    }


def throughput(task: Task) -> Results:
    """Times the step by size of the batch and precision; memory may end for a large one."""
    rows = {}
    for precision in task.precisions:
        for factor in task.factors:
            size = max(1, int(factor * task.config.train.batch_size)) * len(task.devices)
            config = in_precision(task.configured(batch_size=size, augment_on="host"), precision)
            name = f"{precision}, {size} crops"
            try:
                rows[name] = size / _step_seconds(config, task)
            except tf.errors.ResourceExhaustedError:
                rows[name] = None
    return {"images a second": rows}


def training(task: Task) -> Results:
    """Trains with the augmentation on the host and on the device."""
    alone = _step_seconds(task.configured(augment_on="host"), task)
    rows = {}
    for kind in AUGMENT_ON:
        config = task.configured(augment_on=kind)
        seconds = _trained_seconds(config, task)
        prepared = _prepared_seconds(config, task) if kind == "device" else alone
        rows[f"augment_on {kind}"] = {
            "images a second": config.train.batch_size / seconds,
            "seconds of a step": seconds,
            "seconds of a step on a batch on the device": prepared,
            "idle share": idle_share(prepared, seconds),
        }
    return rows


def prediction(task: Task) -> Results:
    """Predicts an image, and does the same with the exported network."""
    model = task.config.model
    segmenter = tfseg.Segmenter(tfseg.build_model(model), model)
    image = np.random.default_rng(0).integers(0, 256, (512, 512, model.channels), np.uint8)
    expected = segmenter.predict(image).labels
    start = time.perf_counter()
    for _ in range(task.steps):
        segmenter.predict(image)
    seconds = (time.perf_counter() - start) / task.steps
    with tempfile.TemporaryDirectory() as folder:
        served = tf.saved_model.load(str(tfseg.export(segmenter, f"{folder}/model")))
        labels = served.signatures["serving_default"](images=tf.constant(image[None]))["labels"]
    different = int((labels.numpy()[0] != expected).sum())
    return {"images a second": 1 / seconds, "pixels with other ids when exported": different}


def in_precision(config: tfseg.RunConfig, precision: str) -> tfseg.RunConfig:
    """Returns the configuration with another precision."""
    devices = dataclasses.replace(config.devices, precision=precision)
    return dataclasses.replace(config, devices=devices)


def _spec(batch: Any) -> Any:
    return tf.nest.map_structure(tf.TensorSpec.from_tensor, batch)


def _step_seconds(config: tfseg.RunConfig, task: Task) -> float:
    """Returns the seconds of a step on a batch that is on the devices."""
    head = tfseg.make_head(config.model.head)
    batch = next(iter(tfseg.training_batches(task.dataset, config, head)))
    taken = training_parts.queued_step(config, batch, devices=config.devices.names)
    return _timed(taken, task.steps)


def _prepared_seconds(config: tfseg.RunConfig, task: Task) -> float:
    """Returns the seconds of a step with the augmentation, on windows that are on the devices."""
    session = Session(config, task.dataset)
    batch = next(session.training_input())
    return _timed(lambda: session.train_step(batch)["loss"], task.steps)


def _timed(call: Callable[[], Any], steps: int) -> float:
    """Returns the seconds of a call; the host waits only for the last."""
    float(call())
    start = time.perf_counter()
    losses = [call() for _ in range(steps)]
    float(losses[-1])
    return (time.perf_counter() - start) / steps


def _trained_seconds(config: tfseg.RunConfig, task: Task) -> float:
    """Returns the seconds of a step in the second half of a training."""
    times: list[float] = []
    config = dataclasses.replace(
        config,
        train=dataclasses.replace(config.train, steps=2 * task.steps),
        optimizer=dataclasses.replace(config.optimizer, warmup_steps=0),
        log=dataclasses.replace(config.log, log_every=task.steps, checkpoint_every=2 * task.steps),
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = tfseg.Trainer(config, f"{folder}/run")
        trainer.fit(task.dataset, on_log=lambda _: times.append(time.perf_counter()), verbose=False)
    return (times[1] - times[0]) / task.steps


PARTS: dict[str, Callable[[Task], Results]] = {
    "doctor": doctor,
    "replicas": replicas,
    "augmentation": augmentation,
    "throughput": throughput,
    "training": training,
    "prediction": prediction,
}


def measured(task: Task, minutes: float, names: Sequence[str]) -> Results:
    """Runs the parts with these names until the time is up."""
    start, results = time.monotonic(), {}
    for name in names:
        begun = time.monotonic()
        if begun - start > 60 * minutes:
            results[name] = {"left out": f"{minutes:g} minutes are over"}
            continue
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            results[name] = PARTS[name](task)
        except Exception as error:  # reported, so that one fault does not hide the other results
            results[name] = {"error": f"{type(error).__name__}: {error}"}
        results[name]["seconds of this part"] = time.monotonic() - begun
    return results


def claims(results: Results) -> list[dict[str, Any]]:
    """Compares the results with the targets; null where a part was not measured."""

    def value(part: str, *names: str) -> float | None:
        entry: Any = results.get(part)
        for name in names:
            entry = entry.get(name, {}) if isinstance(entry, dict) else {}
        return entry if isinstance(entry, int | float) else None

    pixel, ids = "largest difference of a pixel", "different ids"
    exported = "pixels with other ids when exported"
    return [
        claim(
            "loss of one device and of all, relative difference",
            value("replicas", "largest relative difference of a loss"),
            "<= 1e-3",
        ),
        claim("augmentation: " + pixel, value("augmentation", pixel), "<= 1e-5"),
        claim("augmentation: " + ids, value("augmentation", ids), "<= 0"),
        claim(
            "idle share, augment_on device",
            value("training", "augment_on device", "idle share"),
            "< 0.03",
        ),
        claim("prediction: " + exported, value("prediction", exported), "<= 0"),
    ]


def main(
    *, config: str, devices: list[str], parts: list[str], minutes: float, out: Path, **amount: Any
) -> int:
    """Measures on the devices, by default all GPUs; returns 1 if a part failed, 2 without one."""
    names = tuple(devices) or tuple(
        f"GPU:{number}" for number, _ in enumerate(tf.config.list_physical_devices("GPU"))
    )
    if not names:
        print("No GPU is visible to TensorFlow; see tfseg doctor.", file=sys.stderr)
        return 2
    if all(name.startswith("CPU") for name in names):
        (cpu,) = tf.config.list_physical_devices("CPU")
        logical = [tf.config.LogicalDeviceConfiguration() for _ in names]
        tf.config.set_logical_device_configuration(cpu, logical)
    given = configs.read(configs.preset(config) if config in configs.PRESETS else config)
    given = dataclasses.replace(given, model=dataclasses.replace(given.model, channels=1))
    with tempfile.TemporaryDirectory() as folder:
        dataset = tfseg.convert(tfseg.sample.path(), f"{folder}/data", verbose=False)
        results = measured(Task(given, dataset, names, **amount), minutes, parts)
    settings = {"config": configs.flat(given), "devices": names, **amount}
    report = out / "gpu_acceptance.json"
    write(report, results, claims=claims(results), settings=settings)
    (out / "gpu_acceptance.md").write_text(page(report), encoding="utf-8")
    print(f"Please send in {out / 'gpu_acceptance.json'} and {out / 'gpu_acceptance.md'}.")
    return int(any("error" in part for part in results.values()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--config", default="gpu", help="a preset or a YAML file; batch_size is for each device")
    add("--devices", nargs="*", default=[], metavar="NAME", help="such as GPU:0 GPU:1")
    add("--steps", type=int, default=30, help="of each measurement")
    add("--parts", nargs="+", default=list(PARTS), choices=list(PARTS), help="only these")
    add("--precisions", nargs="+", default=configs.PRECISIONS, choices=configs.PRECISIONS)
    add("--factors", nargs="+", type=float, default=FACTORS, help="of the batch size")
    add("--minutes", type=float, default=10.0, help="no part begins later")
    add("--out", type=Path, default=Path("gpu_acceptance"), metavar="DIR")
    sys.exit(main(**vars(parser.parse_args())))
