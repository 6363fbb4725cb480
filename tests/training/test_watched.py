"""What a run tells those that watch it, and what it writes about itself."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import runs
import tensorflow as tf
from PIL import Image

import tfseg
from tfseg import config as configs
from tfseg import machine
from tfseg.checks import InputError
from tfseg.config import TrainConfig
from tfseg.metrics import evaluate_pairs
from tfseg.training import (
    dry_run,
    duration,
    memory,
    overfit,
    provenance,
    session,
    validation,
)
from tfseg.training.callbacks import Callback, Curves
from tfseg.training.keras_callbacks import KerasCallback
from tfseg.training.run_folder import RunFolder
from tfseg.training.tensorboard import Profile, TensorBoard

CONFIG = runs.changed(
    runs.CONFIG,
    data={"crop_size": 96},  # in smaller crops of the split val there is no instance
    train={"batch_size": 4},
    optimizer={"name": "SGD", "warmup_steps": 0},
    log={"log_every": 4, "checkpoint_every": 3, "validate_every": 2, "best": "pq"},
)
SIZE = CONFIG.data.crop_size
build = runs.builder()
Trainer = functools.partial(tfseg.Trainer, network=build)
Session = functools.partial(session.Session, network=build)
changed = functools.partial(runs.changed, CONFIG)
MINUTES = {"steps": None, "minutes": 20}


class Recorder(Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[tuple] = []

    def on_begin(self, session: session.Session) -> None:
        self.events.append(("begin", 0))

    def on_step(self, step: int) -> None:
        self.events.append(("step", step))

    def on_log(self, row: dict) -> None:
        self.events.append(("log", row["step"], dict(row)))

    def on_validation(self, row: dict) -> None:
        self.events.append(("validation", row["step"]))

    def on_checkpoint(self, path: Path, step: int) -> None:
        assert path.is_file()
        self.events.append(("checkpoint", step))

    def on_end(self) -> None:
        self.events.append(("end", 0))


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def run(dataset: tfseg.Dataset, recorder: Recorder, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("watched")
    run = folder / "run"
    callbacks = [
        recorder,
        Curves(run / "history.csv", run / "curves.png"),
        TensorBoard(run, images=2),
        Profile(run, first=2, last=3),
        keras.callbacks.CSVLogger(str(folder / "keras.csv")),
    ]
    Trainer(CONFIG, run).fit(dataset, callbacks=callbacks)
    return run


def test_callbacks_are_told_everything_in_its_order(run, recorder):
    assert [event[:2] for event in recorder.events] == [
        ("begin", 0),
        ("step", 1),
        *[("step", 2), ("validation", 2), ("log", 2)],
        *[("step", 3), ("checkpoint", 3), ("log", 3)],
        *[("step", 4), ("validation", 4), ("log", 4)],
        ("step", 5),
        *[("step", 6), ("validation", 6), ("checkpoint", 6), ("log", 6)],
        ("end", 0),
    ]


def test_a_row_tells_the_wait_for_data_and_the_parts_of_the_loss(run, recorder):
    rows = [event[2] for event in recorder.events if event[0] == "log"]
    assert all(0 < row["data_wait"] < 1 for row in rows)
    assert {"loss/foreground", "loss/center", "loss/offset"} <= rows[0].keys()


def test_the_end_is_told_after_an_error_too(dataset, tmp_path):
    class Broken(Recorder):
        def on_log(self, row: dict) -> None:
            raise RuntimeError("broken")

    broken = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        Trainer(CONFIG, tmp_path / "run").fit(dataset, callbacks=[broken])
    assert broken.events[-1] == ("end", 0)


def test_the_figures_of_a_validation_are_those_of_the_instances_found(run, dataset):
    table = pd.read_csv(run / "history.csv")
    assert table["step"].tolist() == [2, 3, 4, 6]
    assert table["val_pq"].isna().tolist() == [False, True, False, False]
    session = Session(CONFIG, dataset)
    arrays = weights(run / "checkpoints" / "last.npz")
    for variable, array in zip(session.model.variables, arrays, strict=False):
        variable.assign(array)
    pairs = []
    for images, _, weight, labels in session.validation_input():
        predicted = session.head.decode(session.model(images, training=False)).labels.numpy()
        pairs += [
            (f"{len(pairs) + index}", labels[index].numpy(), predicted[index])
            for index in np.flatnonzero(weight)
        ]
    assert len(pairs) == 2
    expected = evaluate_pairs(pairs).summary()
    for name in ("ap50", "pq", "dice", "iou"):
        assert table[f"val_{name}"].iloc[-1] == pytest.approx(expected[name], rel=1e-6)


def weights(path: Path) -> list[np.ndarray]:
    with np.load(path) as archive:
        return [archive[name] for name in sorted(set(archive.files) - {"step", "loss"})]


def test_only_the_first_images_are_validated_where_some_are_enough(dataset):
    session = Session(changed(log={"validation_images": 1}), dataset)
    assert sum(float(tf.reduce_sum(batch[2])) for batch in session.validation_input()) == 1


def test_the_best_checkpoint_is_that_of_the_chosen_figure(run):
    table = pd.read_csv(run / "history.csv")
    with np.load(run / "checkpoints" / "best.npz") as best:
        assert best["step"] == table["step"][table["val_pq"].idxmax()]


ROWS = [
    {"step": 1, "val_loss": 3.0, "val_pq": 0.1},
    {"step": 2, "val_loss": float("nan"), "val_pq": float("nan")},  # no validation
    {"step": 3, "val_loss": 2.0, "val_pq": 0.3},
    {"step": 4, "val_loss": 4.0, "val_pq": 0.3},
    {"step": 5, "val_loss": 1.0, "val_pq": 0.2},
]


def test_what_is_best_follows_from_the_rows():
    assert validation.scores(ROWS, "loss") == [3.0, 2.0, 4.0, 1.0]
    assert validation.scores(ROWS, "pq") == [-0.1, -0.3, -0.3, -0.2]
    assert [validation.since_best(ROWS, name) for name in ("loss", "pq")] == [0, 2]
    assert validation.is_best(ROWS, "loss")
    assert not validation.is_best(ROWS[:4], "pq")  # as good is not better
    assert validation.lowest_loss(ROWS) == 1.0
    assert validation.since_best([], "loss") == 0


def test_the_record_has_configuration_data_versions_command_and_every_start(
    run, dataset, tmp_path, monkeypatch
):
    content = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert configs.from_dict(content["config"]) == configs.read(run / "config.yaml")
    digest = hashlib.sha256((dataset.path / "dataset.json").read_bytes()).hexdigest()
    assert [part["sha256"] for part in content["data"]] == [digest]
    (start,) = content["starts"]
    assert start["first_step"] == 0
    assert start["versions"]["tensorflow"] == tf.__version__
    assert start["versions"].keys() >= {"tfseg", "keras", "numpy", "python"}
    assert start["devices"] and start["command"] and start["time"]

    monkeypatch.chdir(tmp_path)
    assert provenance.git_commit() is None
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "a"],
    ):
        subprocess.run(["git", *arguments], check=True)
    assert len(provenance.git_commit()) == 40
    (tmp_path / "file").write_text("one", encoding="utf-8")
    subprocess.run(["git", "add", "file"], check=True)
    assert provenance.git_commit().endswith("+")


def test_every_start_of_a_run_is_in_its_record(run, dataset, tmp_path):
    again = Path(shutil.copytree(run, tmp_path / "again"))
    Trainer(CONFIG, again).fit(dataset, resume=True)
    content = json.loads((again / "run.json").read_text(encoding="utf-8"))
    assert [start["first_step"] for start in content["starts"]] == [0, 6]


def test_the_curves_are_drawn(run):
    assert np.asarray(Image.open(run / "curves.png")).std() > 0


def events(run: Path) -> Iterator[tf.compat.v1.Event]:
    (file,) = (run / "tensorboard").glob("events*")
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        yield tf.compat.v1.Event.FromString(record)


def test_tensorboard_gets_the_graph_of_the_network(run):
    (content,) = [event.graph_def for event in events(run) if event.graph_def]
    graph = tf.compat.v1.GraphDef.FromString(content)
    scopes = {node.name.partition("/")[0] for node in graph.node if node.op == "Conv2D"}
    assert len(scopes) == 1  # the network, whose two convolutions are layers in it
    layers = {node.name.rpartition("/")[0] for node in graph.node if node.op == "Conv2D"}
    assert len(layers) == 2
    kinds = {node.op for node in graph.node}
    assert kinds >= {"Placeholder", "Conv2D", "Relu"}


def test_tensorboard_gets_figures_and_pictures(run):
    scalars, pictures = {}, {}
    for event in events(run):
        for value in event.summary.value:
            array = tf.make_ndarray(value.tensor)
            if value.metadata.plugin_data.plugin_name == "scalars":
                scalars[event.step, value.tag] = float(array)
            else:
                pictures[event.step, value.tag] = tf.io.decode_png(array[2]).shape
    table = pd.read_csv(run / "history.csv").set_index("step")
    for step in table.index:
        assert scalars[step, "loss"] == pytest.approx(table["loss"][step])
    assert scalars[6, "val_pq"] == pytest.approx(table["val_pq"][6])
    shape = (SIZE, 3 * SIZE + 2 * 4, 3)  # image, truth, prediction, and the gaps between them
    assert pictures == {
        (step, f"validation/{index}"): shape for step in (2, 4, 6) for index in (0, 1)
    }


def test_a_profile_is_there(run):
    assert list((run / "tensorboard").rglob("*.xplane.pb"))


def test_a_callback_of_keras_gets_the_rows(run):
    table = pd.read_csv(run.parent / "keras.csv")
    assert table["step"].tolist() == [2, 3, 4, 6]
    assert table["epoch"].tolist()


@pytest.mark.parametrize(
    ("callback", "instead"),
    [
        (keras.callbacks.EarlyStopping(), "train.patience"),
        (keras.callbacks.ReduceLROnPlateau(), "optimizer.schedule plateau"),
        (keras.callbacks.TerminateOnNaN(), "train.on_nonfinite"),
    ],
)
def test_a_callback_of_keras_that_steers_is_refused(callback, instead):
    with pytest.raises(InputError, match=f"{type(callback).__name__}, .* Use {instead} instead"):
        KerasCallback(callback)


@pytest.mark.parametrize(("epochs", "accumulate", "steps"), [(3, 1, 5), (3, 2, 3), (0.5, 1, 1)])
def test_epochs_are_steps_that_see_so_many_images(dataset, epochs, accumulate, steps):
    # 6 images, 4 a batch: 18 images are 4.5 steps, or 2.25 of two batches
    config = changed(train={"steps": None, "epochs": epochs, "accumulate": accumulate})
    settled = duration.with_step_count(config, dataset).train
    assert (settled.steps, settled.epochs) == (steps, 0)


def test_one_budget_is_given_and_minutes_to_one_process_alone(dataset, monkeypatch):
    with pytest.raises(InputError, match="Only one of .* got epochs 2 and minutes 3. Leave out"):
        TrainConfig(epochs=2, minutes=3)
    with pytest.raises(InputError, match="Only one of .* got steps 1000 and epochs 2. Leave out"):
        TrainConfig(steps=1000, epochs=2)
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    with pytest.raises(
        InputError, match="train.minutes must be 0 with several processes, .* got 20. Give train"
    ):
        duration.with_step_count(changed(train=MINUTES), dataset)


@pytest.fixture
def by_the_clock(monkeypatch) -> None:
    """Makes a minute as long as 60 looks at the clock."""

    def budget(minutes: float, *, warmup: int, start: float) -> duration.Budget:
        looks = itertools.count()
        return make(minutes, warmup=warmup, start=0, clock=lambda: float(next(looks)))

    make = duration.Budget
    monkeypatch.setattr(duration, "Budget", budget)


def test_minutes_become_steps_that_the_run_tells_and_keeps(dataset, tmp_path, by_the_clock):
    config = runs.changed(
        runs.CONFIG,
        train={"steps": None, "minutes": 1.0},
        optimizer={"name": "SGD", "warmup_steps": 0},
        log={"checkpoint_every": 100},
    )
    Trainer = functools.partial(tfseg.Trainer, network=runs.build)  # noqa: N806

    class Stop(Callback):
        def on_step(self, step: int) -> None:
            if step == 9:
                os.kill(os.getpid(), signal.SIGINT)

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, folder).fit(dataset, callbacks=[Stop()])
    assert configs.read(folder / "config.yaml").train.steps is None
    summary = Trainer(config, folder).fit(dataset, resume=True)
    written = configs.read(folder / "config.yaml")
    assert (written.train.steps, written.train.minutes) == (summary.steps, 0)
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert record["config"]["train"]["steps"] == summary.steps > 9
    table = pd.read_csv(folder / "history.csv")
    assert table["seconds"].is_monotonic_increasing
    assert table["seconds"].iloc[-1] == pytest.approx(60, abs=6)
    assert table["position"].is_monotonic_increasing
    assert table["position"].iloc[-1] == pytest.approx(1, abs=0.1)
    # a cosine of the position of the step before the row
    last, peak = table.iloc[-2:], config.optimizer.learning_rate
    assert last["learning_rate"].iloc[-1] < 0.1 * peak
    assert (np.diff(table["learning_rate"]) <= 0).all()
    with pytest.warns(UserWarning, match=f"1 has no effect: .* has {summary.steps} steps. Give tr"):
        again = Trainer(config, folder)._run_config(RunFolder(folder), resume=True)
    assert again.train == written.train
    # The run again, from its configuration: no clock, no stop, and the same weights to the bit
    assert Trainer(written, tmp_path / "again").fit(dataset).steps == summary.steps
    first, second = (
        dict(np.load(path / "checkpoints" / "last.npz")) for path in (folder, tmp_path / "again")
    )
    assert first.keys() == second.keys()
    for name in first.keys() - {"pending"}:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_a_trial_tells_what_a_run_will_take():
    trial = overfit.Trial(first_step=10.0, step=0.5, validation=4.0)
    # 10 + 100 * (0.5 + 4 / 20)
    assert trial.total_seconds(100, validate_every=20) == pytest.approx(80.0)
    assert trial.steps(80.5, validate_every=20) == 100


def test_a_dry_run_tells_shapes_sizes_and_times(dataset):
    result = dry_run.dry_run(CONFIG, dataset, network=build)
    assert result.images == (4, SIZE, SIZE, 1)
    assert result.maps["offset"] == (4, SIZE, SIZE, 2)
    # 3 x 3 x 1 x 6 weights, 4 x 6 of the normalisation, 3 x 3 x 6 x 4 + 4 of the last layer
    assert result.parameters == 54 + 24 + 220
    # at least the images' 6 features behind the first layer, for the backward pass
    assert result.estimated_gib * 2**30 > 4 * SIZE**2 * 6 * 4
    assert result.available_gib * 2**30 == pytest.approx(machine.usable_memory(), rel=0.01)
    assert result.measured_gib > 0.1
    assert result.steps == 6
    assert result.total_seconds > result.first_step_seconds > 0


def test_a_step_for_which_a_container_has_too_little_memory_is_said_before_it(monkeypatch):
    monkeypatch.setattr(memory.machine, "usable_memory", lambda: 3 * 2**30)
    memory.warn_of_too_little(2**30, memory.available(2))
    with pytest.warns(UserWarning, match=r"needs about 2 GiB on a device, and 1\.5 GiB are there"):
        memory.warn_of_too_little(2 * 2**30, memory.available(2))


def test_one_batch_is_learned_by_heart_or_the_check_fails(dataset):
    learns = changed(train={"steps": 100}, optimizer={"name": "AdamW", "learning_rate": 0.02})
    first, last = overfit.overfit_batch(Session(learns, dataset))
    assert last < 0.7 * first
    still = changed(optimizer={"learning_rate": 0.0})
    with pytest.raises(
        InputError, match=r"must fall to 0.7 of its first value in 60 steps .* it went from"
    ):
        overfit.overfit_batch(Session(still, dataset))


def test_a_training_shows_its_progress_unless_it_is_silent(dataset, tmp_path, capfd):
    rate = {"schedule": "constant"}
    once, twice = (changed(train={"steps": steps}, optimizer=rate) for steps in (1, 2))
    Trainer(once, tmp_path / "run").fit(dataset, verbose=False)
    assert "train" not in capfd.readouterr().err
    Trainer(twice, tmp_path / "run").fit(dataset, resume=True)
    assert "train 2/2  loss " in capfd.readouterr().err
