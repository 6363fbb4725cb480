"""What the values of a configuration do to a run, on a tiny network."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import shutil
import signal
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import runs
import tensorflow as tf
from runs import CONFIG, PLAIN, PressCtrlC, arrays
from tensorflow.python.framework import config as tf_config

import tfseg
from tfseg.checks import InputError
from tfseg.config import DataConfig, RunConfig
from tfseg.data.pipeline.batches import training_batches
from tfseg.data.pipeline.normalization import Normalization
from tfseg.networks import weights
from tfseg.networks.keras_network import Network
from tfseg.training import checkpoint, dry_run, memory, nonfinite, overfit, session, validation
from tfseg.training.strategy import make_strategy

SIZE = CONFIG.data.crop_size
Trainer = functools.partial(tfseg.Trainer, network=runs.build)
Session = functools.partial(session.Session, network=runs.build)
changed = functools.partial(runs.changed, CONFIG)


def interrupted_at_2(
    config: RunConfig,
    dataset: tfseg.Dataset,
    run: Path,
    build: Network = runs.build,
) -> None:
    def press_ctrl_c(row: dict) -> None:
        if row["step"] == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        Trainer(config, run, network=build).fit(dataset, on_log=press_ctrl_c)


def test_what_is_validated_and_kept_as_best_is_the_average(dataset, tmp_path):
    config = changed(optimizer={"ema": 0.9}, log={"checkpoint_every": 6})
    Trainer(config, tmp_path / "run").fit(dataset)
    last, best = (arrays(tmp_path / "run" / "checkpoints" / f"{n}.npz") for n in ("last", "best"))
    session = Session(config, dataset)
    names = [f"{index:05d}" for index in range(len(session.model.variables))]
    # `last` begins with the average, as `best` does, and ends with the weights themselves.
    weights = sorted(set(last) - {"step", "loss"})[-len(names) :]
    for name, trained in zip(names, weights, strict=True):
        np.testing.assert_array_equal(best[name], last[name])
        assert (last[name] != last[trained]).any()
    for variable, name in zip(session.model.variables, names, strict=True):
        variable.assign(best[name])
    sums = [session.validation_step(batch) for batch in session.validation_input()]
    loss = float(sum(part["loss"] for part in sums) / sum(part["count"] for part in sums))
    table = pd.read_csv(tmp_path / "run" / "history.csv")
    assert table["val_loss"].iloc[-1] == pytest.approx(loss, rel=1e-6)


def test_three_stops_with_average_plateau_accumulation_and_clipping_change_nothing(
    dataset, tmp_path
):
    plateau = {"schedule": "plateau", "schedule_options": {"patience": 1}}
    config = changed(
        train={"steps": 16, "accumulate": 2},
        data={"crop_size": 96},
        optimizer=plateau | {"ema": 0.9, "clip_norm": 0.5},
        log={"log_every": 4, "checkpoint_every": 16, "validate_every": 4, "best": "ap50"},
    )
    train = functools.partial(Trainer, config, network=PLAIN)
    train(tmp_path / "whole").fit(dataset)
    for stop in (6, 7, 14):  # twice in the second row, and after the plateau
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "run").fit(dataset, resume=stop > 6, callbacks=[PressCtrlC(stop)])
    left = checkpoint.pending(tmp_path / "run" / "checkpoints" / "last.npz")
    assert len(left) == 2  # of the steps 13 and 14
    train(tmp_path / "run").fit(dataset, resume=True)
    table, expected = (pd.read_csv(tmp_path / run / "history.csv") for run in ("run", "whole"))
    assert table["step"].tolist() == [4, 8, 12, 16]
    assert table["val_ap50"].tolist() == [0, 0, 0, 0]
    rates = [0.01, 0.01, 0.005, 0.0025]  # each row is written before its validation
    assert table["learning_rate"].tolist() == pytest.approx(rates)
    assert (table["gradient_norm"] > 0.5).all()
    columns = [name for name in expected.columns if name != "images_per_second"]
    pd.testing.assert_frame_equal(table[columns], expected[columns], check_exact=True)
    resumed, straight = (
        arrays(tmp_path / run / "checkpoints" / "last.npz") for run in ("run", "whole")
    )
    assert resumed.keys() == straight.keys()
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array)


@pytest.mark.filterwarnings("ignore:train.steps is 4")
def test_steps_skipped_before_a_stop_count_in_the_row_after_it(dataset, poisoned):
    config = changed(train={"on_nonfinite": "skip", "steps": 4})
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, poisoned).fit(dataset, resume=True, callbacks=[PressCtrlC(3)])
    Trainer(config, poisoned).fit(dataset, resume=True)
    assert pd.read_csv(poisoned / "history.csv")["skipped"].tolist() == [0, 2]
    assert pd.read_csv(poisoned / "nonfinite.csv")["step"].tolist() == [3, 3, 4, 4]


def test_a_run_goes_on_on_another_number_of_replicas(dataset, tmp_path):
    config = changed(
        train={"accumulate": 2}, optimizer={"name": "SGD", "learning_rate": 0.05, "ema": 0.9}
    )
    Trainer(config, tmp_path / "whole").fit(dataset)
    interrupted_at_2(config, dataset, tmp_path / "run")
    two = runs.changed(config, devices={"names": ("CPU:0", "CPU:1")})
    Trainer(two, tmp_path / "run").fit(dataset, resume=True)
    resumed, straight = (
        arrays(tmp_path / run / "checkpoints" / "last.npz") for run in ("run", "whole")
    )
    for name, array in straight.items():
        assert np.abs(resumed[name] - array).max() <= 1e-5 * max(1e-6, np.abs(array).max())


def test_a_run_stopped_before_its_first_checkpoint_begins_anew(dataset, tmp_path):
    Trainer(CONFIG, tmp_path / "whole").fit(dataset)
    half = tmp_path / "run" / "checkpoints" / "last.npz.partial"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PK")
    (tmp_path / "run" / "config.yaml.partial").write_text("seed", encoding="utf-8")
    with pytest.raises(InputError, match=r"has no checkpoint last.npz"):
        Trainer(CONFIG, tmp_path / "run").fit(dataset, resume=True)
    for name in ("config.network.json", "config.yaml"):
        shutil.copy(tmp_path / "whole" / name, tmp_path / "run")
    Trainer(CONFIG, tmp_path / "run").fit(dataset, resume=True)
    resumed, straight = (
        arrays(tmp_path / run / "checkpoints" / "last.npz") for run in ("run", "whole")
    )
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array)


def test_two_validations_without_a_better_one_end_the_run_also_after_a_stop(dataset, tmp_path):
    # Weights that stand still, and no statistics that could move: every validation is the same.
    build = runs.builder(normalized=False)
    config = changed(train={"steps": 100, "patience": 2}, optimizer={"learning_rate": 0.0})
    with pytest.raises(KeyboardInterrupt):
        Trainer(config, tmp_path / "run", network=build).fit(dataset, callbacks=[PressCtrlC(5)])
    summary = Trainer(config, tmp_path / "run", network=build).fit(dataset, resume=True)
    assert summary.steps == 6
    again = Trainer(config, tmp_path / "run", network=build).fit(dataset, resume=True)
    assert again.steps == 6


def poison(run: Path, dataset: tfseg.Dataset) -> None:
    """Makes every step after the second overflow: weights of 3e38 in the last checkpoint."""
    path = run / "checkpoints" / "last.npz"
    content = arrays(path)
    variables = Session(CONFIG, dataset).model.variables
    (index,) = (k for k, variable in enumerate(variables) if variable.shape == (3, 3, 6, 4))
    content[f"{index:05d}"][:] = np.float32(3e38)
    weights.write(path, content)


@pytest.fixture(scope="module")
def poisoned_run(dataset, tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("poisoned") / "run"
    interrupted_at_2(CONFIG, dataset, run)
    poison(run, dataset)
    return run


@pytest.fixture
def poisoned(poisoned_run, tmp_path) -> Path:
    return Path(shutil.copytree(poisoned_run, tmp_path / "run"))


def test_steps_that_are_not_finite_are_skipped_counted_and_their_samples_named(dataset, poisoned):
    summary = Trainer(changed(train={"on_nonfinite": "skip"}), poisoned).fit(dataset, resume=True)
    assert summary.steps == 6
    table = pd.read_csv(poisoned / "history.csv")
    assert table["skipped"].tolist() == [0, 2, 2]
    named = pd.read_csv(poisoned / "nonfinite.csv", dtype={"id": str})
    assert named["step"].tolist() == [3, 3, 4, 4, 5, 5, 6, 6]
    # 6 images: steps 4, 5 and 6 are the second epoch, with every one of them once.
    ids = {example["id"].numpy().decode() for example in dataset.samples("train")}
    assert sorted(named["id"][2:]) == sorted(ids)


def test_a_run_that_stops_names_the_samples_of_the_step(dataset, poisoned):
    ids = nonfinite.sample_ids(dataset, CONFIG, step=3)
    message = rf"The loss is (nan|inf) at step 3 of the samples {ids[0]}, {ids[1]} \(nonfinite.csv"
    with pytest.raises(InputError, match=message):
        Trainer(CONFIG, poisoned).fit(dataset, resume=True)
    named = pd.read_csv(poisoned / "nonfinite.csv", dtype={"id": str})
    assert named["id"].tolist()[:2] == ids


def test_the_ids_of_a_step_are_those_of_its_images(dataset):
    # Whole images, not augmented, so that each can be told from its pixels.
    config = dataclasses.replace(
        changed(train={"accumulate": 2}),
        data=DataConfig(crop_size=256, foreground_share=0.0),
        augment=(),
    )
    head = tfseg.make_head(config.model.head)
    batches = training_batches(dataset, config, head, first_step=2 * 2).take(2)
    images = np.concatenate([images for images, _ in batches])
    stored = {
        example["id"].numpy().decode(): Normalization()(example["image"]).numpy()
        for example in dataset.samples("train")
    }
    for image, name in zip(images, nonfinite.sample_ids(dataset, config, step=3), strict=True):
        np.testing.assert_allclose(image, stored[name][:256, :256], atol=1e-5)


def test_the_loss_scale_and_a_frozen_encoder_go_on_where_they_were(dataset, tmp_path):
    config = changed(
        optimizer={"freeze_encoder": 3, "encoder_learning_rate": 0.5, "weight_decay": 0.1},
        devices={"precision": "mixed_float16"},
    )
    Trainer(config, tmp_path / "whole").fit(dataset)
    interrupted_at_2(config, dataset, tmp_path / "run")
    first = np.asarray(runs.network().variables[0])
    last = tmp_path / "run" / "checkpoints" / "last.npz"
    np.testing.assert_array_equal(arrays(last)["00000"], first)
    Trainer(config, tmp_path / "run").fit(dataset, resume=True)
    resumed, straight = arrays(last), arrays(tmp_path / "whole" / "checkpoints" / "last.npz")
    assert (resumed["00000"] != first).any()
    for name, array in straight.items():
        np.testing.assert_array_equal(resumed[name], array)
    *_, scale, good_steps = (resumed[name] for name in sorted(set(resumed) - {"step", "loss"}))
    assert (float(scale), int(good_steps)) == (2.0**15, 6)
    assert pd.read_csv(tmp_path / "run" / "history.csv")["loss_scale"].tolist() == [2.0**15] * 3


@pytest.mark.exhaustive  # the test of three stops has a plateau after a stop, too
def test_a_plateau_goes_on_where_it_was(dataset, tmp_path):
    # Weights that stand still: no validation is better than the first.
    plateau = {"schedule": "plateau", "schedule_options": {"patience": 1}}
    still = {"name": "SGD", "learning_rate": 1e-30, "warmup_steps": 0}
    config = changed(data={"crop_size": 96}, optimizer=still | plateau, log={"best": "ap50"})
    interrupted_at_2(config, dataset, tmp_path / "run", PLAIN)
    Trainer(config, tmp_path / "run", network=PLAIN).fit(dataset, resume=True)
    table = pd.read_csv(tmp_path / "run" / "history.csv")
    assert table["val_ap50"].nunique() == 1
    # each row is written before its validation
    assert table["learning_rate"].to_numpy() == pytest.approx([1e-30, 1e-30, 5e-31], rel=1e-6)


def test_a_run_begins_with_the_best_weights_of_another(dataset, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(validation, "is_best", lambda rows, metric: len(rows) == 1)
        Trainer(changed(train={"steps": 4}), tmp_path / "first").fit(dataset)
    before, last = (
        arrays(tmp_path / "first" / "checkpoints" / f"{name}.npz") for name in ("best", "last")
    )
    assert (before["step"], last["step"]) == (2, 4)
    assert (before["00000"] != last["00000"]).any()
    config = changed(train={"init": str(tmp_path / "first"), "steps": 2})
    variables = Session(config, dataset).model.variables
    for index, variable in enumerate(variables):
        np.testing.assert_array_equal(np.asarray(variable), before[f"{index:05d}"])

    def wider() -> keras.Model:
        model = runs.network()
        features = model.get_layer("encoder").output
        maps = keras.layers.Conv2D(7, 3, padding="same", name="classes")(features)
        return keras.Model(model.inputs, {"foreground": maps[..., :1]})

    config = runs.changed(config, model={"head": "semantic"})
    with pytest.warns(
        UserWarning, match="with another shape than in .* start from scratch: classes/kernel"
    ):
        other = Session(config, dataset, network=runs.builder(wider)).model.variables
    np.testing.assert_array_equal(np.asarray(other[0]), before["00000"])


def test_weights_of_a_network_of_another_kind_are_refused(dataset, tmp_path):
    other = {f"{index:05d}": index for index in range(20)}
    weights.write(tmp_path / "other.npz", {"step": 1, "loss": 1.0, **other})
    with pytest.raises(InputError, match=r"other.npz belongs to another architecture: 0 of the"):
        Session(changed(train={"init": str(tmp_path / "other.npz")}), dataset)


@pytest.mark.slow
def test_a_device_without_the_memory_is_told_with_the_remedy(dataset, tmp_path):
    build = runs.builder(runs.huge)
    config = changed(devices={"names": ("CPU:0", "CPU:1")})
    message = (
        r"Out of memory: 1 crops of 32 x 32 on a device need about .* GiB \(train.batch_size is 2, "
        r"on 2 devices\)\. Use a smaller data.crop_size or model\. TensorFlow.s error: .*Unable to"
    )
    with pytest.raises(InputError, match=message):
        Trainer(config, tmp_path / "run", network=build).fit(dataset)
    with pytest.raises(InputError, match=message):
        dry_run.dry_run(config, dataset, network=build)
    with pytest.raises(InputError, match=message):
        overfit.overfit_batch(Session(config, dataset, network=build))


@pytest.mark.parametrize("compiled", [False, True])
def test_forward_and_backward_pass_are_compiled_by_xla_where_it_is_asked_for(dataset, compiled):
    made = Session(changed(devices={"jit_compile": compiled}), dataset)
    batch = next(made.training_input())
    graph = made.train_step.compiled.get_concrete_function(batch).graph.as_graph_def()
    nodes = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    assert any(node.attr["_XlaMustCompile"].b for node in nodes) == compiled
    assert np.isfinite(made.train_step(batch)["loss"])


def test_out_of_memory_among_several_workers_no_second_strategy_is_asked_for(monkeypatch):
    cluster = {"worker": ["localhost:1", "localhost:2"]}
    task = {"type": "worker", "index": 0}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))
    mirrored = make_strategy(("CPU:0", "CPU:1"), kind="mirrored")
    message = (
        r"Out of memory: 4 crops of 32 x 32 on a device need about .* on 2 devices\)\. Use "
        r"train.batch_size 4 and train.accumulate 2, or a smaller .* TensorFlow.s error: OOM when"
    )
    config = changed(train={"batch_size": 8})
    with pytest.raises(InputError, match=message), memory.explain_out_of_memory(config, mirrored):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")


def test_a_deterministic_run_asks_tensorflow_for_it(dataset):
    try:
        Session(changed(devices={"deterministic": True}), dataset)
        assert tf_config.is_op_determinism_enabled()
    finally:
        tf_config.disable_op_determinism()
