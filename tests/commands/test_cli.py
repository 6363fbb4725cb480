"""Help, version, exit codes and messages of the command line."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shlex
import signal
import subprocess
import sys
import warnings

import pytest

import tfseg as package
from tfseg import cli
from tfseg.checks import InputError
from tfseg.commands import COMMANDS, GROUPS, check, train
from tfseg.training.interrupt import Terminated

HEAVY = {"tensorflow", "keras", "numpy", "pandas", "scipy", "skimage", "matplotlib", "rich"}


def one_line(result):
    """Returns the message on the only line of standard error, without "tfseg: error: "."""
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("tfseg: error: ")
    return line.removeprefix("tfseg: error: ")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "--help"]])
def test_help_and_version_load_no_heavy_library(arguments):
    code = (
        "import sys\n"
        "from tfseg.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"heavy = {HEAVY!r} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout


def test_the_module_runs_as_the_command():
    result = subprocess.run(
        [sys.executable, "-m", "tfseg", "--version"], capture_output=True, text=True, check=True
    )
    assert result.stdout == f"tfseg {package.__version__}\n"


def test_bad_use_ends_the_process_with_code_2_and_one_line():
    result = subprocess.run(
        [sys.executable, "-m", "tfseg", "trian"], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 1
    assert "Did you mean 'train'?" in result.stderr


@pytest.mark.parametrize("length", [1, 100_000])  # within the buffer of the stream, and beyond it
@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_reader_that_is_gone_ends_the_command_without_a_word(options, length):
    reading, writing = os.pipe()
    os.close(reading)  # as `head` does when it has its lines
    code = (
        "import sys\n"
        "from tfseg.cli import main\n"
        "from tfseg.commands import check\n"
        "check.uses_tensorflow = lambda values: False\n"
        f"check.run = lambda **_: print('x' * {length})\n"
        "sys.exit(main(['check', 'data']))\n"
    )
    command = [sys.executable, *options, "-c", code]
    result = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, b"")


def test_the_log_level_that_the_user_chose_is_kept(tfseg, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    tfseg("nonsense")
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_purpose_example_and_a_line_for_every_option(name, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert text.startswith(f"usage: tfseg {name} [options]")
    assert f"Example: tfseg {name} " in text
    assert all(len(line) <= 100 for line in text.splitlines())
    # An option without help is a line that is followed by the next option.
    assert not re.search(r"^  (--\S+)( [A-Z\[{]\S*)?\n(  --|\n|$)", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_every_command_is_valid(name, capsys):
    with pytest.raises(SystemExit):
        cli.main([name, "--help"])
    (example,) = re.findall(r"^Example: tfseg (.*)$", capsys.readouterr().out, re.MULTILINE)
    module, values = cli.parse(shlex.split(example))
    assert module.__name__ == f"tfseg.commands.{name.replace('-', '_')}"
    assert values


def test_the_help_shows_units_and_defaults(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--data.help"])
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "side of the square training crop, pixels; multiples of 32 need no padding. (default: 128)"
        in text
    )
    with pytest.raises(SystemExit):
        cli.main(["train", "--help-all"])
    assert "all augmentation. (default: 0)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("group", ["data", "model", "train", "optimizer", "log", "devices"])
def test_every_group_of_values_is_named_in_the_help_and_has_a_page(group, capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "--help-all"])
    listed = re.sub(r"\s+", "", capsys.readouterr().out)
    with pytest.raises(SystemExit) as end:
        cli.main(["train", f"--{group}.help"])
    page = capsys.readouterr().out
    assert end.value.code == 0
    names = [field.name for field in dataclasses.fields(getattr(package.RunConfig(), group))]
    assert listed.count(f"--{group}.help") == 1 and ",".join(names) in listed
    assert re.findall(rf"^  --{group}\.(\w+)", page, re.MULTILINE) == names
    assert not re.search(r"^  (--\S+)( [A-Z\[{]\S*)?\n(  --|\n|$)", page, re.MULTILINE)


def test_the_help_of_train_has_ten_options_and_help_all_has_every_one(capsys):
    pages = []
    for option in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as end:
            cli.main(["train", option])
        assert end.value.code == 0
        pages.append(capsys.readouterr().out)
    short, full = (re.findall(r"^  (?:-\w, )?(--[\w.-]+)", page, re.MULTILINE) for page in pages)
    assert tuple(short) == (*train.ESSENTIAL, "--help", "--help-all") and len(short) == 12
    assert {"DATA", "RUN_DIR"} <= set(pages[0].split())
    assert len(pages[0].splitlines()) < 70 < len(pages[1].splitlines())
    for option in ("--launch", "--profile", "--plugins", "--seed", "--optimizer.help"):
        assert option in full and option not in short


def test_no_command_at_all_lists_the_commands(tfseg):
    line = one_line(tfseg())
    assert line.startswith("name a command: demo, doctor, completion, convert, check,")
    assert line.endswith("Usage: tfseg COMMAND [options]. See tfseg --help.")


def test_the_help_lists_every_command_once_in_its_group(capsys):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    listed = re.findall(r"^(\w.*):$|^  (\w[\w-]*)  ", text, re.MULTILINE)
    assert [group or name for group, name in listed] == [
        *(word for group, names in GROUPS.items() for word in (group, *names)),
        "options",
    ]


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["tfseg", "tr"], "train"),
        (["tfseg", "train", "--optimizer.le"], "--optimizer.learning_rate"),
        (["tfseg", "evaluate", "--edge_instances", "ign"], "ignore"),
    ],
)
def test_the_script_for_bash_completes(words, completed, tfseg, tmp_path):
    result = tfseg("completion", "bash")
    assert (result.code, result.err) == (0, "")
    script = tmp_path / "completion.bash"
    script.write_text(
        f"{result.out}\nCOMP_WORDS=({shlex.join(words)}); COMP_CWORD={len(words) - 1}\n"
        '_shtab_tfseg\necho "${COMPREPLY[@]}"\n',
        encoding="utf-8",
    )
    printed = subprocess.run(["bash", script], capture_output=True, check=True, text=True)
    assert printed.stdout.split() == [completed]


def test_the_script_for_zsh_names_every_command(tfseg):
    result = tfseg("completion", "zsh")
    assert result.out.startswith("#compdef tfseg\n")
    assert all(f'"{name}:' in result.out or f"{name})" in result.out for name in COMMANDS)


@pytest.mark.parametrize("command", [[], ["tune"]])
def test_help_as_a_command_is_the_option(command, capsys):
    texts = []
    for arguments in (["help", *command], [*command, "--help"]):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("usage: tfseg ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predct"], "Did you mean 'predict'?"),
        (["help", "trian"], "Did you mean 'train'?"),
        (["convert", "a", "b", "--val_fracton", "0.1"], "Did you mean '--val_fraction'?"),
        (["convert", "a", "b", "--seed", "x"], "--seed must be an integer; got x."),
        (["convert", "a", "b", "--format", "label_map"], "Did you mean 'label_maps'?"),
        (["train", "a", "b", "--train.batch_sise=4"], "Did you mean '--train.batch_size'?"),
        (["train", "a", "b", "--train.ema=0.9"], "Did you mean '--optimizer.ema'?"),
        (["train", "a", "b", "--learning_rate=1"], "Did you mean '--optimizer.learning_rate'?"),
        (["train", "a", "b", "--train.steps", "3.5"], "--train.steps must be an integer; got 3.5."),
        (["train", "a", "b", "--devices.names", "CPU:0"], "must be a list, such as [a,b]"),
        (["train", "a", "b", "--train.batch_size", "0"], "train.batch_size must be"),
        (["evaluate", "--thresholds", "x"], "--thresholds must be a list, such as [a,b]; got x."),
        (["train", "a", "b", "--model.architecture", "Unett"], "Did you mean 'Unet'?"),
        (["train", "a"], "required: run_dir. See tfseg train --help."),
        (["predict", "run", "a.png"], "required: out. See tfseg predict --help."),
        (["check", "a", "b"], "unrecognized arguments: b. See tfseg check --help."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_use_is_one_line_with_the_rule_and_the_nearest_name(tfseg, arguments, message):
    assert message in one_line(tfseg(*arguments))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian: {steps: 4}", "name trian. Did you mean 'train'?"),
        ("train: {batch_sise: 4}", "train.batch_sise. Did you mean 'train.batch_size'?"),
        ("train: {log_every: 4}", "train.log_every. Did you mean 'log.log_every'?"),
        ("resume: true", "Unknown configuration name resume. Known: "),
        ("train: {steps: x}", "--train.steps must be an integer; got x."),
        ("train: 3", "train must map names to values; got 3."),
        ("- 3", "The configuration must map names to values; got [3]."),
        ("", "The configuration must map names to values; got None."),
        ("train: [", "not YAML, line 1:"),
    ],
)
def test_a_bad_configuration_file_is_named_with_what_is_wrong(tfseg, tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    line = one_line(tfseg("train", "data", "run", "--config", path))
    assert line.startswith(f"--config {path}: ")
    assert message in line


def test_a_missing_configuration_file_is_named(tfseg, tmp_path):
    line = one_line(tfseg("bench", "data", "--config", tmp_path / "no.yaml"))
    assert line == f"--config {tmp_path / 'no.yaml'}: No such file or directory. Check the path."


def test_options_override_the_configuration_file_and_the_rest_keeps_its_default(tmp_path):
    path = tmp_path / "run.yaml"
    text = "seed: 5\ntrain: {batch_size: 4}\noptimizer: {learning_rate: 1e-3}\n"
    path.write_text(text, encoding="utf-8")
    _, values = cli.parse(
        ["train", "data", "run", "--config", str(path), "--train.batch_size", "16"]
    )
    config, default = values["config"], package.RunConfig()
    assert (config.seed, config.train.batch_size) == (5, 16)
    assert config.optimizer.learning_rate == 1e-3
    assert config.train.steps == default.train.steps
    assert (config.data, config.model, config.augment) == (
        default.data,
        default.model,
        default.augment,
    )


def test_a_preset_stands_for_its_file_unless_a_file_has_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "data", "run", "--config", "large", "--model.dropout", "0.1"]
    _, values = cli.parse(arguments)
    model = values["config"].model
    assert (model.architecture, model.backbone, model.dropout) == ("Unet", "resnet34", 0.1)
    (tmp_path / "large").write_text("model: {filters: [8, 16]}", encoding="utf-8")
    _, values = cli.parse(arguments)
    assert (values["config"].model.architecture, values["config"].model.dropout) == ("Compact", 0.1)


def test_the_configuration_written_beside_a_run_can_be_read_again(tmp_path):
    path = tmp_path / "config.yaml"
    config = package.RunConfig(seed=3, augment=({"name": "GaussNoise", "p": 0.5},))
    package.config.write(config, path)
    _, values = cli.parse(["train", "data", "run", "--config", str(path)])
    assert values["config"] == config


def raising(error):
    def run(**_):
        raise error

    return run


def test_bad_input_is_one_line_even_if_its_message_has_more(tfseg, monkeypatch):
    monkeypatch.setattr(check, "run", raising(InputError("first\nsecond")))
    assert one_line(tfseg("check", "data")) == "first second"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_refuses_is_one_line_with_the_path_and_a_remedy(tfseg, monkeypatch, number):
    error = OSError(number, os.strerror(number), "/some/file")
    monkeypatch.setattr(check, "run", raising(error))
    line = one_line(tfseg("check", "data"))
    assert line.startswith(f"/some/file: {os.strerror(number)}. ")
    assert line.endswith(("path.", "writable."))


@pytest.mark.filterwarnings("default")
def test_a_warning_is_one_line_without_its_position_in_the_code(tfseg, monkeypatch):
    def run(**_):
        warnings.warn("first\nsecond", stacklevel=1)
        return 0

    monkeypatch.setattr(check, "run", run)
    assert tfseg("check", "data") == (0, "", "tfseg: warning: first second\n")


def test_a_defect_keeps_its_traceback(tfseg, monkeypatch):
    monkeypatch.setattr(check, "run", raising(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        tfseg("check", "data")


@pytest.mark.parametrize(("kind", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupt_is_one_line_and_the_code_of_its_signal(tfseg, monkeypatch, kind, code):
    monkeypatch.setattr(check, "run", raising(kind()))
    assert tfseg("check", "data") == (code, "", "tfseg: interrupted\n")


def test_a_configuration_that_is_nested_too_deep_is_one_line(tfseg, tmp_path):
    (tmp_path / "deep.yaml").write_text("[" * 20_000)
    message = one_line(tfseg("train", "a", "b", "--config", tmp_path / "deep.yaml"))
    assert message.startswith(f"--config {tmp_path / 'deep.yaml'}: nested too deep.")
