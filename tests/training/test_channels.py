"""Networks for images of any number of channels: from TIFF files to ids, by one command each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tifffile

import tfseg
from tfseg import InputError
from tfseg import config as configs
from tfseg.cli import main
from tfseg.config import DataConfig, ModelConfig, OptimizerConfig, RunConfig, TrainConfig
from tfseg.data.files import limits, opening
from tfseg.data.files.images import read_image, read_label, write_label
from tfseg.data.pipeline.batches import training_batches, validation_batches
from tfseg.data.pipeline.normalization import resolved
from tfseg.data.pipeline.replay import replay
from tfseg.data.pipeline.stages import check_transforms
from tfseg.drawing.display import Display
from tfseg.drawing.numbers import write_ids
from tfseg.drawing.overlays import overlay
from tfseg.evaluation.evaluate import evaluate
from tfseg.evaluation.previews import preview
from tfseg.inference.predict import predict_files
from tfseg.inference.segmenter import Segmenter, load
from tfseg.networks.build import build_model

FALSE_COLOURS = Display(("r", "g", "b"), ("r", "g", "b"))
NAMES = ("dapi", "gfp", "rfp", "cy5", "bright")
SIZE = 32
LABEL = np.zeros((SIZE, 40), np.int32)
LABEL[2:12, 3:13], LABEL[14:28, 16:34] = 1, 2
CONFIG = RunConfig(
    data=DataConfig(crop_size=SIZE),
    augment=(
        *({"name": name} for name in ("RandomGamma", "GaussianBlur", "GaussNoise")),
        {"name": "ShiftScaleRotate"},
    ),
    model=ModelConfig(filters=(4, 6)),
    train=TrainConfig(steps=1, batch_size=2),
    optimizer=OptimizerConfig(warmup_steps=0),
)


def image(channels: int, dtype: str = "uint16", seed: int = 0) -> np.ndarray:
    """Returns an image in which every channel has other values, and objects are brighter."""
    noise = np.random.default_rng(seed).normal(10, 1, (*LABEL.shape, channels))
    values = (noise + 20 * (LABEL > 0)[..., None]) * 7.0 ** (np.arange(channels) % 4)
    return values.clip(0).astype(dtype)


def dataset(folder, channels: int, dtype: str = "uint16", names=()) -> tfseg.Dataset:
    samples = [(image(channels, dtype, seed), LABEL) for seed in range(3)]
    parts = {"train": samples[:2], "val": samples[2:]}
    return tfseg.convert_samples(parts, folder, channels=names or NAMES[:channels])


def out_label(folder) -> np.ndarray:
    return read_label(folder / "out" / "labels" / "a.png")


def test_five_channels_from_files_to_ids(tmp_path, capsys):
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / "files" / split / kind).mkdir(parents=True)
        for name in "ab":
            pages = np.moveaxis(image(5, seed=ord(name)), -1, 0)
            metadata = {"axes": "CYX", "Channel": {"Name": list(NAMES)}}
            path = tmp_path / "files" / split / "images" / f"{name}.tif"
            tifffile.imwrite(path, pages, ome=True, metadata=metadata)
            write_label(tmp_path / "files" / split / "labels" / name, LABEL)
    data, run, out = (str(tmp_path / name) for name in ("data", "run", "out"))
    small = ["--train.steps", "1", "--train.batch_size", "1", "--data.crop_size", "32"]
    small += ["--optimizer.warmup_steps", "0"]
    assert main(["convert", str(tmp_path / "files"), data]) == 0
    small += ["--tensorboard", "--display", "rfp,gfp,dapi"]
    assert main(["train", data, run, *small, "--model.filters", "[4,6]"]) == 0
    written = configs.read(tmp_path / "run" / "config.yaml").model
    assert (written.channels, written.channel_names) == (5, NAMES)
    assert (written.normalization, len(written.min_contrast)) == ("channel", 10)
    files = tmp_path / "files" / "val" / "images"
    chosen = ["--display", "cy5,gfp,dapi"]
    assert main(["predict", run, str(files), "--out", out, *chosen]) == 0
    assert len(list((tmp_path / "out" / "overlays").iterdir())) == 2
    drawn, label = read_image(tmp_path / "out" / "overlays" / "a.png"), out_label(tmp_path)
    expected = overlay(read_image(files / "a.tif")[..., [3, 1, 0]], label, display=FALSE_COLOURS)
    np.testing.assert_array_equal(drawn, write_ids(expected, label))
    evaluation = ["evaluate", run, data, "--out", str(tmp_path / "evaluation")]
    assert main([*evaluation, *chosen]) == 0
    assert main(["info", data, "--out", str(tmp_path / "info"), *chosen]) == 0
    assert main([*evaluation, "--display", "red"]) == 2
    assert (
        "must name channels of the images, dapi, gfp, rfp, cy5, bright" in capsys.readouterr().err
    )
    assert (tmp_path / "evaluation" / "report.html").is_file()
    four = image(4, seed=1)
    with pytest.raises(InputError, match="with the channels dapi, gfp, rfp, cy5, bright of the ne"):
        load(tmp_path / "run").predict(four)


@pytest.mark.parametrize(("channels", "dtype"), [(2, "float32"), (5, "uint16"), (64, "uint8")])
def test_every_channel_is_brought_to_its_range(tmp_path, channels, dtype):
    names = [f"band{index}" for index in range(channels)]
    data = dataset(tmp_path / "data", channels, dtype, names)
    model = resolved(CONFIG.model, data)
    assert (model.normalization, model.bits) == ("channel", {"f": 32, "u": model.bits}[dtype[0]])
    config = dataclasses.replace(CONFIG, augment=())
    images, _, _ = next(iter(validation_batches(data, config)))
    assert images.shape == (2, SIZE, SIZE, channels)
    (raw,) = (sample["image"].numpy() for sample in data.samples("val"))
    low, high = np.percentile(raw, (1, 99.8), axis=(0, 1), method="nearest")
    crop = raw[:, 4:36].astype(np.float32)
    expected = np.clip((crop - low) / (high - low), 0, 1)
    np.testing.assert_allclose(images[0], expected, atol=1e-5)
    augmented, _ = next(iter(training_batches(data, CONFIG)))
    assert augmented.shape == (2, SIZE, SIZE, channels)
    assert np.std(augmented, axis=(0, 1, 2)).min() > 0.02


def test_limits_of_a_data_set_are_those_of_each_channel(tmp_path):
    data = dataset(tmp_path / "data", 2)
    model = resolved(ModelConfig(limits="dataset"), data)
    rows = [row.percentiles for row in data.info.statistics.channels]
    assert model.limits == tuple(row[share] for row in rows for share in ("1", "99"))
    assert (model.min_contrast, model.normalization) == ((), "channel")


@pytest.mark.parametrize("limits", [(), (0, 50, 0, 500)])
def test_tiles_turns_and_export_are_the_whole_image(tmp_path, limits):
    data = dataset(tmp_path / "data", 2)
    model_config = resolved(dataclasses.replace(CONFIG.model, limits=limits), data)
    model = build_model(model_config, seed=3)
    pixels = np.tile(image(2), (5, 4, 1))
    untiled = Segmenter(model, model_config)
    tiled = Segmenter(model, model_config, tile=128)
    np.testing.assert_allclose(tiled.maps(pixels), untiled.maps(pixels), atol=1e-4)
    batch = untiled(tf.constant(pixels[None]))["labels"][0]
    np.testing.assert_array_equal(untiled.predict_with_doubt(pixels)[0].labels, batch)
    brighter = pixels * np.array([1, 3], np.uint16)  # a longer exposure of the second channel
    equal = np.array_equal(untiled.maps(brighter), untiled.maps(pixels))
    assert equal == (limits == ())
    if not limits:
        turned = Segmenter(model, model_config, tta=True)
        assert turned.maps(pixels).shape == (*pixels.shape[:2], 4)
        folder = tfseg.export(untiled, tmp_path / "saved")
        saved = tf.saved_model.load(str(folder))
        labels = saved.signatures["uint16"](images=tf.constant(pixels[None]))["labels"]
        np.testing.assert_array_equal(labels[0], batch)


def test_a_doubt_names_the_channel():
    model_config = ModelConfig(filters=(4, 6), channels=2, channel_names=NAMES[:2])
    segmenter = Segmenter(build_model(model_config), model_config)
    pixels = image(2)
    pixels[..., 1] = 9
    doubt = segmenter.predict_with_doubt(pixels)[1]
    assert doubt == "in the channel gfp has the value 9 in all pixels, so it shows nothing"


def test_normalization_of_the_image_keeps_channels_comparable(tmp_path):
    data = dataset(tmp_path / "data", 2)
    model = dataclasses.replace(CONFIG.model, normalization="image", min_contrast=(0, 1))
    config = dataclasses.replace(CONFIG, augment=(), model=model)
    images, _, _ = next(iter(validation_batches(data, config)))
    assert images[0, ..., 0].numpy().max() < 0.3 < images[0, ..., 1].numpy().max()


def test_transforms_of_colour_refuse_other_channels_by_name(tmp_path):
    for names, channels in ((NAMES[:3], 3), (NAMES, 5)):
        model = ModelConfig(channels=channels, channel_names=names)
        for name in ("ToGray", "HueSaturationValue", "RGBShift"):
            config = dataclasses.replace(CONFIG, augment=({"name": name},), model=model)
            with pytest.raises(
                InputError, match=rf"{name}/1 needs .* red, green and blue; .* dapi, "
            ):
                check_transforms(config)
    colors = dataclasses.replace(config, model=ModelConfig(channels=3))
    check_transforms(colors)


def test_predict_says_which_channels_a_network_of_fewer_leaves_out(tmp_path, capsys):
    model_config = ModelConfig(filters=(4, 6), channels=3)
    segmenter = Segmenter(build_model(model_config), model_config)
    pages, metadata = np.moveaxis(image(4), -1, 0), {"axes": "CYX"}
    metadata["Labels"] = ["nir", "blue", "green", "red"]
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, metadata=metadata)
    tifffile.imwrite(tmp_path / "b.tif", image(3), photometric="rgb")
    files = [tmp_path / "a.tif", tmp_path / "b.tif"]
    report = predict_files(segmenter, files, tmp_path / "out", verbose=False)
    assert report.unused == [(files[0], ("nir",))]
    expected = segmenter.predict(image(4)[..., [3, 2, 1]]).labels
    np.testing.assert_array_equal(out_label(tmp_path), expected)
    with pytest.raises(InputError, match="display must name channels .* red, green, blue; got nir"):
        predict_files(segmenter, files, tmp_path / "other", display=["nir"])


def test_an_equalization_of_colours_refuses_three_other_channels():
    clahe = dataclasses.replace(CONFIG, augment=({"name": "CLAHE"},))
    for count in (1, 2, 5):
        model = ModelConfig(channels=count, channel_names=NAMES[:count])
        check_transforms(dataclasses.replace(clahe, model=model))
    check_transforms(dataclasses.replace(clahe, model=ModelConfig(channels=3)))
    model = ModelConfig(channels=3, channel_names=NAMES[:3])
    with pytest.raises(InputError, match="CLAHE/1 takes three channels .* dapi, gfp, rfp. Take it"):
        check_transforms(dataclasses.replace(clahe, model=model))


def test_three_named_channels_are_no_colours(tmp_path):
    data = dataset(tmp_path / "data", 3)
    assert resolved(CONFIG.model, data).normalization == "channel"
    plain = tfseg.convert_samples([(image(3), LABEL)], tmp_path / "plain")
    assert resolved(CONFIG.model, plain).normalization == "image"
    model_config = resolved(CONFIG.model, data)
    with pytest.raises(InputError, match="with the channels dapi, gfp, rfp of the network; got"):
        Segmenter(build_model(model_config), model_config).predict(image(1))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_pictures_show_any_channels(tmp_path, channels):
    pixels, config = image(channels), dataclasses.replace(CONFIG, augment=())
    assert preview(pixels, LABEL, config, count=1).shape[-1] == 3
    data = dataset(tmp_path / "data", channels)
    sample = replay(data, config, "000000", 0)
    sample.write(tmp_path / "replay")
    stored = tifffile.imread(tmp_path / "replay" / "image.tif")
    np.testing.assert_array_equal(stored.reshape(sample.image.shape), sample.image)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"channel_names": ("a", "b"), "channels": 3}, "a name for each of 3 channels; got 2"),
        ({"channel_names": ("a", "a")}, "model.channel_names must be a different name for each"),
        ({"limits": (0, 1, 2)}, r"or two for each channel; got \[0, 1, 2\]"),
        ({"limits": (0, 1, 0, 2), "channels": 3}, "two numbers, or two for each of 3 ch.*; got 4"),
        ({"min_contrast": (0, 1, 0, 2), "channels": 1}, "empty or two numbers; got 4"),
        ({"normalization": "pixel"}, "model.normalization must be one of channel, image"),
    ],
)
def test_options_that_do_not_fit_the_channels_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        ModelConfig(**options)


def test_channels_of_another_data_set_are_refused(tmp_path):
    data = dataset(tmp_path / "data", 2)
    with pytest.raises(InputError, match="channel_names must be dapi, gfp, as in .*; got a, b"):
        resolved(ModelConfig(channel_names=("a", "b")), data)
    model_config = resolved(CONFIG.model, dataset(tmp_path / "other", 2, names=("gfp", "dapi")))
    segmenter = Segmenter(build_model(model_config), model_config)
    turned = evaluate(segmenter, data, "val").metrics()  # by name, in the order of the network
    swapped = dataset(tmp_path / "swapped", 2, names=("gfp", "dapi"))
    assert set(turned) == set(evaluate(segmenter, swapped, "val").metrics())
    other = dataset(tmp_path / "third", 2, names=("gfp", "cy5"))
    with pytest.raises(InputError, match=r"has no channel 'dapi'; it has gfp, cy5"):
        evaluate(segmenter, other, "val")


def test_a_subset_by_name_is_trained_on_and_predicted(tmp_path):
    data = dataset(tmp_path / "data", 5)
    chosen = data.with_channels(["bright", "gfp"])
    assert (chosen.info.channels, chosen.info.channel_names) == (2, ("bright", "gfp"))
    assert chosen.with_channels(["gfp"]).kept.positions == (1,)
    (all_five,) = (sample["image"].numpy() for sample in data.samples("val"))
    (both,) = (sample["image"].numpy() for sample in chosen.samples("val"))
    np.testing.assert_array_equal(both, all_five[..., [4, 1]])
    pairs = np.reshape(data.info.statistics.min_contrast, (5, 2))
    assert chosen.info.statistics.min_contrast == (*pairs[4], *pairs[1])
    reading = dataclasses.replace(CONFIG.data, channels=("bright", "gfp"))
    config = dataclasses.replace(CONFIG, data=reading, augment=())
    expected, _, _ = next(iter(validation_batches(chosen, dataclasses.replace(CONFIG, augment=()))))
    images, _, _ = next(iter(validation_batches(data, config)))
    np.testing.assert_array_equal(images, expected)
    assert next(iter(training_batches(data, config)))[0].shape[-1] == 2
    model_config = resolved(config.model, chosen)
    segmenter = Segmenter(build_model(model_config), model_config)
    evaluate(segmenter, data, "val")
    pages, files = np.moveaxis(all_five, -1, 0), tmp_path / "files"
    files.mkdir()
    metadata = {"axes": "CYX", "Channel": {"Name": list(NAMES)}}
    tifffile.imwrite(files / "named.tif", pages, ome=True, metadata=metadata)
    tifffile.imwrite(files / "plain.tif", pages, imagej=True, metadata={"axes": "CYX"})
    report = predict_files(segmenter, [files], tmp_path / "out")
    assert [path.name for path in report.done] == ["named.tif"]
    ((path, reason),) = report.skipped
    assert (path.name, "channels bright, gfp of the network" in reason) == ("plain.tif", True)
    label = read_label(tmp_path / "out" / "labels" / "named.png")
    np.testing.assert_array_equal(label, segmenter.predict_with_doubt(both)[0].labels)
    plain = predict_files(segmenter, [files], tmp_path / "out", overwrite=True, channels=NAMES)
    assert len(plain.done) == 2
    with pytest.raises(InputError, match=r"has no channel 'gpf'; it has dapi.*'gfp'"):
        data.with_channels(["gpf"])


def test_one_colour_of_rgb_is_taken_by_name(tmp_path):
    data = tfseg.convert_samples([(image(3), LABEL)], tmp_path / "data")
    green = data.with_channels(["green"])
    assert (green.info.channels, green.info.statistics.min_contrast) == (1, ())
    model_config = resolved(CONFIG.model, green)
    segmenter = Segmenter(build_model(model_config), model_config)
    with pytest.raises(InputError, match=r"with the channels green of the network; got \[32"):
        segmenter.predict(image(3))
    tifffile.imwrite(tmp_path / "a.tif", image(3), photometric="rgb")
    predict_files(segmenter, [tmp_path / "a.tif"], tmp_path / "out")
    label = read_label(tmp_path / "out" / "labels" / "a.png")
    expected = segmenter.predict_with_doubt(image(3)[..., 1:2])[0].labels
    np.testing.assert_array_equal(label, expected)


def test_windows_of_a_large_file_have_the_chosen_channels(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "LARGE", 0)
    pixels = np.tile(image(5), (2, 2, 1))
    options = {"photometric": "minisblack", "planarconfig": "contig", "tile": (32, 32)}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    windows = opening.open_image(tmp_path / "a.tif").with_channels([4, 1])
    assert windows.shape == (*pixels.shape[:2], 2)
    np.testing.assert_array_equal(windows[10:50, 5:70], pixels[10:50, 5:70][..., [4, 1]])
