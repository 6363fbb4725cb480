"""A cache changes how often an image is decoded, and nothing else."""

from __future__ import annotations

import contextlib
import gc
import shutil
import tempfile
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tfseg import Dataset, InputError, RunConfig, atomic, convert
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.dataset.split_reader import SplitReader
from tfseg.data.pipeline import cache
from tfseg.data.pipeline.batches import training_batches

MOVE = ({"name": "ShiftScaleRotate", "p": 1.0},)
SIZES = {"a": (20, 24), "b": (50, 70), "c": (33, 31), "d": (32, 32), "é": (90, 40)}


@pytest.fixture(scope="module")
def sizes(write, tmp_path_factory) -> Dataset:
    """Five images of five sizes, in two shards; one name is not ASCII."""
    folder = tmp_path_factory.mktemp("sizes")
    for name, (height, width) in SIZES.items():
        label = np.arange(1, height * width + 1, dtype=np.int32).reshape(height, width)
        write(folder / "files", [name], label=label)
    return convert(folder / "files", folder / "data", shard_size=3)


def batches(dataset, kept, *, first_step=0, count):
    config = RunConfig(
        data=DataConfig(crop_size=32, cache=kept),
        augment=MOVE,
        train=TrainConfig(batch_size=2),
    )
    made = training_batches(dataset, config, first_step=first_step)
    assert made.element_spec[0] == tf.TensorSpec((2, 32, 32, 1), tf.float32)
    return list(made.take(count).as_numpy_iterator())


def equal(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        for mine, yours in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, yours)


@pytest.fixture(scope="module")
def plain(sizes):
    """Four epochs of images of many sizes, without a cache."""
    return batches(sizes, "none", count=10)


@pytest.mark.parametrize("kept", ["memory", "disk"])
def test_batches_are_those_without_a_cache_bit_for_bit_from_any_step_on(sizes, plain, kept):
    equal(batches(sizes, kept, count=10), plain)
    equal(batches(sizes, kept, first_step=3, count=7), plain[3:])


@pytest.mark.parametrize("kept", ["memory", "disk"])
def test_every_image_is_decoded_once(sizes, kept, monkeypatch):
    decoded, decode = [], SplitReader.decode

    def counted(self, stored):
        sample = decode(self, stored)
        note = tf.numpy_function(lambda id: decoded.append(id.decode()), [sample["id"]], [])
        with tf.control_dependencies([note]):
            return sample | {"id": tf.identity(sample["id"])}

    monkeypatch.setattr(SplitReader, "decode", counted)
    batches(sizes, kept, count=15)
    # An image may be asked for again while it is decoded: at the seam of two epochs.
    assert set(decoded) == set(SIZES)
    assert len(decoded) <= 8 < 30


def test_the_folder_on_disk_is_gone_with_the_pipeline(sizes, plain, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = cache.new_cache(sizes, "disk")
    kept.put(np.int64(3), b"name", np.arange(6).reshape(2, 3))
    (folder,) = tmp_path.iterdir()
    assert [file.name for file in folder.iterdir()] == ["3"]
    name, numbers = kept.get(np.int64(3))
    assert name == b"name"
    np.testing.assert_array_equal(numbers, [[0, 1, 2], [3, 4, 5]])
    assert kept.has(np.int64(3)) and not kept.has(np.int64(4))
    del kept
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_sample_brought_while_it_is_written_is_not_written_again(sizes, monkeypatch):
    kept, replacing, written = cache.new_cache(sizes, "disk"), atomic.replacing, []

    @contextlib.contextmanager
    def interrupted(path, **options):
        written.append(path.name)
        with replacing(path, **options) as partial:
            yield partial
            kept.put(np.int64(3), np.arange(6))
            assert not kept.has(np.int64(3))

    monkeypatch.setattr(atomic, "replacing", interrupted)
    kept.put(np.int64(3), np.arange(6))
    assert written == ["3"]
    (numbers,) = kept.get(np.int64(3))
    np.testing.assert_array_equal(numbers, np.arange(6))


def test_the_size_is_that_of_the_decoded_images_and_ids(sizes):
    pixels = sum(height * width for height, width in SIZES.values())
    assert cache.num_bytes(sizes) == pixels * (1 + 4)  # uint8 grey, int32 ids
    samples = sizes.samples("train").as_numpy_iterator()
    assert sum(sample["image"].nbytes + sample["label"].nbytes for sample in samples) == pixels * 5
    assert cache.num_bytes(Mixture.join([sizes, sizes])) == 2 * pixels * 5
    assert cache.described(sizes, "disk") == "decoded images are kept: about 0.0481 MB (disk)"


@pytest.mark.parametrize(
    ("kept", "remedy"), [("memory", "Choose disk or none"), ("disk", "Choose none")]
)
def test_a_cache_that_does_not_fit_is_refused_with_its_size(sizes, monkeypatch, kept, remedy):
    monkeypatch.setattr(cache.machine, "usable_memory", lambda: 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(
        InputError, match=f"{kept} takes about 0.0481 MB; 0.001 MB are available. {remedy}"
    ):
        batches(sizes, kept, count=1)


def test_another_kind_of_cache_is_refused_by_the_configuration():
    with pytest.raises(InputError, match=r"data\.cache must be one of disk, memory, none"):
        DataConfig(cache="ram")
