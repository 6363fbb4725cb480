"""The pixel sizes that files state, in files that tifffile writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from tfseg.data.files.pixel_size import Stated, of_file, or_given

IMAGE = np.zeros((8, 9), np.uint8)
OME = {"PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "\u00b5m", "PhysicalSizeY": 0.25}


def stated(folder: Path, **options: Any) -> Stated:
    path = folder / "a.tif"
    tifffile.imwrite(path, IMAGE, **options)
    return of_file(path)


def imagej(unit: str) -> dict[str, Any]:
    return {"imagej": True, "resolution": (4, 4), "metadata": {"unit": unit}}


def ome(**changes: Any) -> dict[str, Any]:
    return {"ome": True, "metadata": OME | changes}


def geotiff(kind: int, system: int, side: float = 0.3, unit: int = 9001) -> dict[str, Any]:
    """Returns the tags of a GeoTIFF: its kind, coordinate system and unit."""
    keys = (1, 1, 0, 3, 1024, 0, 1, kind, 3072, 0, 1, system, 3076, 0, 1, unit)
    tags = [(33550, "d", 3, (side, side, 0.0)), (34735, "H", len(keys), keys)]
    return {"extratags": tags, "resolution": (72, 72), "resolutionunit": "INCH"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (ome(), 0.25),  # the unit of Y is the default, micrometres
        (ome(PhysicalSizeX=250, PhysicalSizeXUnit="nm"), 0.25),
        (ome(PhysicalSizeY=0.251), 0.25),  # by less than 1 %
        (imagej("micron"), 0.25),
        (imagej("um"), 0.25),
        (imagej("\\u00B5m"), 0.25),
        (imagej("mm"), 250.0),
        (imagej("inch"), 6350.0),
        ({"description": "Aperio Image Library v1\n9x8|AppMag = 20|MPP = 0.499"}, 0.499),
        (geotiff(1, 32632), 300_000.0),  # UTM, metres
        (geotiff(1, 2263, 1.0, 9003), 304_801.0),  # US survey feet
        ({"resolution": (40_000, 40_000), "resolutionunit": "CENTIMETER"}, 0.25),
        ({"resolution": (101_600, 101_600), "resolutionunit": "INCH"}, 0.25),
    ],
)
def test_a_file_states_its_pixel_size(tmp_path, options, expected):
    assert stated(tmp_path, **options) == Stated(expected)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (ome(PhysicalSizeY=0.26), "pixels that are not square"),
        (ome(PhysicalSizeX=1, PhysicalSizeXUnit="pixel"), "unit pixel, which is not known"),
        (imagej("furlong"), "unit furlong, which is not known"),
        (geotiff(2, 4326), "in degrees"),
        (geotiff(1, 3857), "not the same everywhere"),  # Web Mercator
        (geotiff(1, 32632, unit=9999), "unknown unit"),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, "^72 dots per inch"),
        ({"resolution": (37.8, 37.8), "resolutionunit": "CENTIMETER"}, "^96 dots per inch"),
        ({"resolution": (1, 1), "resolutionunit": "INCH"}, "^1 dots per inch"),
    ],
)
def test_what_is_no_size_of_a_pixel_is_ignored_with_the_reason(tmp_path, options, reason):
    result = stated(tmp_path, **options)
    assert result.size == 0
    assert re.search(reason, result.ignored)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolution": (4, 4), "resolutionunit": "NONE"},
        imagej("pixel"),
        {"ome": True, "metadata": {}},
    ],
)
def test_a_file_may_state_nothing(tmp_path, options):
    assert stated(tmp_path, **options) == Stated()


def test_other_files_state_nothing(tmp_path):
    Image.fromarray(IMAGE).save(tmp_path / "a.png", dpi=(25_400, 25_400))
    (tmp_path / "cut.tif").write_bytes(b"II*\0\x08")
    for name in ("a.png", "cut.tif", "missing.tif"):
        assert of_file(tmp_path / name) == Stated()


def test_a_given_size_counts_and_another_one_of_the_file_is_ignored():
    assert or_given(Stated(0.25), None) == Stated(0.25)
    assert or_given(Stated(0.25, "x"), 0.2505) == Stated(0.2505)
    assert or_given(Stated(), 0.5) == Stated(0.5)
    assert or_given(Stated(0.25), 0.5) == Stated(0.5, "0.25 \u00b5m where 0.5 \u00b5m was given")
