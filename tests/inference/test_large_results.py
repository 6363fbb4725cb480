"""Results of a large image are those of a small one, written in windows and from files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfseg import large_arrays
from tfseg.data.files.images import read_label
from tfseg.inference import geojson, json_stream, result_folder
from tfseg.inference.cleanup import Cleanup, fill_holes, largest_components
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import ResultFolder

LABELS = arrays(
    np.int32, st.tuples(st.integers(1, 9), st.integers(1, 8)), elements=st.integers(0, 3)
)


def in_bands(monkeypatch: pytest.MonkeyPatch, pixels: int = 1) -> None:
    """Makes every array one in a file, which is read in bands of so many pixels, or a row."""
    monkeypatch.setattr(large_arrays, "IN_MEMORY", 0)
    monkeypatch.setattr(large_arrays, "_BAND", pixels)


@settings(max_examples=60)
@given(LABELS, st.integers(1, 30))
def test_cleanup_in_bands_is_that_of_all_rows_at_once(label, pixels):
    expected = largest_components(label), fill_holes(label)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch, pixels)
        np.testing.assert_array_equal(largest_components(label), expected[0])
        np.testing.assert_array_equal(fill_holes(label), expected[1])


@settings(max_examples=30)
@given(LABELS, st.booleans(), st.integers(0, 3))
def test_all_steps_of_cleanup_together_are_the_same_in_bands(label, drop_edge, min_area):
    instances = Instances(label, np.array([0.3, 0.2, 0.1], np.float32), np.array([2, 1, 2]))
    steps = Cleanup(one_piece=True, fill_holes=True, drop_edge=drop_edge, min_area=min_area)
    expected = steps.apply(instances)
    with pytest.MonkeyPatch.context() as monkeypatch:
        in_bands(monkeypatch)
        for one, other in zip(steps.apply(instances), expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture
def image(tmp_path) -> tuple[Path, np.ndarray, Instances]:
    """An image of 150 discs, one over the seams of others, and two parts of one id."""
    generator = np.random.default_rng(5)
    y, x = np.indices((300, 210))
    label = np.zeros(y.shape, np.int32)
    for number in range(1, 151):
        top, left = generator.uniform(0, y.shape)
        label[(y - top) ** 2 + (x - left) ** 2 < generator.uniform(3, 12) ** 2] = number
    label[:3, :4] = label[-3:, -4:] = 150
    ids, rank = np.unique(label, return_inverse=True)
    count = len(ids) - 1
    scores = generator.uniform(0, 1, count).astype(np.float32)
    instances = Instances(
        rank.reshape(label.shape).astype(np.int32), scores, generator.integers(1, 3, count)
    )
    (tmp_path / "a.png").write_bytes(b"an image")
    return tmp_path / "a.png", generator.integers(0, 255, (*y.shape, 3)).astype(np.uint8), instances


def written(
    folder: Path, image: tuple[Path, np.ndarray, Instances], contents: Callable
) -> dict[str, bytes | None]:
    results = ResultFolder(folder, ["geojson", "coco", "coco_results"], ("cell", "dust"))
    results.prepare(keep=False)
    results.write(*image)
    results.finish([image[0]])
    return contents(folder)


def test_the_files_of_a_large_image_are_those_of_a_small_one(
    image, tmp_path, contents, monkeypatch
):
    small = written(tmp_path / "small", image, contents)
    in_bands(monkeypatch, 1000)
    monkeypatch.setattr(result_folder, "LARGE", 0)
    monkeypatch.setattr(geojson, "_GROUP", 900)
    path, pixels, instances = image
    on_disk = large_arrays.zeros(instances.labels.shape, np.int32, tmp_path)
    on_disk[:] = instances.labels
    large = written(
        tmp_path / "large", (path, pixels, instances._replace(labels=on_disk)), contents
    )
    np.testing.assert_array_equal(
        read_label(tmp_path / "large" / "labels" / "a.tif"), instances.labels
    )
    assert small.pop("labels/a.png") and large.pop("labels/a.tif")
    assert small == large
    assert len(small["geojson/a.geojson"]) > 10_000


def test_a_stream_of_json_is_what_json_writes(tmp_path):
    content = {"type": "ä", "images": [{"id": 1}], "none": {}, "list": [1, {"b": None}], "end": 2.5}

    def streamed() -> dict:
        return content | {"list": iter(content["list"]), "none": {}}

    json_stream.write(tmp_path / "a.json", streamed())
    expected = json.dumps(content, separators=(",", ":"))
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == expected
    for values in ([], [1], [[1], "a"]):
        json_stream.write(tmp_path / "a.json", iter(values))
        assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == values


def test_a_stream_that_ends_in_an_error_leaves_the_old_file(tmp_path):
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    (tmp_path / "a.json").write_text("[0]", encoding="utf-8")
    with pytest.raises(ValueError, match="no more"):
        json_stream.write(tmp_path / "a.json", broken())
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == "[0]"


MEMORY = """
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage

from tfseg.inference import tiles
from tfseg.inference.cleanup import Cleanup
from tfseg.inference.instances import Instances
from tfseg.inference.result_folder import ResultFolder
from tfseg.large_arrays import Windows

SIDE, FOLDER = 8192, Path(sys.argv[1])


class Discs(Windows):
    shape, dtype = (SIDE, SIDE, 3), np.dtype(np.uint8)

    def __getitem__(self, window):
        y, x = (np.arange(SIDE)[part] % 64 - 31.5 for part in window)
        return np.repeat(np.uint8(200) * (np.add.outer(y**2, x**2) < 150)[..., None], 3, axis=2)


def most():
    return next(int(l.split()[1]) for l in open("/proc/self/status") if l.startswith("VmHWM"))


def network(rows, columns):
    foreground = Discs()[rows, columns][..., :1] > 0
    return np.repeat(foreground.astype(np.float32), 4, axis=2)


def decode(maps):
    labels, count = ndimage.label(maps[..., 0])
    return Instances(labels, np.ones(count, np.float32), np.ones(count, np.int32))


before = most()
instances = tiles.predict_tiles(
    network, (SIDE, SIDE, 4), tiles.Plan(512, 94), decode=decode, folder=FOLDER
)
instances = Cleanup(one_piece=True, fill_holes=True).apply(instances)
folder = ResultFolder(FOLDER, ["geojson"])
folder.prepare(keep=False)
(FOLDER / "a.tif").write_bytes(b"an image")
folder.write(FOLDER / "a.tif", Discs(), instances)
print(folder.finish([FOLDER / "a.tif"]), (most() - before) // 1024)
"""


@pytest.mark.slow
def test_an_image_of_67_million_pixels_takes_little_more_memory_than_its_overlay(tmp_path):
    command = [sys.executable, "-W", "error", "-c", MEMORY, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    count, megabytes = map(int, result.stdout.split())
    assert count == 128 * 128
    # The ids alone take 268 MB, and the outlines of all instances together a gigabyte.
    assert megabytes < 450
