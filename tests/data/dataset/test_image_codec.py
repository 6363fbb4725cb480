"""Ways to store an image: the pixels that come out, in the graph and outside it."""

from __future__ import annotations

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

import tfseg
from tfseg import InputError, RunConfig, check, convert, convert_samples
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset import image_codec, records
from tfseg.data.dataset.decoded_records import Decoding, decode_record
from tfseg.data.dataset.image_codec import IMAGE_FORMATS, Picture
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.files.images import read_image, write_label
from tfseg.data.pipeline.batches import training_batches
from tfseg.heads import CenterOffset

LABEL = np.zeros((16, 24), np.int32)
LABEL[2:8, 3:9], LABEL[10:15, 12:20] = 1, 2


def smooth(*shape: int, seed: int = 0) -> np.ndarray:
    """Returns an image of 8 bits that JPEG changes by little."""
    coarse = np.random.default_rng(seed).integers(60, 200, (4, 4, shape[-1]), np.uint8)
    return np.asarray(tf.image.resize(coarse, shape[:2], "bicubic")).round().astype(np.uint8)


def read(picture: Picture, image: np.ndarray, formats, *, channels: int, dtype: str) -> np.ndarray:
    record = records.encode("a", image, np.zeros(image.shape[:2], np.int32), picture=picture)
    return decode_record(tf.constant(record), Decoding(channels, dtype, formats))["image"].numpy()


@given(st.data())
def test_png_and_raw_pixels_come_out_as_they_went_in(data):
    dtype, depth = (
        data.draw(st.sampled_from(["uint8", "uint16"])),
        data.draw(st.sampled_from([1, 3])),
    )
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    image = data.draw(arrays.arrays(dtype, (height, width, depth)))
    store = data.draw(st.sampled_from(["png", "raw"]))
    picture = image_codec.encode(image, store)
    assert picture.format == store
    outside = image_codec.decode_array(picture, image.shape[:2])
    assert outside.dtype == image.dtype
    np.testing.assert_array_equal(outside, image)
    # The data set has as many channels and bits, or more.
    channels = data.draw(st.sampled_from([3] if depth == 3 else [1, 3]))
    wide = data.draw(st.sampled_from(["uint16"] if dtype == "uint16" else ["uint8", "uint16"]))
    expected = np.repeat(image, channels // depth, axis=-1).astype(wide)
    expected = expected * (257 if wide != dtype else 1)
    formats = data.draw(st.sampled_from([(store,), IMAGE_FORMATS]))
    inside = read(picture, image, formats, channels=channels, dtype=wide)
    assert inside.dtype == wide
    np.testing.assert_array_equal(inside, expected)


@given(st.data())
def test_other_channels_and_floats_come_out_as_they_went_in(data):
    dtype = data.draw(st.sampled_from(["uint8", "uint16", "float32"]))
    depth = data.draw(st.sampled_from([1, 3] if dtype == "float32" else [2, 4, 5, 64]))
    height, width = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    image = data.draw(arrays.arrays(dtype, (height, width, depth)))
    store = data.draw(st.sampled_from(["png", "raw", "original"]))
    picture = image_codec.encode(image, store)
    assert picture.format == f"{'raw' if store == 'raw' else 'zlib'}:{dtype}"
    outside = image_codec.decode_array(picture, image.shape[:2])
    assert outside.dtype == image.dtype
    np.testing.assert_array_equal(outside, image)
    inside = read(picture, image, (picture.format,), channels=depth, dtype=dtype)
    assert inside.dtype == image.dtype
    np.testing.assert_array_equal(inside, image)
    if dtype == "uint8":  # in a data set of 16 bits
        wide = read(picture, image, (picture.format,), channels=depth, dtype="uint16")
        np.testing.assert_array_equal(wide, image * np.uint16(257))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (17, 33), (1, 9), (64, 40)])
def test_a_jpeg_has_the_same_pixels_in_the_graph_and_outside(size, channels):
    image = np.random.default_rng(1).integers(0, 256, (*size, channels), np.uint8)
    picture = image_codec.encode(image, "jpeg:90")
    outside = image_codec.decode_array(picture, size)
    for formats in (("jpeg",), IMAGE_FORMATS):
        inside = read(picture, image, formats, channels=channels, dtype="uint8")
        np.testing.assert_array_equal(inside, outside)
    wide = read(picture, image, IMAGE_FORMATS, channels=3, dtype="uint16")
    np.testing.assert_array_equal(wide, np.repeat(outside, 3 // channels, axis=-1) * np.uint16(257))


def test_a_higher_quality_is_closer_and_larger():
    image = smooth(64, 64, 3)
    low, high = (image_codec.encode(image, f"jpeg:{quality}") for quality in (30, 95))
    assert len(low.data) < len(high.data)
    errors = [
        np.abs(image_codec.decode_array(picture, (64, 64)) - image.astype(int))
        for picture in (low, high)
    ]
    assert errors[1].mean() < errors[0].mean()
    assert errors[1].mean() < 3


def saved(image: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    mode = "L" if image.shape[-1] == 1 else None
    Image.fromarray(image.squeeze(), mode).save(buffer, **options)
    return buffer.getvalue()


RGB, GREY = smooth(20, 30, 3), smooth(20, 30, 1)
WIDE = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
KEPT = {
    "rgb.png": saved(RGB, format="PNG"),
    "grey.png": saved(GREY, format="PNG"),
    "small.png": imagecodecs.png_encode(RGB, level=9),
    "wide.png": imagecodecs.png_encode(WIDE),
    "rgb.jpg": saved(RGB, format="JPEG", quality=90),
    "grey.jpg": saved(GREY, format="JPEG"),
    "full.jpg": saved(RGB, format="JPEG", subsampling=0),
    "half.jpg": saved(RGB, format="JPEG", subsampling=1),
    "progressive.jpg": saved(RGB, format="JPEG", progressive=True),
}


def transparent() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG", transparency=tuple(RGB[0, 0].tolist()))
    return buffer.getvalue()


def tiff() -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, RGB)
    return buffer.getvalue()


def converted(mode: str, format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(buffer, format)
    return buffer.getvalue()


KEPT["palette.png"] = converted("P", "PNG")
MADE_ANEW = {
    "alpha.png": converted("RGBA", "PNG"),
    "transparent.png": transparent(),
    "all_equal.png": saved(np.repeat(GREY, 3, axis=-1), format="PNG"),
    "cmyk.jpg": converted("CMYK", "JPEG"),
    "rgb.tif": tiff(),
    "lossless.jpg": imagecodecs.jpeg8_encode(RGB, lossless=True),
}


@pytest.mark.parametrize("name", [*KEPT, *MADE_ANEW])
def test_original_keeps_a_file_whose_pixels_tensorflow_reads_and_else_makes_a_png(tmp_path, name):
    data = (KEPT | MADE_ANEW)[name]
    for kind in ("images", "labels"):
        (tmp_path / "in" / kind).mkdir(parents=True)
    path = tmp_path / "in" / "images" / name
    path.write_bytes(data)
    write_label(tmp_path / "in" / "labels" / path.stem, np.pad(LABEL, ((0, 4), (0, 6))))
    dataset = convert(tmp_path / "in", tmp_path / "out", store="original")
    (record,) = (parse(record) for record in dataset.records("train").as_numpy_iterator())
    (example,) = map(tf.train.Example.FromString, dataset.records("train").as_numpy_iterator())
    stored = example.features.feature["image"].bytes_list.value[0]
    assert (stored == data) == (name in KEPT)
    expected_format = "jpeg" if name in KEPT and path.suffix == ".jpg" else "png"
    assert dataset.info.image_formats == (record.image_format,) == (expected_format,)
    expected = read_image(path)[..., :3]
    (sample,) = dataset.samples("train").as_numpy_iterator()
    channels = sample["image"].shape[-1]
    np.testing.assert_array_equal(sample["image"], expected[..., :channels])
    np.testing.assert_array_equal(record.image, sample["image"])
    assert [finding for finding in check(dataset.path) if finding.level == "error"] == []


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """Grey and RGB images of 16 x 24 pixels as PNG, JPEG and TIFF."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "images").mkdir()
    for index in range(6):
        image = smooth(16, 24, 1 if index % 2 else 3, seed=index)
        name = f"{index}.{('png', 'jpg', 'tif')[index % 3]}"
        Image.fromarray(image.squeeze()).save(folder / "images" / name)
        (folder / "labels").mkdir(exist_ok=True)
        write_label(folder / "labels" / f"{index}", LABEL)
    return folder


@pytest.mark.parametrize("store", ["png", "raw", "original", "jpeg:95"])
def test_a_data_set_of_every_kind_is_sound_and_its_statistics_are_those_of_its_pixels(
    files, tmp_path, store
):
    dataset = convert(files, tmp_path / "data", store=store, shard_size=4)
    formats = {"original": ("png", "jpeg"), "jpeg:95": ("jpeg",)}.get(store, (store,))
    assert dataset.info.image_formats == formats
    assert [finding for finding in check(dataset.path) if finding.level == "error"] == []
    values = np.stack([s["image"] for s in dataset.samples("train").as_numpy_iterator()])
    for channel, distribution in enumerate(dataset.info.statistics.channels):
        assert distribution.mean == pytest.approx(values[..., channel].mean())


def test_training_sees_the_same_pixels_from_every_lossless_store(files, tmp_path):
    config = RunConfig(data=DataConfig(crop_size=32), augment=(), train=TrainConfig(batch_size=3))
    trained = []
    for store in ("png", "raw", "original"):
        dataset = convert(files, tmp_path / store, store=store)
        batches = training_batches(dataset, config, CenterOffset()).take(4)
        trained.append(np.concatenate([images for images, _ in batches.as_numpy_iterator()]))
    np.testing.assert_array_equal(trained[0], trained[1])
    np.testing.assert_array_equal(trained[0], trained[2])


@pytest.mark.parametrize("store", ["", "PNG", "jpeg", "jpeg:0", "jpeg:101", "jpeg:5.5", "tiff", 3])
def test_an_unknown_store_is_refused(files, tmp_path, store):
    message = r"store must be png, raw, original, or jpeg:QUALITY .*; got "
    with pytest.raises(InputError, match=message):
        convert(files, tmp_path / "data", store=store)
    with pytest.raises(InputError, match=message):
        convert_samples([(GREY, GREY[..., 0])], tmp_path / "data", store=store)


def test_an_image_that_jpeg_cannot_store_is_refused(tmp_path):
    label = np.ones((20, 30), np.int32)
    with pytest.raises(
        InputError, match=r"'000000' cannot be stored as JPEG, .* got 3 channels, 16"
    ):
        convert_samples([(WIDE, label)], tmp_path / "data", store="jpeg:95")
    with pytest.raises(InputError, match=r"'original' is for files; samples have none"):
        convert_samples([(RGB, label)], tmp_path / "data", store="original")
    with pytest.raises(
        InputError, match="at most 65500 pixels a side; got 1 channels, 8 bits, 1 x 65501"
    ):
        image_codec.encode(np.zeros((1, 65501, 1), np.uint8), "jpeg:95")
    dataset = convert_samples([(RGB, label)], tmp_path / "data", store="raw")
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["image"], RGB)


def test_an_image_in_a_format_that_the_data_set_does_not_name_is_an_error(tmp_path):
    label = np.ones((20, 30), np.int32)
    dataset = convert_samples([(RGB, label)], tmp_path / "data", store="raw")
    text = (dataset.path / "dataset.json").read_text()
    assert '"raw"' in text
    (dataset.path / "dataset.json").write_text(text.replace('"raw"', '"png"'))
    messages = [finding.message for finding in tfseg.check(dataset.path)]
    assert "The image is stored as raw in a data set of png." in messages
