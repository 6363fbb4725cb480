"""The exported SavedModel predicts the same as `predict`; export overwrites no other files."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg.checks import InputError

READ = """
import sys
import numpy as np, tensorflow as tf
exported = tf.saved_model.load(sys.argv[1])
result = exported(tf.constant(np.load(sys.argv[2])))
np.savez(sys.argv[3], **{name: value.numpy() for name, value in result.items()})
loaded = {name for name in sys.modules if name.split(".")[0] in ("tfseg", "segmentation_models")}
assert not loaded, loaded
"""


@pytest.fixture(scope="module")
def exported(segmenter, tmp_path_factory):
    return tfseg.export(segmenter, tmp_path_factory.mktemp("export") / "model")


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


def test_a_process_without_tfseg_finds_the_same_instances(segmenter, exported, image, tmp_path):
    np.save(tmp_path / "images.npy", image[None])
    arguments = [str(exported), str(tmp_path / "images.npy"), str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, "-c", READ, *arguments], check=True, capture_output=True)
    expected = segmenter.predict(image)
    with np.load(tmp_path / "out.npz") as result:
        np.testing.assert_array_equal(result["labels"][0], expected.labels)
        np.testing.assert_allclose(result["scores"][0], expected.scores, rtol=1e-4)
        assert result["labels"].dtype == np.int32


@pytest.mark.parametrize(
    ("signature", "dtype"),
    [("serving_default", tf.uint8), ("uint16", tf.uint16), ("float", tf.float32)],
)
@pytest.mark.parametrize("height", [64, 77])
def test_every_signature_takes_any_size(segmenter, loaded, image, signature, dtype, height):
    function = loaded.signatures[signature]
    predicted = function(images=tf.cast(image[None, :height], dtype))
    expected = segmenter.predict(image[:height])
    np.testing.assert_array_equal(predicted["labels"][0], expected.labels)
    np.testing.assert_allclose(predicted["scores"][0], expected.scores, rtol=1e-4)


@pytest.mark.parametrize("shape", [(0, 40, 40, 1), (2, 0, 40, 1)])
def test_nothing_to_predict_is_refused_in_a_line(loaded, shape):
    message = r"images must be \[B, H, W, C\] without a 0; got.*Leave out empty images"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        loaded(tf.zeros(shape, tf.uint8))


def test_images_of_float16_are_refused_and_lose_nothing_as_float32(segmenter, loaded, image):
    high = (image[:64].astype(np.uint16) * 64).astype(np.float16)
    expected = segmenter.predict(high)
    with pytest.raises(ValueError, match=r"dtype=tf\.uint8(?s:.*)dtype=tf\.float32"):
        loaded(tf.constant(high[None]))
    predicted = loaded(tf.constant(high[None], tf.float32))
    np.testing.assert_array_equal(predicted["labels"][0], expected.labels)
    assert len(expected.scores) > 3


def test_inputs_and_outputs_are_described_in_the_model(loaded):
    content = json.loads(loaded.metadata().numpy())
    assert content["tfseg_version"] == tfseg.__version__
    assert (content["channels"], content["class_names"]) == (1, ["nucleus"])
    assert set(content["units"]) == {"images", "labels", "scores", "classes"}
    assert content["head"] == "center_offset"
    # The options that `tune` may have chosen, and all others
    expected = dataclasses.asdict(tfseg.make_head("center_offset", min_area=5))
    assert content["head_options"] == expected


def test_the_command_of_tensorflow_runs_it(segmenter, exported, image, tmp_path):
    np.save(tmp_path / "images.npy", image[None])
    command = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", "run"]
    options = ["--dir", exported, "--tag_set", "serve", "--signature_def", "serving_default"]
    files = ["--inputs", f"images={tmp_path / 'images.npy'}", "--outdir", tmp_path]
    subprocess.run([*command, *options, *files], check=True, capture_output=True)
    expected = segmenter.predict(image)
    np.testing.assert_array_equal(np.load(tmp_path / "labels.npy")[0], expected.labels)
    np.testing.assert_allclose(np.load(tmp_path / "scores.npy")[0], expected.scores, rtol=1e-4)
    np.testing.assert_array_equal(np.load(tmp_path / "classes.npy")[0], expected.classes)


def test_a_folder_with_other_files_is_refused(segmenter, tmp_path):
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="contains other files and no SavedModel"):
        tfseg.export(segmenter, tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_earlier_model_is_replaced_only_when_asked(segmenter, exported):
    before = (exported / "saved_model.pb").stat().st_ino
    with pytest.raises(InputError, match=r"already has a SavedModel\. .*--overwrite"):
        tfseg.export(segmenter, exported)
    assert (exported / "saved_model.pb").stat().st_ino == before
    tfseg.export(segmenter, exported, overwrite=True)
    assert (exported / "saved_model.pb").stat().st_ino != before
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]


@pytest.mark.parametrize("name", ["notes.txt", "variables/notes.txt", "assets/words.txt"])
def test_other_files_beside_a_model_are_never_removed(segmenter, model, contents, name):
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("mine", encoding="utf-8")
    before = contents(model.parent)
    message = rf"model has other files beside the SavedModel: {name}\. Move them away, or choose"
    with pytest.raises(InputError, match=message):
        tfseg.export(segmenter, model, overwrite=True)
    assert contents(model.parent) == before


@pytest.mark.parametrize("suffix", [".partial", ".replaced"])
@pytest.mark.parametrize("what", ["file", "folder", "link"])
def test_what_somebody_else_put_beside_the_destination_is_kept_and_refused(
    segmenter, model, contents, suffix, what
):
    beside = model.with_name(f"model{suffix}")
    if what == "file":
        beside.write_text("mine", encoding="utf-8")
    elif what == "folder":
        (beside / "variables").mkdir(parents=True)
        (beside / "variables" / "thesis.txt").write_text("mine", encoding="utf-8")
    else:
        (model.parent / "elsewhere").mkdir()
        beside.symlink_to(model.parent / "elsewhere")
    before = contents(model.parent)
    message = rf"model\{suffix} must be free while the model is written; it has other files\. Move"
    with pytest.raises(InputError, match=message):
        tfseg.export(segmenter, model, overwrite=True)
    assert contents(model.parent) == before


@pytest.fixture
def model(tmp_path):
    """A folder with the names of a SavedModel."""
    return fill(tmp_path / "model", "old")


def fill(folder, text):
    (folder / "variables").mkdir(parents=True)
    (folder / "assets").mkdir()
    names = ["saved_model.pb", "fingerprint.pb", "variables/variables.index"]
    for name in [*names, "variables/variables.data-00000-of-00001"]:
        (folder / name).write_text(text, encoding="utf-8")
    return folder


KILLED = """
import os, sys
from pathlib import Path
from tfseg import atomic
calls = 0
def killed_at(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os._exit(9)
        return function(*arguments, **options)
    return call
for name in ("rename", "unlink", "rmdir"):
    setattr(os, name, killed_at(getattr(os, name)))
path = Path(sys.argv[1])
atomic.replace_folder(path, Path(f"{path}.partial"), Path(f"{path}.replaced"))
"""


def test_a_kill_at_any_moment_leaves_a_whole_model_and_the_next_export_cleans_up(
    near_sighted, tmp_path, contents
):
    expected = {text: contents(fill(tmp_path / text, text)) for text in ("old", "new")}
    killed = 0
    while True:
        folder = tmp_path / str(killed)
        fill(folder / "model", "old")
        fill(folder / "model.partial", "new")
        command = [sys.executable, "-c", KILLED, str(folder / "model"), str(killed + 1)]
        if subprocess.run(command, check=False).returncode != 9:
            break
        killed += 1
        path = next(
            folder / name for name in ("model", "model.replaced") if (folder / name).exists()
        )
        assert contents(path) in expected.values()
    assert killed == 2 + 7  # two renames, and the old files and folders one by one
    assert contents(folder / "model") == expected["new"]
    for number in (0, 1, 4):
        tfseg.export(near_sighted(), tmp_path / str(number) / "model", overwrite=True)
        assert [path.name for path in (tmp_path / str(number)).iterdir()] == ["model"]


def test_the_present_folder_is_refused_where_it_has_files(near_sighted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"\. contains other files and no SavedModel"):
        tfseg.export(near_sighted(), ".")
    (tmp_path / "mine.txt").unlink()
    tfseg.export(near_sighted(), ".")
    assert (tmp_path / "saved_model.pb").is_file()


def test_a_destination_that_is_a_file_is_refused(segmenter, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="must be a folder; it is a file"):
        tfseg.export(segmenter, tmp_path / "file")


def test_a_destination_that_cannot_be_written_leaves_nothing(segmenter, tmp_path):
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        tfseg.export(segmenter, tmp_path / "taken" / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
