"""TIFF as instruments and tools write it: which pixels are read, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tfseg.checks import InputError
from tfseg.data.files import limits, tiff_windows
from tfseg.data.files.images import read_label, write_picture
from tfseg.data.files.opening import file_channel_names, open_image, open_picture
from tfseg.data.files.selection import Selection

HEIGHT, WIDTH = 160, 224


def noise(*shape: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def smooth(*size: int) -> np.ndarray:
    """Returns an RGB image that JPEG changes by a few grey levels at most."""
    y, x = np.indices(size)
    return np.stack([y, x, (x + y) // 2], axis=-1).astype(np.uint8)


RGB, GREY, FIVE = noise(HEIGHT, WIDTH, 3), noise(HEIGHT, WIDTH), noise(5, HEIGHT, WIDTH)
TILES = {"tile": (32, 48)}
LEVELS = [smooth(HEIGHT // factor, WIDTH // factor) for factor in (1, 2, 4)]
STACK = noise(4, HEIGHT, WIDTH, dtype="uint16")
CHANNELS_OF_STACK = noise(3, 2, HEIGHT, WIDTH)  # z, c


def plain(image: np.ndarray, **options: object) -> Callable[[Path], None]:
    return lambda path: tifffile.imwrite(path, image, **options)


def pyramid_of_ome(path: Path) -> None:
    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        options = {"photometric": "rgb", "tile": (32, 32)}
        file.write(LEVELS[0], subifds=2, metadata={"axes": "YXS"}, **options)
        for level in LEVELS[1:]:
            file.write(level, subfiletype=1, **options)


def aperio(path: Path) -> None:
    """Writes the pages of an SVS file: level 0, a thumbnail in strips, levels, label and macro."""
    options = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    options["compressionargs"] = {"level": 100}
    with tifffile.TiffWriter(path) as file:
        text = "Aperio Image Library v11.2.1\n224x160 |AppMag = 20|MPP = 0.4990"
        file.write(LEVELS[0], tile=(32, 32), description=text, **options)
        file.write(smooth(40, 56), rowsperstrip=16, **options)
        for level in LEVELS[1:]:
            file.write(level, tile=(32, 32), **options)
        file.write(smooth(30, 30), rowsperstrip=16, subfiletype=1, **options)
        file.write(smooth(30, 50), rowsperstrip=16, subfiletype=9, **options)


def hamamatsu(path: Path) -> None:
    """Writes the pages of an NDPI file: levels of half the size, and a picture of the glass."""
    options = {"photometric": "rgb", "compression": "jpeg", "metadata": None}
    options["compressionargs"] = {"level": 100}
    tags = [(271, "s", 0, "Hamamatsu", True), (65420, "I", 1, 1, True)]
    with tifffile.TiffWriter(path) as file:
        for level, power in zip(LEVELS, (20.0, 10.0, 5.0), strict=True):
            magnification = [(65421, "f", 1, power, True)]
            file.write(level, rowsperstrip=8, extratags=tags + magnification, **options)
        macro = [(65421, "f", 1, -1.0, True)]
        file.write(smooth(50, 90), rowsperstrip=8, extratags=tags + macro, **options)


def with_mask(path: Path) -> None:
    with tifffile.TiffWriter(path) as file:
        file.write(RGB, photometric="rgb", metadata=None, **TILES)
        file.write(GREY > 9, subfiletype=4, photometric="mask", metadata=None)


def sparse(path: Path) -> None:
    """Writes tiles of which all but the first row are left out."""
    tiles = (noise(32, 48, seed=index) if index < 5 else None for index in range(25))
    options = {"shape": (HEIGHT, WIDTH), "dtype": "uint8", "photometric": "minisblack"}
    tifffile.imwrite(path, tiles, **options, **TILES)


def first_row() -> np.ndarray:
    image = np.zeros((HEIGHT, 5 * 48), np.uint8)
    image[:32] = np.concatenate([noise(32, 48, seed=index) for index in range(5)], axis=1)
    return image[:, :WIDTH]


GEO_TAGS = [
    (33550, "d", 3, (0.5, 0.5, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 4e5, 5e6, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
]
IMAGEJ = {"imagej": True, "metadata": {"axes": "ZCYX"}}
KINDS: dict[str, tuple[Callable[[Path], None], Selection, np.ndarray]] = {
    "BigTIFF": (plain(RGB, bigtiff=True, photometric="rgb", **TILES), Selection(), RGB),
    "GeoTIFF": (plain(RGB, photometric="rgb", extratags=GEO_TAGS, **TILES), Selection(), RGB),
    "(1, Y, X)": (plain(GREY[None], photometric="minisblack", **TILES), Selection(), GREY),
    "(Y, X, 1)": (plain(GREY[..., None], photometric="minisblack", **TILES), Selection(), GREY),
    "a mask beside": (with_mask, Selection(), RGB),
    "tiles left out": (sparse, Selection(), first_row()),
    "channel-first": (
        plain(FIVE, photometric="minisblack", metadata={"axes": "CYX"}, **TILES),
        Selection(),
        np.moveaxis(FIVE, 0, -1),
    ),
    "planar": (
        plain(FIVE, photometric="minisblack", planarconfig="separate", **TILES),
        Selection(),
        np.moveaxis(FIVE, 0, -1),
    ),
    "pages as channels": (
        plain(FIVE, photometric="minisblack", metadata=None, **TILES),
        Selection(projection="channels"),
        np.moveaxis(FIVE, 0, -1),
    ),
    "level 0": (pyramid_of_ome, Selection(), LEVELS[0]),
    "level 2": (pyramid_of_ome, Selection(level=2), LEVELS[2]),
    "page": (plain(STACK, photometric="minisblack", **TILES), Selection(page=2), STACK[2]),
    "largest": (
        plain(STACK, photometric="minisblack", **TILES),
        Selection(projection="max"),
        STACK.max(axis=0),
    ),
    "mean": (
        plain(STACK, photometric="minisblack", **TILES),
        Selection(projection="mean"),
        np.rint(STACK.mean(axis=0)),
    ),
    "plane of ImageJ": (
        plain(CHANNELS_OF_STACK, **IMAGEJ),
        Selection(page=1),
        np.moveaxis(CHANNELS_OF_STACK[1], 0, -1),
    ),
    "projection of ImageJ": (
        plain(CHANNELS_OF_STACK, **IMAGEJ),
        Selection(projection="max"),
        np.moveaxis(CHANNELS_OF_STACK.max(axis=0), 0, -1),
    ),
    "zstd": (plain(RGB, photometric="rgb", compression="zstd", **TILES), Selection(), RGB),
    "JPEG XL": (plain(RGB, photometric="rgb", compression="jpegxl", **TILES), Selection(), RGB),
    "JPEG 2000": (
        plain(RGB, photometric="rgb", compression="jpeg2000", **TILES),
        Selection(),
        RGB,
    ),
    "packed bits": (
        plain(GREY > 99, photometric="minisblack", rowsperstrip=16),
        Selection(),
        (GREY > 99) * 255,
    ),
    "white is zero": (plain(GREY, photometric="miniswhite", **TILES), Selection(), 255 - GREY),
    "32 bits": (plain(GREY.astype("int32"), rowsperstrip=16), Selection(), GREY),
}


@pytest.fixture(params=[0, 2**24], ids=["windows", "at once"])
def _large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGE", request.param)


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_of_every_kind_are_those_written(tmp_path, kind):
    write, selection, expected = KINDS[kind]
    write(tmp_path / "a.tif")
    picture = open_picture(tmp_path / "a.tif", selection=selection)
    assert isinstance(picture.pixels, np.ndarray) == (limits.LARGE > 0)
    expected = expected.reshape(*expected.shape[:2], -1)
    assert picture.pixels.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(picture.pixels), expected)
    np.testing.assert_array_equal(picture.pixels[30:70, 47:49], expected[30:70, 47:49])
    assert picture.pixels[:2, :2].dtype == picture.pixels.dtype


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("write", [aperio, hamamatsu])
@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_slide_has_its_levels_and_other_pictures_are_left_out(tmp_path, write, level):
    write(tmp_path / "a.svs")
    picture = open_picture(tmp_path / "a.svs", selection=Selection(level=level))
    assert picture.size == (HEIGHT, WIDTH)
    read = np.asarray(picture.pixels).astype(int)
    assert np.abs(read - LEVELS[level]).max() <= 24  # JPEG, beside the zeros that fill up tiles
    message = r"a\.svs must have the level 3; it has 3, from 0 on \(height x width: 160 x 224, 80 "
    with pytest.raises(InputError, match=message):
        open_picture(tmp_path / "a.svs", selection=Selection(level=3))


def test_luma_and_chroma_of_aperios_jpeg_2000_become_rgb(tmp_path):
    luma = np.full((64, 64, 3), (76, 85, 255), np.uint8)  # red
    options = {"photometric": "rgb", "compression": "jpeg2000", "tile": (32, 32)}
    # Without a transform of colours, as Aperio writes it.
    tifffile.imwrite(tmp_path / "a.tif", luma, compressionargs={"mct": False}, **options)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags["Compression"].overwrite(33003)
    read = np.asarray(open_image(tmp_path / "a.tif")).astype(int)
    assert np.abs(read - (255, 0, 0)).max() <= 3


def test_pages_that_only_the_first_lists_are_read(tmp_path):
    """ImageJ writes stacks above 4 GB so: one page, and the others behind it."""
    stack = noise(4, HEIGHT, WIDTH, dtype="uint16")
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        page = file.pages.first
        file.filehandle.seek(page.offset + 2 + 12 * len(page.tags))
        file.filehandle.write(bytes(4))  # no next page
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    for number in range(4):
        picture = open_picture(tmp_path / "a.tif", selection=Selection(page=number))
        np.testing.assert_array_equal(np.asarray(picture.pixels)[..., 0], stack[number])


SIZES = f"Y {HEIGHT}, X {WIDTH}"
REFUSED = {
    "pages": (
        plain(STACK, photometric="minisblack"),
        Selection(),
        rf"a.tif must hold one image; it has 4 pages \(axes Q 4, {SIZES}\). --page 0 to 3 chooses "
        "one, --projection max or mean combines all, --projection channels makes them channels; or "
        "save each as a separate file.",
    ),
    "planes and channels": (
        plain(CHANNELS_OF_STACK, **IMAGEJ),
        Selection(),
        rf"it has 3 pages \(axes Z 3, C 2, {SIZES}\)",
    ),
    "channels of planes and channels": (
        plain(CHANNELS_OF_STACK, **IMAGEJ),
        Selection(projection="channels"),
        rf"must have pages of one channel and one size .*; it has Z 3, C 2, {SIZES}. Choose a",
    ),
    "no such page": (
        plain(STACK, photometric="minisblack"),
        Selection(page=4),
        rf"a.tif must have the page 4; it has 4 \(Q 4, {SIZES}\). Choose one from 0 to 3.",
    ),
    "a page of one": (
        plain(GREY),
        Selection(page=1),
        "a.tif must have the page 1; it has one. Choose page 0, or none.",
    ),
    "no level": (
        plain(GREY),
        Selection(level=1),
        rf"a.tif must have the level 1; it has 1, from 0 on \(height x width: {HEIGHT} x {WIDTH}\)",
    ),
}


@pytest.mark.usefixtures("_large")
@pytest.mark.parametrize("kind", REFUSED)
def test_a_missing_choice_is_told_with_the_axes_and_the_options(tmp_path, kind):
    write, selection, message = REFUSED[kind]
    write(tmp_path / "a.tif")
    with pytest.raises(InputError, match=message):
        open_picture(tmp_path / "a.tif", selection=selection)


def test_pages_of_two_sizes_are_chosen_from_but_not_projected(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, metadata=None)
        file.write(RGB[:100], photometric="rgb", metadata=None)
    second = open_picture(tmp_path / "a.tif", selection=Selection(page=1))
    np.testing.assert_array_equal(second.pixels, RGB[:100])
    with pytest.raises(InputError, match=r"must have pages of one size and type for a projection"):
        open_picture(tmp_path / "a.tif", selection=Selection(projection="max"))


def test_a_png_has_no_other_level_or_page(tmp_path):
    write_picture(tmp_path / "a.png", RGB)
    assert open_picture(tmp_path / "a.png", selection=Selection(page=0)).size == (HEIGHT, WIDTH)
    with pytest.raises(InputError, match=r"a\.png must be a TIFF to have the level 1; it has one"):
        open_picture(tmp_path / "a.png", selection=Selection(level=1))


def test_a_label_takes_a_level_or_page_only_where_it_has_several(tmp_path):
    ids = noise(3, HEIGHT, WIDTH, dtype="uint16")
    tifffile.imwrite(tmp_path / "one.tif", ids[0])
    one = read_label(tmp_path / "one.tif", selection=Selection(level=1, page=2))
    np.testing.assert_array_equal(one, ids[0])
    tifffile.imwrite(tmp_path / "pages.tif", ids, photometric="minisblack")
    chosen = read_label(tmp_path / "pages.tif", selection=Selection(page=2))
    np.testing.assert_array_equal(chosen, ids[2])
    with pytest.raises(InputError, match=r"it has 3 pages .*chooses one; or save each"):
        read_label(tmp_path / "pages.tif", selection=Selection(projection="max"))
    with tifffile.TiffWriter(tmp_path / "levels.tif") as file:
        file.write(ids[0], subifds=1, tile=(32, 32))
        file.write(ids[0, ::2, ::2], subfiletype=1, tile=(32, 32))
    half = read_label(tmp_path / "levels.tif", selection=Selection(level=1))
    np.testing.assert_array_equal(half, ids[0, ::2, ::2])


def test_channels_of_pages_are_numbered_and_those_of_a_page_have_their_names(tmp_path):
    plain(FIVE, photometric="minisblack", metadata=None)(tmp_path / "a.tif")
    names = file_channel_names(tmp_path / "a.tif", Selection(projection="channels"))
    assert names == tuple(f"channel_{index}" for index in range(5))
    assert file_channel_names(tmp_path / "a.tif", Selection(page=1)) == ()


@pytest.mark.parametrize("options", [TILES, {}, {"rowsperstrip": 16}])
def test_a_file_whose_end_is_missing_is_refused_when_it_is_read(tmp_path, monkeypatch, options):
    monkeypatch.setattr(limits, "LARGE", 0)
    tifffile.imwrite(tmp_path / "a.tif", GREY, metadata=None, **options)
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-40])
    image = open_image(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif is damaged or cut short \(its end is missing\)"):
        image[:, :]


def test_what_would_take_too_much_memory_in_one_piece_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_windows, "MAX_BYTES", GREY.size - 1)
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zlib", rowsperstrip=HEIGHT)
    with pytest.raises(InputError, match=r"must be stored in pieces of at most .* 160 x 224 pixel"):
        open_image(tmp_path / "a.tif")


def test_page_and_projection_exclude_each_other():
    with pytest.raises(InputError, match="page or projection must be given, not both; got 0 and m"):
        Selection(page=0, projection="mean")
