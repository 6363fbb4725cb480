"""Images with files of ids beside them: what is found, read and refused."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path, PureWindowsPath

import imagecodecs
import numpy as np
import pytest
import tifffile

from tfseg.checks import InputError
from tfseg.data.conversion.formats import cellpose
from tfseg.data.conversion.formats.base import Reading, refuse_faults
from tfseg.data.conversion.formats.detection import detect

LABEL = np.array([[0, 7, 7], [300, 0, 300]], np.uint16)


def write_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.arange(6, dtype=np.uint8).reshape(2, 3)
    if path.suffix == ".tif":
        tifffile.imwrite(path, image)
    else:
        path.write_bytes(imagecodecs.png_encode(image))


def write_ids(path, label=LABEL):
    if path.suffix == ".npy":
        # what Cellpose's GUI saves: a dictionary in an array of one object
        np.save(path, {"masks": label, "outlines": label > 0, "filename": "a.png", "ismanual": []})
    elif path.suffix == ".tif":
        tifffile.imwrite(path, label)
    else:
        path.write_bytes(imagecodecs.png_encode(label))


@pytest.mark.parametrize(
    ("image", "ids"),
    [
        ("a.tif", "a_masks.tif"),
        ("a.png", "a_cp_masks.png"),
        ("a.tif", "a_seg.npy"),
        ("a_img.png", "a_masks.png"),
        ("a_img.png", "a_img_masks.png"),
        ("a b é.png", "a b é_cp_masks.tif"),
        ("a.png", "a_mask.png"),
        ("a.tif", "a_label.tif"),
        ("a.png", "a_seg.png"),
        ("a_img.png", "a_gt.png"),
    ],
)
def test_the_names_of_cellpose_and_stardist_are_found_and_their_ids_read(tmp_path, image, ids):
    write_image(tmp_path / image)
    write_ids(tmp_path / ids)
    for other in ("a_cp_outlines.txt", "a_flows.tif", "a_rois.zip", "a_outlines.png"):
        (tmp_path / other).write_bytes(b"")
    assert detect(tmp_path) == "cellpose"
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    assert item.id == ids.rsplit("_", 1)[0].removesuffix("_cp")
    sample = cellpose.read(item, Reading())
    assert sample.label.tolist() == LABEL.tolist()
    assert sample.image[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_the_folders_train_and_test_are_the_splits(tmp_path):
    for name in ("train/b", "train/a", "test/c"):
        write_image(tmp_path / f"{name}.png")
        write_ids(tmp_path / f"{name}_masks.png")
    splits = cellpose.find(tmp_path, Reading()).splits
    assert {split: [item.id for item in items] for split, items in splits.items()} == {
        "train": ["a", "b"],
        "test": ["c"],
    }


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["a.png", "b.png", "a_masks.png"],
            r"b\.png must have ids of the same name .* there is none",
        ),
        (["a.png", "a_masks.png", "b_masks.png"], r"b_masks\.png must have an image"),
        (["a.png", "a_masks.png", "a_seg.npy"], r"a_masks\.png and \S+a_seg\.npy are ids of one"),
        (["a.png", "a_img.tif", "a_masks.png"], r"a\.png and \S+a_img\.tif are images of one name"),
        (["a_flows.tif"], r"has no images\. Expected"),
        (
            ["train/a.png", "train/a_masks.png", "b.png"],
            r"must have b\.png or split folders, not bo",
        ),
        (["a.png", "a_masks.png", "notes.txt"], r"notes\.txt is no part of the layout"),
        (["a.png", "a.tif", "a_masks.png"], r"a\.tif must differ from a\.png beyond the suffix"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(tmp_path, files, message):
    for name in files:
        if "_" in name:
            write_ids(tmp_path / name)
        else:
            write_image(tmp_path / name)
    with pytest.raises(InputError, match=message):
        refuse_faults(cellpose.find(tmp_path, Reading()).splits)


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    write_image(tmp_path / "files" / "a.png")
    np.save(tmp_path / "files" / "a_seg.npy", {"masks": Attack(tmp_path / "made")})
    with open(tmp_path / "files" / "a_seg.npy", "rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        assert b"mkdir" in pickle.dumps(Attack("x")) and b"mkdir" in file.read()
    (item,) = cellpose.find(tmp_path / "files", Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy is not what Cellpose writes \(a value "):
        cellpose.read(item, Reading())
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("path", [Path("/x/a.png"), PureWindowsPath("C:/x/a.png")])
def test_a_path_beside_the_masks_is_left_out(tmp_path, path):
    write_image(tmp_path / "a.png")
    np.save(tmp_path / "a_seg.npy", {"filename": path, "masks": LABEL})
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    assert cellpose.read(item, Reading()).label.tolist() == LABEL.tolist()


class Masks:
    """An array whose pickle is what a test wants."""

    def __init__(self, shape, dtype, content, *, state=(3, "<", None, None, None, -1, -1, 0)):
        self.shape, self.dtype, self.content, self.state = shape, dtype, content, state

    def __reduce__(self):
        make, arguments, _ = LABEL.__reduce__()
        return make, arguments, (1, self.shape, Dtype(self.dtype, self.state), False, self.content)


class Dtype:
    def __init__(self, name, state):
        self.name, self.state = name, state

    def __reduce__(self):
        return np.dtype, (self.name, False, True), self.state


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["?", "u1", "<u2", ">u2", "<i4", ">u4", "<i8", ">u8"])
def test_masks_of_every_dtype_and_order_are_read_as_numpy_reads_them(tmp_path, dtype, order):
    label = (LABEL % 251).astype(dtype, order=order)
    write_image(tmp_path / "a.png")
    write_ids(tmp_path / "a_seg.npy", label)
    stored = np.load(tmp_path / "a_seg.npy", allow_pickle=True).item()["masks"]
    assert read_only(tmp_path).label.tolist() == stored.tolist() == label.tolist()


def test_other_entries_may_be_objects_of_any_class(tmp_path):
    write_image(tmp_path / "a.png")
    others = {"filename": tmp_path, "diameter": np.float32(3), "flows": [np.zeros(3), None, [2.5]]}
    np.save(tmp_path / "a_seg.npy", {"ismanual": (True, -1, 2**40), **others, "masks": LABEL})
    assert read_only(tmp_path).label.tolist() == LABEL.tolist()


def read_only(folder):
    (item,) = cellpose.find(folder, Reading()).splits["train"]
    return cellpose.read(item, Reading())


BITS = LABEL.tobytes()


@pytest.mark.parametrize(
    "masks",
    [
        Masks((2, 3), "O8", [1, 2, 3, 4, 5, 6]),
        Masks((2, 3), "V2", BITS),
        Masks((2, 3), "u2", BITS[:-1]),
        Masks((2**40, 2**40), "u2", BITS),
        Masks((-2, -3), "u2", BITS),
        Masks((0, 3), "u2", b""),
        Masks((2, 3.0), "u2", BITS),
        Masks((1,) * 70, "u1", b"1"),
        Masks((2, 3), ["u2"], BITS),
        Masks((2, 3), "u2", BITS, state=(3, "x")),
        [[1, 2], [3, 4]],
        7,
    ],
)
def test_masks_that_are_no_array_of_numbers_are_refused(tmp_path, masks):
    write_image(tmp_path / "a.png")
    np.save(tmp_path / "a_seg.npy", {"masks": masks})
    with pytest.raises(InputError, match=r"a_seg\.npy is not what Cellpose writes"):
        read_only(tmp_path)


def test_the_size_and_flags_that_a_pickle_gives_a_dtype_are_not_set(tmp_path):
    state = (3, "<", None, None, None, 2**30, 1, 63)
    write_image(tmp_path / "a.png")
    np.save(tmp_path / "a_seg.npy", {"masks": Masks((2, 3), "u2", BITS, state=state)})
    assert read_only(tmp_path).label.tolist() == LABEL.tolist()


FUZZ = """
import resource, sys
import numpy as np
from pathlib import Path
from tfseg.checks import InputError
from tfseg.data.conversion.formats import cellpose
from tfseg.data.conversion.formats.base import Reading

folder = Path(sys.argv[1])
(item,) = cellpose.find(folder, Reading()).splits["train"]
whole = np.frombuffer(item.annotations.read_bytes(), np.uint8)
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
refused = 0
rng = np.random.default_rng(0)
file = open(item.annotations, "r+b", buffering=0)
for number in range(int(sys.argv[2])):
    data = whole.copy()
    for position in rng.integers(len(data), size=number % 3 + 1):
        data[position] = data[rng.integers(len(data))] if number % 2 else rng.integers(256)
    length = rng.integers(len(data)) if number % 10 == 0 else len(data)
    file.seek(0)
    file.write(data[:length].tobytes())
    file.truncate()
    try:
        cellpose.read(item, Reading())
    except InputError:
        refused += 1
print(refused)
"""


@pytest.mark.parametrize("count", [2000, pytest.param(10_000, marks=pytest.mark.exhaustive)])
def test_thousands_of_mutations_are_read_or_refused(tmp_path, count):
    write_image(tmp_path / "a.png")
    write_ids(tmp_path / "a_seg.npy")
    command = [sys.executable, "-c", FUZZ, str(tmp_path), str(count)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert 0.1 * count < int(result.stdout) < 0.99 * count


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"text"])
def test_a_file_that_is_no_pickle_is_refused(tmp_path, content):
    write_image(tmp_path / "a.png")
    (tmp_path / "a_seg.npy").write_bytes(content)
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy is not what Cellpose writes"):
        cellpose.read(item, Reading())


def test_masks_of_several_planes_are_refused(tmp_path):
    write_image(tmp_path / "a.png")
    write_ids(tmp_path / "a_seg.npy", np.zeros((4, 2, 3), np.uint16))
    (item,) = cellpose.find(tmp_path, Reading()).splits["train"]
    with pytest.raises(InputError, match=r"a_seg\.npy must hold one instance id per pixel"):
        cellpose.read(item, Reading())
