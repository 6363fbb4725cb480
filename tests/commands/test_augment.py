"""tfseg augment preview and tfseg augment replay."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from tfseg import Dataset, cli, config
from tfseg.data.files.images import read_image
from tfseg.data.pipeline.replay import replay

FLIPS = "--augment=[{name: HorizontalFlip}, {name: VerticalFlip}]"
ACTIONS = ("preview", "replay")
SMALL = "--data.crop_size=32"


def one_line(result):
    """Returns what follows "tfseg: error: " on the only line of standard error."""
    assert (result.code, result.out) == (2, "")
    (line,) = result.err.splitlines()
    assert line.startswith("tfseg: error: ")
    return line.removeprefix("tfseg: error: ")


def named(dataset):
    """Returns the name of a sample of the split train."""
    return next(iter(Dataset.open(dataset).samples("train")))["id"].numpy().decode()


@pytest.fixture
def pair(files):
    return [files / kind / "00.png" for kind in ("images", "labels")]


def test_preview_of_two_files_draws_a_row_for_each_transform(tfseg, pair, tmp_path):
    out = tmp_path / "preview.png"
    result = tfseg("augment", "preview", *pair, "--out", out, "--count=2", SMALL, FLIPS)
    assert result == (0, f"picture: {out}\n", "")
    picture = read_image(out)
    assert picture.shape[0] == 4 * (16 + 32 + 4)  # caption, crop and gap: image, all, two alone
    still = picture[16:48, :32]
    np.testing.assert_array_equal(picture[120:152, :32], still[:, ::-1])
    one_flip = "--augment=[{name: HorizontalFlip}]"
    command = ("augment", "preview", *pair, "--out", out, "--count=1", SMALL, one_flip)
    assert "already has preview.png. Choose" in one_line(tfseg(*command))
    np.testing.assert_array_equal(read_image(out), picture)
    assert tfseg(*command, "--overwrite").code == 0
    assert read_image(out).shape[0] < picture.shape[0]


def test_preview_of_a_sample_is_that_of_its_files(tfseg, dataset, files, tmp_path):
    name = named(dataset)
    pair = [files / kind / f"{name}.png" for kind in ("images", "labels")]
    options = ("--count=1", SMALL, "--augment=[{name: RandomGamma}]", "--out")
    for index, source in enumerate(([dataset, name], pair)):
        assert tfseg("augment", "preview", *source, *options, tmp_path / f"{index}.png").code == 0
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()


def test_preview_takes_the_policy_of_a_configuration_file(tfseg, pair, tmp_path):
    written = tmp_path / "run.yaml"
    text = "data: {crop_size: 32}\naugment: [{name: RandomGamma, gamma_limit: [50, 60]}]\n"
    written.write_text(text, encoding="utf-8")
    same = [SMALL, "--augment=[{name: RandomGamma, gamma_limit: [50, 60]}]"]
    for name, options in {"a": ["--config", written], "b": same}.items():
        out = tmp_path / f"{name}.png"
        assert tfseg("augment", "preview", *pair, "--count=1", *options, "--out", out).code == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_replay_prints_the_draw_and_writes_what_the_run_saw(tfseg, dataset, tmp_path):
    run, out, name = tmp_path / "run", tmp_path / "out", named(dataset)
    run.mkdir()
    policy = ({"name": "Rotate", "p": 1.0},)
    values = config.RunConfig(seed=3, data=config.DataConfig(crop_size=32), augment=policy)
    config.write(values, run / "config.yaml")
    result = tfseg("augment", "replay", dataset, run, name, "--epoch=2", "--out", out)
    assert (result.code, result.err) == (0, "")
    expected = replay(Dataset.open(dataset), values, name, 2)
    assert result.json == expected.draw()
    assert result.json["params"]["Rotate/1"]["on"] is True
    np.testing.assert_array_equal(tifffile.imread(out / "ids.tif"), expected.label)
    np.testing.assert_array_equal(read_image(out / "image.tif"), expected.image)
    assert read_image(out / "overlay.png").shape == (32, 32, 3)
    command = ("augment", "replay", dataset, run / "config.yaml", name, "--epoch=2", "--out", out)
    assert "out already has draw.json, image.tif, ids.tif and 1 more" in one_line(tfseg(*command))
    again = tfseg(*command, "--overwrite")
    assert again.out == result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name an action: preview, replay. See tfseg augment --help."),
        (["preveiw"], "Did you mean 'preview'? See tfseg augment --help."),
        (["preview", "a.png"], "required: which, out. See tfseg augment preview --help."),
        (["replay", "a", "b"], "required: sample_id, out. See tfseg augment replay --help."),
        (["preview", "a", "b", "--cuont=3"], "Did you mean '--count'? See tfseg augment preview"),
        (["replay", "a", "b", "c", "--count=3"], "unrecognized arguments: --count=3."),
        (["replay", "a", "b", "c", "--epoch=x"], "--epoch must be an integer; got x."),
        (["preview", "a", "b", "--out=c", "--data.crop_size=31"], "data.crop_size must be"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_use_is_one_line_with_the_rule_and_the_nearest_name(tfseg, arguments, message):
    assert message in one_line(tfseg("augment", *arguments))


def test_a_missing_file_or_sample_is_one_line(tfseg, pair, dataset, tmp_path):
    out, other = f"--out={tmp_path / 'x.png'}", tmp_path / "no.png"
    assert f"{other} does not exist" in one_line(tfseg("augment", "preview", other, pair[1], out))
    unknown = tfseg("augment", "preview", dataset, "zz", out)
    assert f"{dataset} has no sample 'zz' among the 6 of its split train" in one_line(unknown)
    missing = tfseg("augment", "replay", dataset, tmp_path, "00", out)
    assert f"{tmp_path / 'config.yaml'} cannot be read as a configuration" in one_line(missing)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--augment=[{name: Rotaet}]", "Did you mean 'Rotate'?"),
        ("--augment=[{name: ToGray}]", "ToGray needs images of 3 channels"),
        ("--count=0", "count must be a whole number in [1, 100]; got 0."),
    ],
)
def test_a_policy_that_cannot_be_applied_is_one_line(tfseg, pair, tmp_path, option, message):
    out = tmp_path / "x.png"
    assert message in one_line(tfseg("augment", "preview", *pair, "--out", out, SMALL, option))
    assert not out.exists()


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_has_help_with_purpose_example_and_a_line_for_every_option(action, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["augment", action, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert text.startswith(f"usage: tfseg augment {action} [options]")
    assert all(len(line) <= 100 for line in text.splitlines())
    assert not re.search(r"^  (--\S+)( [A-Z\[{]\S*)?\n(  --|\n|$)", text, re.MULTILINE)
    (example,) = re.findall(r"^Example: tfseg (.*)$", text, re.MULTILINE)
    module, values = cli.parse(shlex.split(example))
    assert (module.__name__, values["action"]) == ("tfseg.commands.augment", action)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_of_an_action_loads_no_tensorflow(action):
    code = (
        "import sys\n"
        "from tfseg.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "heavy = {'tensorflow', 'keras', 'numpy', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, "augment", action, "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
