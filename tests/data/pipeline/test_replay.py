"""A replayed sample is the one that training saw, and its numbers are those that made it."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorflow as tf
import tifffile

from tfseg import Dataset, InputError, RunConfig, convert, random
from tfseg.augment import Chain, from_spec
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.dataset import reader_of
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.files.images import read_image
from tfseg.data.pipeline.batches import training_batches
from tfseg.data.pipeline.normalization import Normalization
from tfseg.data.pipeline.order import shuffled_order
from tfseg.data.pipeline.replay import replay
from tfseg.heads import CenterOffset

NAMES = ["first", "second", "third", "fourth", "fifth"]
POLICY = (
    {"name": "OneOf", "p": 0.7, "transforms": ({"name": "Rotate"}, {"name": "HorizontalFlip"})},
    {"name": "ShiftScaleRotate", "p": 0.5},
    {"name": "GaussNoise", "p": 0.5},
    {"name": "GaussNoise", "p": 0.0},
)


class Ids(CenterOffset):
    """A head whose targets are the ids themselves, so that they can be looked at."""

    def targets(self, labels):
        return {"ids": labels}


def configured(augment=POLICY, *, seed=0, batch_size=2, foreground_share=0.5) -> RunConfig:
    return RunConfig(
        seed=seed,
        data=DataConfig(crop_size=32, foreground_share=foreground_share),
        augment=augment,
        train=TrainConfig(batch_size=batch_size),
    )


@pytest.fixture(scope="module")
def five(write, tmp_path_factory) -> Dataset:
    """Five images of 40 x 60 pixels with another id at every pixel, in two shards."""
    folder = tmp_path_factory.mktemp("five")
    label = np.arange(1, 40 * 60 + 1).reshape(40, 60)
    return convert(write(folder / "files", NAMES, label=label), folder / "data", shard_size=3)


def trained_on(dataset, config, steps):
    """Yields name, epoch, image and ids of what training with `config` sees in its first steps."""
    count = dataset.split("train").num_images
    order = shuffled_order(count, seed=random.root(config.seed), first=0)
    reader = reader_of(dataset, "train")
    stream = order.map(lambda position: position | reader.read(position["index"]))
    batches = training_batches(dataset, config, Ids()).take(steps).unbatch()
    for one, (image, target) in zip(stream, batches, strict=False):
        yield parse(one["record"].numpy()).id, int(one["epoch"]), image, target["ids"]


def test_a_replay_has_the_bits_that_training_saw(five):
    replayed = list(trained_on(five, configured(), steps=6))
    assert {epoch for _, epoch, _, _ in replayed} == {0, 1, 2}
    for name, epoch, image, ids in (replayed[0], replayed[11]):
        again = replay(five, configured(), name, epoch)
        assert (again.sample_id, again.epoch) == (name, epoch)
        np.testing.assert_array_equal(again.image, image)
        np.testing.assert_array_equal(again.label, ids)
        assert (again.image.dtype, again.label.dtype) == (np.float32, np.int32)


def test_a_replay_depends_on_seed_epoch_and_sample_and_not_on_the_batch(five):
    noise = ({"name": "GaussNoise"},)
    replayed = replay(five, configured(noise), "third", 4)
    same = replay(five, configured(noise, batch_size=3), "third", 4)
    assert same.draw() == replayed.draw()
    np.testing.assert_array_equal(same.image, replayed.image)
    for name, epoch, seed in [("third", 5, 0), ("fourth", 4, 0), ("third", 4, 1)]:
        other = replay(five, configured(noise, seed=seed), name, epoch)
        assert other.params["GaussNoise/1"]["key"] != replayed.params["GaussNoise/1"]["key"]


@pytest.fixture(scope="module")
def replayed(five):
    return replay(five, configured(), "third", 4)


def test_the_numbers_are_plain_and_named_as_the_chain_names_them(replayed):
    assert list(replayed.params) == [
        "OneOf/1/Rotate/1",
        "OneOf/1/HorizontalFlip/1",
        "ShiftScaleRotate/1",
        "GaussNoise/1",
        "GaussNoise/2",
    ]
    assert {type(values["on"]) for values in replayed.params.values()} == {bool}
    assert set(replayed.params["ShiftScaleRotate/1"]) == {"on", "y", "x", "scale", "radians"}
    assert {type(value) for value in replayed.params["ShiftScaleRotate/1"].values()} == {
        bool,
        float,
    }
    assert replayed.params["GaussNoise/2"]["on"] is False
    assert json.loads(json.dumps(replayed.draw())) == replayed.draw()


def test_the_chain_makes_the_same_ids_of_the_numbers_alone(five):
    flip = ({"name": "HorizontalFlip", "p": 1.0}, {"name": "RandomBrightnessContrast", "p": 1.0})
    replayed = replay(five, configured(flip, foreground_share=0.0), "second", 1)
    still = replay(five, configured((), foreground_share=0.0), "second", 1)
    assert replayed.corner == still.corner
    params = tf.nest.map_structure(tf.constant, replayed.params)
    made = Chain(from_spec(flip)).apply({"image": still.image, "label": still.label}, params)
    np.testing.assert_array_equal(made["label"], replayed.label)
    np.testing.assert_allclose(made["image"], replayed.image, rtol=0, atol=1e-6)


def test_without_transforms_the_corner_is_where_the_crop_was_cut(five):
    replayed = replay(five, configured(()), "fifth", 0)
    assert replayed.params == {}
    top, left = replayed.corner
    assert replayed.label[0, 0] == top * 60 + left + 1
    (sample,) = (one for one in five.samples("train") if one["id"].numpy() == b"fifth")
    image = Normalization()(sample["image"])[top : top + 32, left : left + 32]
    np.testing.assert_array_equal(replayed.image, image)


def test_what_is_written_is_what_was_seen(replayed, tmp_path):
    replayed.write(tmp_path / "a" / "b")
    folder = tmp_path / "a" / "b"
    np.testing.assert_array_equal(read_image(folder / "image.tif"), replayed.image)
    np.testing.assert_array_equal(tifffile.imread(folder / "ids.tif"), replayed.label)
    assert json.loads((folder / "draw.json").read_text(encoding="utf-8")) == replayed.draw()


def test_an_unknown_sample_is_refused_with_the_nearest_name(five):
    message = r"has no sample 'secnd' among the 5 of its split train.*Did you mean 'second'\?"
    with pytest.raises(InputError, match=message):
        replay(five, configured(), "secnd", 0)


@pytest.mark.parametrize("epoch", [-1, 0.5, 2**31 - 1])
def test_an_epoch_that_training_cannot_reach_is_refused(five, epoch):
    with pytest.raises(InputError, match=r"epoch must be a whole number in \[0, 2147483646\]"):
        replay(five, configured(), "second", epoch)


def test_what_training_refuses_a_replay_refuses_in_the_same_words(five):
    config = configured(({"name": "ToGray"},))
    message = r"^ToGray needs images of 3 channels, red, green and blue; got 1\. Remove .*\.$"
    with pytest.raises(InputError, match=message):
        training_batches(five, config, Ids())
    with pytest.raises(InputError, match=message):
        replay(five, config, "second", 0)
