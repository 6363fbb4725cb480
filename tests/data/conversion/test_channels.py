"""Images of any number of channels: from TIFF files and arrays into a data set, and out again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tfseg import Dataset, InputError, check, convert, convert_samples
from tfseg.cli import main
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.files.images import write_label

LABEL = np.zeros((20, 24), np.int32)
LABEL[2:8, 3:9], LABEL[10:18, 12:20] = 1, 2
LARGEST = {"uint8": 255, "uint16": 60000, "float32": 0.5}


def image(channels: int, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """Returns an image in which every channel has ten times the values of the one before."""
    values = np.random.default_rng(seed).uniform(0.1, 1.0, (20, 24, channels))
    scales = LARGEST[dtype] / 10.0 ** (np.arange(channels)[::-1] % 3)
    return (values * scales).astype(dtype)


def files(folder: Path, images: dict[str, np.ndarray], **options: object) -> Path:
    """Writes TIFF files with contiguous channels, and a label map for each."""
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    usual = {"photometric": "minisblack", "planarconfig": "contig"} | options
    for name, pixels in images.items():
        tifffile.imwrite(folder / "images" / f"{name}.tif", pixels, **usual)
        write_label(folder / "labels" / name, LABEL)
    return folder


def read(dataset: Dataset) -> dict[str, np.ndarray]:
    samples = dataset.samples("train").as_numpy_iterator()
    return {sample["id"].decode(): sample["image"] for sample in samples}


@pytest.mark.parametrize("store", ["png", "raw"])
@pytest.mark.parametrize(
    ("channels", "dtype"),
    [(1, "float32"), (2, "uint8"), (3, "float32"), (5, "uint16"), (5, "float32"), (64, "uint8")],
)
def test_pixels_of_files_come_out_as_they_went_in(tmp_path, channels, dtype, store):
    images = {name: image(channels, dtype, seed) for seed, name in enumerate("ab")}
    stored = {name: pixels.squeeze() for name, pixels in images.items()}
    dataset = convert(files(tmp_path / "files", stored), tmp_path / "data", store=store)
    info = dataset.info
    assert (info.channels, info.dtype) == (channels, dtype)
    assert info.image_formats == (f"{'raw' if store == 'raw' else 'zlib'}:{dtype}",)
    named = tuple(f"channel_{index}" for index in range(channels))
    assert info.channel_names == (() if channels in (1, 3) else named)
    for name, pixels in read(dataset).items():
        assert pixels.dtype == dtype
        np.testing.assert_array_equal(pixels, images[name])
    assert check(dataset.path) == []
    assert len(info.statistics.channels) == channels
    for index, row in enumerate(info.statistics.channels):
        values = np.stack([images[name][..., index] for name in "ab"]).astype(float)
        np.testing.assert_allclose([row.mean, row.std], [values.mean(), values.std()], rtol=1e-3)
        assert row.percentiles["100"] == pytest.approx(values.max(), rel=2**-11)


def test_the_fourth_channel_of_colours_and_infrared_is_kept(tmp_path):
    pixels = image(4)
    options = {"photometric": "rgb", "extrasamples": ["unspecified"]}
    source = files(tmp_path / "files", {"a": pixels}, **options)
    dataset = convert(source, tmp_path / "data")
    assert dataset.info.channel_names == ("red", "green", "blue", "channel_3")
    np.testing.assert_array_equal(read(dataset)["a"], pixels)
    named = ["red", "green", "blue", "nir"]
    dataset = convert(source, tmp_path / "named", channels=named)
    assert list(dataset.info.channel_names) == named
    np.testing.assert_array_equal(read(dataset)["a"], pixels)


def test_pages_of_imagej_are_channels(tmp_path):
    pixels = image(2, "uint16")
    metadata = {"axes": "CYX", "Labels": ["dapi", "gfp"]}
    stored, options = np.moveaxis(pixels, -1, 0), {"imagej": True, "metadata": metadata}
    source = files(tmp_path / "files", {"a": stored}, planarconfig=None, **options)
    dataset = convert(source, tmp_path / "data")
    assert dataset.info.channel_names == ("dapi", "gfp")
    np.testing.assert_array_equal(read(dataset)["a"], pixels)


def test_samples_of_python_keep_all_channels(tmp_path):
    samples = [(image(4, seed=seed), LABEL) for seed in range(2)]
    dataset = convert_samples(samples, tmp_path / "data", channels=["r", "g", "b", "nir"])
    assert dataset.info.channel_names == ("r", "g", "b", "nir")
    np.testing.assert_array_equal(read(dataset)["000001"], samples[1][0])
    floats = convert_samples([(image(2, "float32"), LABEL)], tmp_path / "floats")
    assert (floats.info.dtype, floats.info.channel_names) == ("float32", ("channel_0", "channel_1"))
    np.testing.assert_array_equal(read(floats)["000000"], image(2, "float32"))


def test_bits_are_joined_but_equal_channels_are_not(tmp_path):
    flat = np.repeat(image(1), 2, axis=-1)
    samples = [(flat, LABEL), (image(2, "uint16"), LABEL)]
    dataset = convert_samples(samples, tmp_path / "data")
    assert (dataset.info.channels, dataset.info.dtype) == (2, "uint16")
    pixels = read(dataset)
    np.testing.assert_array_equal(pixels["000000"], flat * np.uint16(257))
    np.testing.assert_array_equal(pixels["000001"], samples[1][0])
    assert check(dataset.path) == []


def test_contrast_is_that_of_each_channel(tmp_path):
    pixels = np.zeros((20, 24, 2), np.uint8)
    pixels[:10, :, 0], pixels[:10, :, 1] = 10, 200  # medians 10 or 0, and 200 or 0
    dataset = convert_samples([(pixels, LABEL)], tmp_path / "data")
    joint = convert_samples([(pixels[..., [0, 1, 1]], LABEL)], tmp_path / "joint")
    pairs = np.reshape(dataset.info.statistics.min_contrast, (2, 2))
    assert pairs.sum(axis=1).tolist() == [10, 200]
    assert sum(joint.info.statistics.min_contrast) == 200


def test_values_of_floats_are_counted_to_half_a_thousandth(tmp_path):
    kelvin = np.random.default_rng(0).normal(300, 1, (20, 24, 1)).astype(np.float32)
    dataset = convert_samples([(kelvin, LABEL)], tmp_path / "data")
    (row,) = dataset.info.statistics.channels
    assert row.mean == pytest.approx(kelvin.mean(), abs=0.02)
    assert row.std == pytest.approx(kelvin.std(), abs=0.02)
    for share in (1, 50, 99):  # numbers from 256 to 512 have steps of 1/8
        exact = np.percentile(kelvin, share, method="inverted_cdf")
        assert row.percentiles[str(share)] == pytest.approx(exact, abs=1 / 16)


@pytest.mark.parametrize("names", ["a,b", "a,a,b", "a,,c", "a,b,c,d"])
def test_names_that_do_not_fit_are_refused(tmp_path, names):
    source = files(tmp_path / "files", {"a": image(3)})
    with pytest.raises(
        InputError, match=r"a different name for each channel|must have the \d chan"
    ):
        convert(source, tmp_path / "data", channels=names.split(","))
    assert not (tmp_path / "data").exists()


def test_a_named_image_with_other_channels_is_named(tmp_path):
    source = files(tmp_path / "files", {"a": image(4), "b": image(5)})
    with pytest.raises(InputError, match=r"b\.tif must have the 4 channels r, g, b, n; it has 5"):
        convert(source, tmp_path / "data", channels=list("rgbn"))
    with pytest.raises(InputError, match=r"must have images of the same channels; got 1 with"):
        convert(source, tmp_path / "data")


def test_jpeg_refuses_them(tmp_path):
    source = files(tmp_path / "files", {"a": image(5)})
    with pytest.raises(InputError, match=r"a\.tif cannot be stored as JPEG.*got 5 channels"):
        convert(source, tmp_path / "data", store="jpeg:95")


def test_a_channel_without_content_is_a_warning_that_names_it(tmp_path):
    pixels = image(5)
    pixels[..., 3] = 7
    dataset = convert_samples([(pixels, LABEL)], tmp_path / "data", channels=list("abcde"))
    (finding,) = check(dataset.path)
    assert finding.message == "All pixels of the channel d are [7]."


def test_data_sets_of_other_channels_are_not_mixed(tmp_path):
    sets = {
        "named": convert_samples([(image(2), LABEL)], tmp_path / "a", channels=["dapi", "gfp"]),
        "plain": convert_samples([(image(2), LABEL)], tmp_path / "b"),
        "floats": convert_samples([(image(2, "float32"), LABEL)], tmp_path / "c"),
    }
    for one, other in (("named", "plain"), ("plain", "floats")):
        with pytest.raises(InputError, match="must have the same channels, and floats or integers"):
            Mixture.join([sets[one], sets[other]])
    joined = Mixture.join([sets["named"], sets["named"]])
    assert (joined.info.channels, joined.info.channel_names) == (2, ("dapi", "gfp"))


def test_the_commands_name_the_channels(tmp_path, capsys):
    source = files(tmp_path / "files", {"a": image(4)})
    arguments = ["convert", str(source), str(tmp_path / "data"), "--channels", "red,green,blue,nir"]
    assert main(arguments) == 0
    assert "channels: red, green, blue, nir" in capsys.readouterr().out
    assert main(["info", str(tmp_path / "data"), "--out", str(tmp_path / "out")]) == 0
    assert "channel nir" in capsys.readouterr().out
    assert (tmp_path / "out" / "histograms.png").is_file()
    assert main(["check", str(tmp_path / "data")]) == 0
