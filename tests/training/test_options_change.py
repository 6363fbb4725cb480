"""Every option of a run changes what it is for: batches, network, targets, updates or files."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import runs
import tensorflow as tf

import tfseg
from tfseg import config as configs
from tfseg.config import RunConfig
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.pipeline.batches import training_batches
from tfseg.heads import make_head
from tfseg.networks.build import build_model
from tfseg.training.duration import duration_of, with_step_count

CONFIG = dataclasses.replace(
    runs.changed(runs.CONFIG, optimizer={"warmup_steps": 1, "name": "SGD"}),
    model=configs.ModelConfig(filters=(4, 6), channels=1),
    augment=(),
)


class Beside(NamedTuple):
    """A value of an option, beside others of its group that it needs.

    Attributes:
        options: values of the group for both configurations.
        value: of the option in the second one.
    """

    options: dict[str, Any]
    value: Any


WATCHED = runs.changed(
    CONFIG,
    data={"crop_size": 96},  # in smaller crops of the split val there is no instance
    log={"log_every": 2, "checkpoint_every": 2, "validate_every": 2},
)
# Options of the batches, with another value. Small images: a crop of 64 shows a part of one.
BATCHES: dict[str, Any] = {
    "seed": 4,
    "data.crop_size": 48,
    "data.foreground_share": 0.0,
    "data.instance_share": 1.0,
    "data.min_visibility": 1.0,
    "data.weights": (1, 3),
    "data.balance": "balance.csv",
    "augment": ({"name": "HorizontalFlip", "p": 1.0},),
    "train.batch_size": 4,
    "model.limits": (0, 300),
    "model.min_contrast": (200, 200),
    "model.bits": Beside({"limits": (0, 255), "bits": 8}, 16),
}
NETWORK: dict[str, Any] = {
    "model.architecture": "Linknet",
    "model.filters": (4, 8),
    "model.mean": Beside({"mean": (0.4,), "std": (0.3,)}, (0.5,)),
    "model.std": Beside({"mean": (0.4,), "std": (0.3,)}, (0.5,)),
    "model.dropout": 0.5,
    "model.channels": 3,
    "model.head": "boundary",
    "model.class_names": ("cell", "nucleus"),
    "devices.precision": "mixed_bfloat16",
}
UPDATES: dict[str, Any] = {
    "train.accumulate": 2,
    "model.loss": "dice",
    "model.head_options": {"center_weight": 1.0},
    "optimizer.name": "Adam",
    "optimizer.options": {"momentum": 0.9},
    "optimizer.learning_rate": 0.02,
    "optimizer.schedule": "poly",
    "optimizer.schedule_options": {"final": 0.5},
    "optimizer.warmup_steps": 0,
    "optimizer.weight_decay": 0.1,
    "optimizer.clip_norm": 0.01,
    "optimizer.freeze_encoder": 2,
    "optimizer.encoder_learning_rate": 0.1,
    "optimizer.ema": 0.5,
}
DURATION: dict[str, Any] = {
    "train.steps": 5,
    "train.epochs": Beside({"steps": None}, 2.0),
    "train.minutes": Beside({"steps": None}, 2.0),
    "train.progress": ((0, 0.5, 4), (6, 1.0, 6)),
}
FILES: dict[str, Any] = {
    "log.log_every": 1,
    "log.checkpoint_every": 3,
    "log.keep": 1,
    "log.validate_every": 1,
    "log.validation_images": 1,
    "log.best": "dice",
}
# What changes where or in which way a training computes, but not what; and the test of it.
ELSEWHERE = {
    "data.channels": "training/test_channels.py",
    "data.pixel_size": "data/pipeline/test_scale.py",
    "data.service": "data/pipeline/test_service.py",
    "data.on_corrupt": "training/test_damaged.py",
    "data.cache": "data/pipeline/test_cache.py",
    "model.backbone": "training/test_every_option.py",
    "model.decoder_filters": "training/test_every_option.py",
    "model.network": "networks/test_keras_network.py",
    "model.encoder_weights": "networks/test_pretrained.py",
    "model.preprocessing": "networks/test_pretrained.py",
    "model.channel_names": "training/test_channels.py",
    "model.normalization": "training/test_channels.py",
    "model.class_weights": "training/test_class_weights.py",
    "train.init": "training/test_first_weights.py",
    "train.patience": "training/test_trainer_options.py",
    "train.on_nonfinite": "training/test_trainer_options.py",
    "train.augment_on": "data/pipeline/test_windows.py",
    "devices.strategy": "training/test_trainer_options.py",
    "devices.names": "training/test_trainer_options.py",
    "devices.jit_compile": "training/test_trainer_options.py",
    "devices.deterministic": "training/test_trainer_options.py",
}
# For each head with the option: values for both, and another value.
HEAD_VALUES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "separation_weight": ({}, {"separation_weight": 10.0}),
    "separation_sigma": ({"separation_weight": 10.0}, {"separation_sigma": 8.0}),
    "size_power": ({}, {"size_power": 0.5}),
    "min_area": ({}, {"min_area": 40}),
    "sigma": ({}, {"sigma": 0.4}),
    "foreground_threshold": ({}, {"foreground_threshold": 0.7}),
    "center_threshold": ({}, {"center_threshold": 0.9}),
    "center_distance": ({}, {"center_distance": 7}),
    "center_weight": ({}, {"center_weight": 1.0}),
    "offset_weight": ({}, {"offset_weight": 1.0}),
    "offset_beta": ({}, {"offset_beta": 1.0}),
    "growth": ({}, {"growth": 0}),
    "part_weights": ({}, {"part_weights": (1.0, 2.0, 3.0)}),
    "seed_threshold": ({}, {"seed_threshold": 0.9}),
    "levels": ({}, {"levels": 2}),
    "distance_weight": ({}, {"distance_weight": 1.0}),
}
HEAD_OPTIONS = [
    (head, field.name)
    for head, options in configs.HEADS.items()
    for field in dataclasses.fields(options)
]


def test_each_option_has_a_test():
    tables = (BATCHES, NETWORK, UPDATES, DURATION, FILES, ELSEWHERE)
    names = [name for table in tables for name in table]
    assert sorted(names) == sorted(configs.flat(RunConfig()))
    for name, file in ELSEWHERE.items():
        text = (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
        assert name.rpartition(".")[2] in text


def pair(name: str, value: Any, config: RunConfig = CONFIG) -> tuple[RunConfig, RunConfig]:
    """Returns a configuration, and the same with another value of an option."""
    group, _, field = name.rpartition(".")
    if not group:
        return config, dataclasses.replace(config, **{name: value})
    if isinstance(value, Beside):
        config = runs.changed(config, **{group: value.options})
        value = value.value
    return config, runs.changed(config, **{group: {field: value}})


def same(first: Any, second: Any) -> bool:
    """Returns whether two lists of arrays are equal."""
    pairs = zip(first, second, strict=False)
    return len(first) == len(second) and all(np.array_equal(*pair) for pair in pairs)


@pytest.fixture(scope="module")
def mixture(dataset, tmp_path_factory) -> tfseg.Dataset:
    """A data set twice, and in its folder a table of weights of its images."""
    folder = tmp_path_factory.mktemp("mixture")
    paths = [shutil.copytree(dataset.path, folder / name) for name in ("first", "second")]
    return Mixture.join([tfseg.Dataset.open(path) for path in paths])


def batches(config: RunConfig, dataset: tfseg.Dataset) -> list[np.ndarray]:
    stream = training_batches(dataset, config)
    return [array for batch in stream.take(2).as_numpy_iterator() for array in batch]


@pytest.fixture(scope="module")
def first_batches(mixture) -> list[np.ndarray]:
    assert same(batches(CONFIG, mixture), batches(CONFIG, mixture))
    return batches(CONFIG, mixture)


@pytest.mark.parametrize("name", BATCHES)
def test_an_option_of_the_batches_changes_them(name, mixture, first_batches, tmp_path):
    value = BATCHES[name]
    if name == "data.balance":
        value = str(tmp_path / value)
        ids = [sample["id"].decode() for sample in mixture.samples("train").as_numpy_iterator()]
        lines = [f"{one},{1 + 9 * (index == 0)}" for index, one in enumerate(sorted(set(ids)))]
        Path(value).write_text("\n".join(["id,weight", *lines]), encoding="utf-8")
    first, second = pair(name, value)
    before = first_batches if first == CONFIG else batches(first, mixture)
    assert not same(batches(second, mixture), before)


def network(config: RunConfig) -> list[np.ndarray]:
    """Returns what a network computes of an image in training, and the sizes of its weights."""
    precision = config.devices.precision
    model = build_model(config.model, seed=config.seed, pretrained=False, precision=precision)
    image = np.random.default_rng(0).uniform(size=(1, 32, 32, model.input_shape[-1]))
    outputs = model(image.astype(np.float32), training=True)
    return [*map(np.asarray, outputs.values()), *(np.array(v.shape) for v in model.variables)]


@pytest.mark.parametrize("name", NETWORK)
def test_an_option_of_the_network_changes_it(name):
    small = {"filters": ()} if name == "model.architecture" else {}
    first, second = pair(name, NETWORK[name], runs.changed(CONFIG, model=small))
    assert not same(network(second), network(first))


def for_keras(config: RunConfig) -> RunConfig:
    """Returns `config` for a Keras network, which has no filters."""
    return runs.changed(config, model={"filters": ()})


def updated(config: RunConfig, dataset: tfseg.Dataset) -> list[np.ndarray]:
    """Returns weights, optimizer and average after three steps on seeded batches."""
    run = runs.Run(dataset, for_keras(config))
    count = config.train.accumulate
    for index in range(3):
        run.step(*runs.batches(count, batch_size=4, seed=index))
    return run.state()


@pytest.fixture(scope="module")
def eager() -> Iterator[None]:
    """Runs functions without tracing them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def first_update(eager, dataset) -> list[np.ndarray]:
    assert same(updated(CONFIG, dataset), updated(CONFIG, dataset))
    return updated(CONFIG, dataset)


@pytest.mark.parametrize("name", UPDATES)
def test_an_option_of_the_updates_changes_the_weights(name, dataset, first_update, tmp_path):
    first, second = pair(name, UPDATES[name])
    before = first_update if first == CONFIG else updated(first, dataset)
    assert not same(updated(second, dataset), before)


def lengths(config: RunConfig, dataset: tfseg.Dataset) -> list[np.ndarray]:
    """Returns the steps of a training, and the positions of its schedule."""
    length = duration_of(with_step_count(config, dataset), start=0.0)
    return [np.array(length.steps), np.array([length.progress.at(step) for step in range(6)])]


@pytest.mark.parametrize("name", DURATION)
def test_an_option_of_the_duration_changes_it(name, dataset):
    first, second = pair(name, DURATION[name])
    assert not same(lengths(second, dataset), lengths(first, dataset))


def written(config: RunConfig, dataset: tfseg.Dataset, folder: Path) -> list[np.ndarray]:
    """Trains; returns the names of the checkpoints, the history, and the best weights."""
    tfseg.Trainer(for_keras(config), folder, network=runs.PLAIN).fit(dataset)
    history = pd.read_csv(folder / "history.csv").drop(columns="images_per_second")
    best = runs.arrays(folder / "checkpoints" / "best.npz")
    names = sorted(file.name for file in (folder / "checkpoints").iterdir())
    return [np.array(names), history.fillna(-1.0).to_numpy(), *best.values()]


@pytest.fixture(scope="module")
def first_run(eager, dataset, tmp_path_factory) -> list[np.ndarray]:
    return written(WATCHED, dataset, tmp_path_factory.mktemp("first") / "run")


@pytest.mark.filterwarnings("ignore:Even though the .* does not apply to tf.data functions")
@pytest.mark.parametrize("name", FILES)
def test_an_option_of_the_log_changes_the_files(name, dataset, first_run, tmp_path):
    _, second = pair(name, FILES[name], WATCHED)
    assert not same(written(second, dataset, tmp_path / "run"), first_run)


def head_results(name: str, options: dict[str, Any]) -> list[np.ndarray]:
    """Returns targets, losses, their weights, and instances of seeded maps."""
    head = make_head(name, **options)
    ids = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((8, 8)))  # touching squares
    labels = np.stack([ids * (ids % 3 > 0), np.pad(ids[4:-4, 4:-4], 4)]).astype(np.int32)
    targets = head.targets(tf.constant(labels))
    rng = np.random.default_rng(0)
    outputs = {
        output: tf.image.resize(rng.normal(0, 3, (2, 8, 8, channels)), (32, 32), "bicubic")
        for output, channels in head.outputs.items()
    }
    losses = [loss(targets[output], outputs[output]) for output, loss in head.losses().items()]
    decoded = head.decode(outputs)
    tensors = (*targets.values(), *losses, decoded.labels, decoded.scores)
    return [*map(np.asarray, tensors), np.array(list(head.loss_weights.values()))]


@pytest.mark.parametrize(("head", "option"), HEAD_OPTIONS)
def test_an_option_of_a_head_changes_targets_losses_or_instances(head, option):
    first, second = HEAD_VALUES[option]
    assert not same(head_results(head, first), head_results(head, first | second))
