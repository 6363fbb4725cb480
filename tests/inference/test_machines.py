"""Prediction on several devices, on other machines and in an object store: the same bytes."""

from __future__ import annotations

import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

import tfseg
from tfseg import beam
from tfseg.checks import InputError
from tfseg.data.files.paths import as_path, fetch, files_in, publish
from tfseg.inference.replicas import Recipe, Replicas, network_of, save_weights

FORMATS = ("coco", "geojson")


@pytest.fixture(scope="module")
def segmenter(near_sighted) -> tfseg.Segmenter:
    return near_sighted(tile=128)


@pytest.fixture(scope="module")
def images(image, tmp_path_factory) -> Path:
    """Five images, of which two are too large for a tile, and one that cannot be read."""
    folder = tmp_path_factory.mktemp("machines") / "images"
    folder.mkdir()
    for index in range(4):
        pixels = image[index : index + (140 if index % 3 else 60), :, 0]
        Image.fromarray(np.tile(pixels, (1, 2))).save(folder / f"{index}.png")
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:99])
    return folder


@pytest.fixture(scope="module")
def expected(segmenter, images, contents) -> dict[str, bytes | None]:
    """What one device of one machine writes."""
    out = images.parent / "one"
    tfseg.predict_files(segmenter, images, out, formats=FORMATS)
    return contents(out)


@pytest.fixture
def engine(monkeypatch) -> list[list[object]]:
    """Sends the work through pickle, the last item first and each twice, as an engine may.

    Has the items of each pipeline.
    """
    pipelines = []

    def for_each(function, items, *, options):
        assert options == ["--runner=Any"]
        pipelines.append(list(items))
        for item in reversed(pipelines[-1] * 2):
            sent, received = pickle.loads(pickle.dumps((function, item)))
            sent(received)

    monkeypatch.setattr(beam, "for_each", for_each)
    return pipelines


def test_two_devices_write_the_bytes_of_one(segmenter, images, expected, tmp_path, contents):
    calls = []
    report = tfseg.predict_files(
        segmenter,
        images,
        tmp_path / "two",
        formats=FORMATS,
        devices=["CPU:1", "CPU:2"],
        on_progress=lambda *numbers: calls.append(numbers),
    )
    assert contents(tmp_path / "two") == expected
    assert [path.name for path in report.done] == [f"{index}.png" for index in range(4)]
    assert [path.name for path, _ in report.skipped] == ["cut.png"]
    assert calls == [(count, 5) for count in range(1, 6)]


def test_each_device_has_a_copy_of_the_weights(segmenter):
    replicas = Replicas.of(segmenter, ["CPU:1", "CPU:2"])
    copies = [replicas._free.get_nowait() for _ in range(2)]
    for device, network in copies:
        names = {weight.device.rpartition("device:")[2] for weight in network.weights}
        assert names == {device}


def test_an_unknown_device_and_devices_beside_a_pipeline_are_refused(segmenter, images):
    with pytest.raises(InputError, match="devices must be one of .*; got 'GPU:9'"):
        tfseg.predict_files(segmenter, images, images / "out", devices=["GPU:9"])
    assert not (images / "out").exists()
    with pytest.raises(InputError, match="devices are of this machine, and beam_options of others"):
        tfseg.predict_files(segmenter, images, images / "out", devices=["CPU:0"], beam_options=[])


def test_a_network_that_its_configuration_does_not_make_is_not_copied(segmenter):
    values = [weight.numpy() for weight in segmenter.weights]
    recipe = Recipe.of(segmenter)
    assert Recipe.of(recipe.made(values)) == recipe
    for other in ([value + 1 for value in values], values[:-1]):
        with pytest.raises(InputError, match="need a network that build_model makes"):
            recipe.made(other)


def test_a_process_loads_the_network_once(segmenter, tmp_path):
    save_weights(segmenter, tmp_path)
    first, second = (
        network_of(pickle.loads(pickle.dumps(Recipe.of(segmenter))), tmp_path) for _ in range(2)
    )
    assert first is second


def test_an_engine_writes_the_bytes_of_one_machine_and_resumes(
    segmenter, images, expected, tmp_path, contents, engine, monkeypatch
):
    monkeypatch.chdir(images.parent)
    out = tmp_path / "many"

    def predict(**options) -> tfseg.PredictReport:
        return tfseg.predict_files(
            segmenter, "images", out, formats=FORMATS, beam_options=["--runner=Any"], **options
        )

    report = predict()
    assert contents(out) == expected
    assert report.done == [Path("images") / f"{index}.png" for index in range(4)]
    assert [path.name for path, _ in report.skipped] == ["cut.png"]
    (items,) = engine
    assert len(items) == 5  # so few images are a part each, for as many workers
    assert all(path.is_absolute() for item in items for path in item.files)
    # of a killed run: results of some images, results without a digest, and its notes
    (out / "digests" / "2.txt").unlink()
    (out / "labels" / "2.tif").write_bytes(b"of other options")
    (out / "tables" / "cut.csv").write_bytes(b"of other content of the image")
    (out / "labels" / f"3.png.{'0' * 32}.partial").write_bytes(b"cut")
    (out / "beam_parts").mkdir()
    (out / "beam_parts" / "000000000.json").write_text("[")
    again = predict(resume=True)
    assert contents(out) == expected
    assert ([path.name for path in again.done], len(again.kept)) == (["2.png"], 3)


class Died(BaseException):
    """The end of a worker."""


def test_a_worker_that_was_taken_for_lost_harms_nothing(
    segmenter, images, expected, tmp_path, contents, monkeypatch
):
    def die(*_, **options):
        raise Died

    def for_each(function, items, *, options):
        items = list(items)
        for item in items:
            function(item)
        note = tmp_path / "out" / "beam_parts" / items[0].note
        text = note.read_text()
        note.unlink()
        with monkeypatch.context() as late:
            late.setattr(Replicas, "predict", die)
            with pytest.raises(Died):
                function(items[0])
        note.write_text(text)

    monkeypatch.setattr(beam, "for_each", for_each)
    tfseg.predict_files(segmenter, images, tmp_path / "out", formats=FORMATS, beam_options=[])
    assert contents(tmp_path / "out") == expected


def test_images_and_results_in_an_object_store(
    segmenter, images, expected, tmp_path, contents, engine
):
    store = as_path("ram://test_machines")
    (store / "images").mkdir(parents=True)
    for path in images.iterdir():
        publish(path, store / "images" / path.name)
    options = {"formats": FORMATS}
    for name, how in (("local", {}), ("beam", {"beam_options": ["--runner=Any"]})):
        out = store / name
        for resume in (False, True):
            report = tfseg.predict_files(
                segmenter, store / "images", out, resume=resume, **options, **how
            )
        assert len(report.kept) == 4
        assert report.skipped[0][0] == store / "images" / "cut.png"
        assert report.skipped[0][1].startswith("ram://test_machines/images/cut.png ")
        copy = tmp_path / name
        for folder in ("", "labels", "overlays", "tables", "summaries", "geojson", "digests"):
            (copy / folder).mkdir(exist_ok=True)
            for file in files_in(out / folder if folder else out):
                if file.is_file():
                    fetch(file, copy / folder / file.name)
        assert contents(copy) == expected
    tfseg.predict_files(segmenter, store / "images" / "1.png", out, overwrite=True)
    assert [file.name for file in files_in(out / "labels")] == ["1.png"]
    with pytest.raises(InputError, match="already has labels"):
        tfseg.predict_files(segmenter, store / "images", out)
    tf.io.gfile.rmtree(str(store))


def test_parquet_has_the_rows_of_the_table(segmenter, images, tmp_path, monkeypatch):
    pytest.importorskip("pyarrow", reason="needs the extra parquet, which is not installed")
    monkeypatch.setattr("tfseg.inference.parquet._ROWS", 3)  # several parts
    files = [images / "0.png", shutil.copy(images / "1.png", tmp_path / "NA.png")]
    tfseg.predict_files(segmenter, files, tmp_path / "out", formats=["parquet"])
    read = pd.read_parquet(tmp_path / "out" / "instances.parquet")
    empty = {"area_um2": [""], "diameter_um": [""]}
    path = tmp_path / "out" / "instances.csv"
    table = pd.read_csv(path, keep_default_na=False, na_values=empty)
    assert len(table) > 6 and "NA.png" in set(table["image"])
    pd.testing.assert_frame_equal(read, table, check_dtype=False, check_exact=True)


def test_parquet_without_its_library_is_refused_at_once(segmenter, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"parquet needs pyarrow, .*'tfseg\[parquet\]'"):
        tfseg.predict_files(segmenter, images, images / "out", formats=["parquet"])
    assert not (images / "out").exists()
