"""Malicious files: one clear error for each, nothing written, little memory."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from sources import RING

from tfseg import InputError, convert
from tfseg.data.files.images import read_image, read_label


def huge_png() -> bytes:
    """Returns a valid PNG file of a few bytes with 100,000 x 100,000 pixels in its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def huge_palette_png() -> bytes:
    data = huge_png()
    header = data[16:25] + b"\x03" + data[26:29]
    return data[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + data[33:]


def huge_tiff(path: Path) -> bytes:
    tifffile.imwrite(path, np.zeros((4, 6), np.uint8), metadata=None)
    data = bytearray(path.read_bytes())
    for tag in (256, 257):  # width and height, as 16 or 32 bit
        at = data.index(struct.pack("<H", tag))
        data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 100_000)
    return bytes(data)


def huge_jpeg(path: Path) -> bytes:
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(path, "JPEG")
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    return bytes(data)


def huge_npy(path: Path) -> bytes:
    np.save(path, np.zeros((4, 6), np.uint8))
    return path.read_bytes().replace(b"(4, 6), }        ", b"(99999, 99999), }")


HUGE = {
    "a.png": lambda path: huge_png(),
    "b.png": lambda path: huge_palette_png(),
    "a.tif": huge_tiff,
    "a.jpg": huge_jpeg,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_header_of_a_gigantic_picture_is_refused_before_memory_is_taken(tmp_path, name):
    data = HUGE[name](tmp_path / name)
    (tmp_path / name).write_bytes(data)
    message = (
        rf"{name} must (take at most 800 MB of memory, .*; its header says \d+ x \d+ .*TIFF in "
        "tiles"
        r"|hold the pixels of its header, \d+ x \d+ .*; it has only \d+ bytes)"
    )
    with pytest.raises(InputError, match=message):
        read_image(tmp_path / name)
    with pytest.raises(InputError, match=rf"{message}|must be PNG, TIFF or npy; got JPEG"):
        read_label(tmp_path / name)


@pytest.mark.parametrize("options", [{"photometric": "rgb"}, {"photometric": "minisblack"}])
def test_a_picture_of_few_bytes_that_would_take_gigabytes_is_refused(tmp_path, options):
    channels = (4,) if options["photometric"] == "rgb" else ()
    plane = np.broadcast_to(np.zeros(1, np.float64), (64, 64, *channels))
    tifffile.imwrite(tmp_path / "a.tif", plane, metadata=None, **options)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    for tag in (256, 257):  # width and height
        at = data.index(struct.pack("<H", tag))
        data[at + 2 : at + 12] = struct.pack("<HII", 4, 1, 9_999)
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.tif must have all tiles or strips of its header"):
        read_image(tmp_path / "a.tif")


def test_an_array_shorter_than_its_header_says_is_refused(tmp_path):
    data = huge_npy(tmp_path / "a.npy")
    assert b"99999" in data
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.npy is damaged .*mmap length is greater"):
        read_label(tmp_path / "a.npy")


def write_coco(folder: Path, name: str, segmentation: object, **image: object) -> Path:
    content = {
        "images": [{"id": 1, "file_name": name, "height": 4, "width": 6} | image],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation}],
        "categories": [{"id": 1, "name": "cell"}],
    }
    folder.mkdir(parents=True)
    (folder / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    (folder / "b c é.png").write_bytes(imagecodecs.png_encode(np.zeros((4, 6), np.uint8)))
    return folder


def spoil_traversal(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    (folder.parent / "outside.png").write_bytes(imagecodecs.png_encode(np.zeros((4, 6), np.uint8)))
    write_coco(folder, "../outside.png", [RING])


def spoil_absolute(folder: Path) -> None:
    write_coco(folder, "/etc/hostname", [RING])


def spoil_header(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    (folder / "b c é.png").write_bytes(huge_png())


def spoil_stated_size(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING], height=100_000, width=100_000)


def spoil_runs(folder: Path) -> None:
    write_coco(folder, "b c é.png", {"size": [4, 6], "counts": [2**32 - 1] * 1000})


def spoil_compressed_runs(folder: Path) -> None:
    write_coco(folder, "b c é.png", {"size": [4, 6], "counts": "oooooooooo?" * 1000})


def spoil_coordinates(folder: Path) -> None:
    write_coco(folder, "b c é.png", [[0, 0, float("nan"), 0, 2, 4]])


def spoil_far_coordinates(folder: Path) -> None:
    write_coco(folder, "b c é.png", [[0, 0, 1e300, 0, 2, 4]])


def spoil_class_name(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    text = (folder / "annotations.json").read_text(encoding="utf-8")
    (folder / "annotations.json").write_text(text.replace('"cell"', '"\\ud800"'), encoding="utf-8")


def spoil_file_name(folder: Path) -> None:
    write_coco(folder, "\ud800.png", [RING])


def spoil_shape(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    (folder / "annotations.json").write_text('{"images": {}, "annotations": []}')


def spoil_depth(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    (folder / "annotations.json").write_text('{"images":' * 100_000)


def spoil_json(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    (folder / "annotations.json").write_bytes(b"")


def spoil_image(folder: Path) -> None:
    write_coco(folder, "b c é.png", [RING])
    (folder / "b c é.png").write_bytes(b"")


SPOILED = [value for name, value in sorted(globals().items()) if name.startswith("spoil_")]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_every_hostile_source_is_one_error_of_one_line_and_leaves_nothing(
    tmp_path, contents, spoil
):
    spoil(tmp_path / "in" / "a ä")
    before = contents(tmp_path)
    with pytest.raises(InputError) as caught:
        convert(tmp_path / "in" / "a ä", tmp_path / "data")
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


def test_names_with_spaces_and_letters_of_all_kinds_are_converted(tmp_path):
    write_coco(tmp_path / "in ü 图", "b c é.png", [RING])
    dataset = convert(tmp_path / "in ü 图", tmp_path / "out ñ 图")
    (sample,) = dataset.samples("train").as_numpy_iterator()
    assert sample["id"].decode() == "b c é"
    assert sample["label"][0].tolist() == [1, 1, 0, 0, 0, 0]


# The peak of the process itself: getrusage also knows the memory of the one that started it.
MEASURED = """
import re, sys
from pathlib import Path
import tfseg
from tfseg.data.conversion.convert import convert

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

start = peak()
for source in sorted(Path(sys.argv[1]).iterdir()):
    try:
        convert(source, sys.argv[2])
    except tfseg.InputError as error:
        print(ascii(str(error)))
    else:
        raise SystemExit(f"{source} was converted")
print(start, peak())
"""


def test_no_hostile_source_takes_memory(tmp_path):
    for spoil in SPOILED:
        spoil(tmp_path / "in" / spoil.__name__)
    (tmp_path / "in" / "outside.png").unlink()
    result = subprocess.run(
        [sys.executable, "-c", MEASURED, tmp_path / "in", tmp_path / "data"],
        capture_output=True,
        text=True,
        check=True,
    )
    *errors, numbers = result.stdout.splitlines()
    start, used = (int(number) for number in numbers.split())
    assert len(errors) == len(SPOILED)
    assert used - start < 300  # MiB
    assert used < 2048
    assert not (tmp_path / "data").exists()
