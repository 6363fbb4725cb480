"""Configurations: checked when made, plain values in files, unknown names refused."""

from __future__ import annotations

import dataclasses

import pytest

from tfseg import config
from tfseg.checks import InputError
from tfseg.config import (
    DataConfig,
    DeviceConfig,
    LogConfig,
    ModelConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
)
from tfseg.networks.build import build_model
from tfseg.training import memory

UNET = {"architecture": "Unet"}
OTHER = RunConfig(
    seed=7,
    data=DataConfig(crop_size=96, foreground_share=0.25, on_corrupt="skip"),
    augment=({"name": "GaussNoise", "std_range": (0.0, 0.05), "p": 0.5},),
    model=ModelConfig(
        architecture="Unet", backbone="resnet34", decoder_filters=(8, 8, 8, 8, 8), channels=3
    ),
    train=TrainConfig(steps=9, batch_size=4),
    optimizer=OptimizerConfig(warmup_steps=3),
    devices=DeviceConfig(names=("CPU:0", "CPU:1")),
)


KERAS = RunConfig(model=ModelConfig(architecture="Keras", network='{"a": 1}'))


@pytest.mark.parametrize("value", [RunConfig(), OTHER, KERAS], ids=["default", "other", "Keras"])
def test_what_is_written_is_read_back_equal(value, tmp_path):
    config.write(value, tmp_path / "config.yaml")
    assert config.read(tmp_path / "config.yaml") == value
    assert config.from_dict(config.to_dict(value)) == value


def test_the_layers_of_a_keras_network_are_in_a_file_beside(tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    config.write(KERAS, tmp_path / "runs" / "config.yaml")
    file = tmp_path / "runs" / "config.network.json"
    assert file.read_text(encoding="utf-8") == '{"a": 1}'
    assert "network: config.network.json" in (tmp_path / "runs" / "config.yaml").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    assert ModelConfig(architecture="Keras", network="runs/config.network.json") == KERAS.model
    file.unlink()
    message = "line .*: model.network must be a file with the JSON of a Keras model; got .*config.n"
    with pytest.raises(InputError, match=message):
        config.read(tmp_path / "runs" / "config.yaml")


def test_a_file_may_hold_a_part_or_nothing(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("train:\n  steps: 30\n", encoding="utf-8")
    assert config.read(path) == RunConfig(train=TrainConfig(steps=30))
    path.write_text("", encoding="utf-8")
    assert config.read(path) == RunConfig()


def test_presets_say_the_network_and_its_optimizer():
    networks = {name: config.read(config.preset(name)) for name in config.PRESETS}
    assert networks["base"].model == ModelConfig().completed()
    assert networks["base"] == RunConfig(model=networks["base"].model)
    assert networks["large"].model == ModelConfig(architecture="Unet", backbone="resnet34")
    assert networks["small"].model.filters < networks["base"].model.filters
    assert networks["large"].optimizer == OptimizerConfig(name="AdamW")
    assert networks["small"] == RunConfig(model=networks["small"].model)
    with pytest.raises(InputError, match=r"preset must be one of large, .*; got 'larg'"):
        config.preset("larg")


def test_the_preset_for_gpus_has_channels_of_multiples_of_8_and_fits_into_16_gib():
    chosen = config.read(config.preset("gpu"))
    precision, train = chosen.devices.precision, chosen.train
    assert (precision, train.augment_on) == ("mixed_float16", "device")
    model = build_model(dataclasses.replace(chosen.model, channels=3), precision=precision)
    kernels = [weight for weight in model.trainable_weights if weight.path.endswith("kernel")]
    channels = [kernel.shape[-1] for kernel in kernels]
    assert channels[-1] == 4  # the maps
    assert all(count % 8 == 0 for count in channels[:-1])
    size = chosen.data.crop_size
    assert size % 32 == 0
    estimated = memory.estimate(model, batch_size=train.batch_size, crop_size=size)
    assert 8 * 2**30 < estimated < 12 * 2**30


def test_every_value_has_its_dotted_name():
    values = config.flat(OTHER)
    assert (values["seed"], values["train.steps"], values["data.crop_size"]) == (7, 9, 96)
    assert values["devices.names"] == ["CPU:0", "CPU:1"]
    groups = (DataConfig, ModelConfig, TrainConfig, OptimizerConfig, LogConfig, DeviceConfig)
    assert len(values) == 2 + sum(len(dataclasses.fields(group)) for group in groups)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trian": {}}, r"Unknown configuration name trian\. Did you mean 'train'\?"),
        (
            {"train": {"batch_sise": 4}},
            r"Unknown configuration name train.batch_sise\. Did you mean 'train.batch_size'\?",
        ),
        ({"batch_size": 4}, r"name batch_size\. Did you mean 'train.batch_size'\?"),
        (
            {"resume": True},
            r"name resume\. Known: seed, data, augment, model, train, optimizer, log, devices\.",
        ),
        ({"train": 3}, "train must map names to values; got 3."),
        ([1], r"The configuration must map names to values; got \[1\]."),
        ({"data": {"crop_size": 31}}, "crop_size must be a whole number in"),
        ({"data": {"crop_size": 0}}, r"data.crop_size must be a whole number in \[32, 8192\]"),
        ({"data": {"foreground_share": 1.5}}, r"data.foreground_share must be a number in \[0, 1"),
        ({"data": {"service": "grpc://a:1"}}, r"data.service must be a list, such as \[grpc://loc"),
        (
            {"data": {"service": ["a:1"]}},
            r"Each of data.service must be grpc://HOST:PORT; got 'a:1",
        ),
        ({"data": {"service": ["grpc://a:0"]}}, r"must be grpc://HOST:PORT; got 'grpc://a:0'"),
        (
            {"data": {"service": ["grpc://a:1"], "on_corrupt": "skip"}},
            "data.on_corrupt must be fail with data.service",
        ),
        ({"model": {"architecture": "Unett"}}, "model.architecture .* Did you mean 'Unet'?"),
        ({"model": {"head": "centre_offset"}}, "model.head .* Did you mean 'center_offset'?"),
        ({"model": UNET | {"decoder_filters": [8, 8]}}, r"must be 5 numbers, .*; got \(8, 8\)"),
        ({"model": UNET | {"decoder_filters": [8, 8, 8, 8, 0]}}, "decoder_filters must be a whole"),
        (
            {"model": {"filters": [8]}},
            r"model.filters must be 2 to 5 numbers, one per stage; got \(8,",
        ),
        ({"model": {"filters": [8, "8"]}}, "Each of model.filters must be a whole number"),
        (
            {"model": {"head_options": {"center_treshold": 0.3}}},
            "A name in model.head_options, .* Did you mean 'center_threshold'",
        ),
        ({"model": {"head": "boundary", "head_options": {"sigma": 1.0}}}, "got 'sigma'"),
        ({"model": {"head_options": {"loss": "dice"}}}, "must not have loss; .* Set model.loss"),
        ({"model": {"head_options": {"min_area": 2.5}}}, "model.head_options.min_area must be a w"),
        (
            {"model": {"head_options": {"center_weight": -0.5}}},
            r"model.head_options.center_weight must be a number .*; got -0\.5",
        ),
        ({"model": {"head_options": 7}}, "model.head_options must map names to values"),
        (
            {"optimizer": {"warmup_steps": 5000}},
            r"optimizer.warmup_steps must be at most 1000, .*; got 5000. Leave it out",
        ),
        ({"optimizer": {"learning_rate": -1}}, "optimizer.learning_rate must be a number"),
        ({"optimizer": {"name": "AdamV"}}, "optimizer.name must be one of .* mean 'Adam'"),
        ({"log": {"keep": 0}}, "log.keep must be a whole number in"),
        ({"log": {"best": "ap"}}, "log.best must be one of ap50, dice, iou, loss, pq; got 'ap'"),
        ({"devices": {"names": "CPU:0"}}, r"devices.names must be a list, such as \[CPU:0\]"),
        ({"devices": {"jit_compile": 1}}, "devices.jit_compile must be true or false; got 1"),
        ({"augment": "HorizontalFlip"}, r"augment must be a list, such as \[{name: Horizontal"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_with_name_rule_and_value(values, message):
    with pytest.raises(InputError, match=message):
        config.from_dict(values)


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no\.yaml cannot be read as a configuration: .*No such"):
        config.read(tmp_path / "no.yaml")
    (tmp_path / "bad.yaml").write_text("train: [", encoding="utf-8")
    with pytest.raises(InputError, match=r"bad\.yaml cannot be read as a configuration"):
        config.read(tmp_path / "bad.yaml")


def test_an_error_of_a_file_names_the_line(tmp_path):
    path = tmp_path / "run.yaml"
    for text, message in (
        ("seed: 1\ntrain:\n\tsteps: 3\n", r"not YAML, line 3: .* Indent with spaces\."),
        ("seed: 1\ntrain:\n  steps: x\n", r"line 3: train.steps must be a whole number .*'x'"),
        ("seed: 1\ntrian: {}\n", r"line 2: Unknown configuration name trian"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            config.read(path)


def test_a_number_out_of_range_is_refused_with_the_default():
    with pytest.raises(InputError, match=r"train.batch_size .*; got 0\. The default is 8\."):
        TrainConfig(batch_size=0)
    with pytest.raises(InputError, match=r"learning_rate .*; got -1\. The default is 0\.01\."):
        OptimizerConfig(learning_rate=-1)
    with pytest.raises(InputError, match=r"train.steps .*; got 0\. Leave it out\."):
        TrainConfig(steps=0)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
        + "".join(
            f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in ("ab", "bc", "cd", "de")
        ),
        "a: &a [*a]",
        "optimizer:\n  options: &o {a: *o}",
    ],
    ids=["powers of ten", "itself", "itself in a mapping"],
)
def test_aliases_cannot_multiply_values_without_end(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="more than 10000 values"):
        config.read(tmp_path / "config.yaml")
    endless: list = []
    endless.append(endless)
    with pytest.raises(InputError, match="more than 10000 values"):
        config.from_dict({"optimizer": {"options": {"a": endless}}})


@pytest.mark.parametrize(
    ("group", "name", "given", "meant"),
    [
        (OptimizerConfig, "name", "adamw", "AdamW"),
        (OptimizerConfig, "name", "sgd", "SGD"),
        (OptimizerConfig, "schedule", "Cosine", "cosine"),
        (ModelConfig, "architecture", "unet", "Unet"),
        (ModelConfig, "head", "Boundary", "boundary"),
        (LogConfig, "best", "PQ", "pq"),
        (DataConfig, "cache", "Memory", "memory"),
        (DeviceConfig, "precision", "Mixed_Float16", "mixed_float16"),
        (TrainConfig, "on_nonfinite", "SKIP", "skip"),
    ],
)
def test_names_are_taken_in_any_case(group, name, given, meant):
    assert getattr(group(**{name: given}), name) == meant


def test_every_optimizer_is_known_by_its_name_in_small_letters():
    for name in config.OPTIMIZERS:
        assert OptimizerConfig(name=name.lower()).name == name


def test_the_warm_up_is_checked_against_steps_that_are_known():
    optimizer = OptimizerConfig(warmup_steps=5000)
    assert RunConfig(train=TrainConfig(epochs=1000), optimizer=optimizer).optimizer == optimizer


def test_what_decides_about_the_batches_and_the_weights_is_not_free_on_resume():
    free = set(config.names_free_on_resume(RunConfig))
    assert free == {
        *("data.service", "data.cache"),
        *(
            "train.steps",
            "train.epochs",
            "train.minutes",
            "train.progress",
            "train.patience",
            "train.on_nonfinite",
            "train.augment_on",
        ),
        *("log.log_every", "log.checkpoint_every", "log.keep"),
        *("devices.strategy", "devices.names"),
    }
    assert free < config.flat(RunConfig()).keys()


def test_a_configuration_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        RunConfig().seed = 1


@pytest.mark.parametrize("text", ["[" * 20_000, "a: " + "{b: " * 20_000])
def test_a_file_that_is_nested_too_deep_is_refused(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match="cannot be read as a configuration: nested too deep"):
        config.read(tmp_path / "config.yaml")


@pytest.mark.parametrize(
    "values",
    [
        {"channels": 10**9},
        {"filters": (32, 10**9)},
        UNET | {"decoder_filters": (10**9,) * 5},
    ],
)
def test_more_channels_than_memory_can_hold_are_refused(values):
    with pytest.raises(InputError, match=r"must be a whole number in \[[01], 8192\]; got 10+\."):
        config.ModelConfig(**values)
