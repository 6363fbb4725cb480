"""Records read by position: the index, the parts of hosts, and what damage does."""

from __future__ import annotations

import dataclasses
import shutil
import warnings

import numpy as np
import pytest

from tfseg import Dataset, InputError, RunConfig, convert, random
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.dataset import reader_of
from tfseg.data.dataset.index import UNREADABLE, Index
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.pipeline.batches import training_batches
from tfseg.data.pipeline.order import host_part, shuffled_order
from tfseg.data.pipeline.reading import unwrap_input_errors
from tfseg.heads import CenterOffset

NAMES = list("abcdefghij")


@pytest.fixture
def copy(ten, tmp_path) -> Dataset:
    return Dataset.open(shutil.copytree(ten.path, tmp_path / "data"))


def read(dataset, *, on_corrupt="fail", first=0, count=10):
    """Returns the names of `count` samples in the order of training."""
    order = shuffled_order(dataset.split("train").num_images, seed=random.root(0), first=first)
    reader = reader_of(dataset, "train", on_corrupt=on_corrupt)
    records = order.take(count).map(lambda position: reader.read(position["index"]))
    with unwrap_input_errors():
        return [parse(example["record"]).id for example in records.as_numpy_iterator()]


def flip(index, record, byte, bit=0):
    """Flips a bit of a record, counted from the start of its frame."""
    path, offset = index.paths[index.shards[record]], int(index.offsets[record])
    with open(path, "r+b") as file:
        file.seek(offset + byte)
        (value,) = file.read(1)
        file.seek(offset + byte)
        file.write(bytes([value ^ 1 << bit]))


def names_in_stored_order(dataset):
    return [parse(record).id for record in dataset.records("train").as_numpy_iterator()]


def test_the_index_finds_every_record_where_tensorflow_reads_it(ten):
    index = Index.read(ten, "train")
    assert index.shards.tolist() == [0, 0, 1, 1, 1, 2, 2, 3, 3, 3]
    assert index.numbers.tolist() == [0, 1, 0, 1, 2, 0, 1, 0, 1, 2]
    stored = list(ten.records("train").as_numpy_iterator())
    assert [index.payload(number) for number in range(10)] == stored


def test_the_order_does_not_depend_on_the_number_of_shards(ten, write, tmp_path):
    single = convert(write(tmp_path / "files", NAMES), tmp_path / "one")
    assert len(single.split("train").shards) == 1
    assert read(single, count=25) == read(ten, count=25)


@pytest.mark.parametrize("num_hosts", [1, 2, 3, 6])
def test_the_hosts_together_read_what_one_host_reads(num_hosts):
    alone = [
        int(item["index"]) for item in shuffled_order(10, seed=random.root(3), first=12).take(60)
    ]
    parts = []
    for host in range(num_hosts):
        stream = shuffled_order(10, seed=random.root(3), first=12)
        part = host_part(stream, batch_size=6, host=host, num_hosts=num_hosts)
        indices = [int(item["index"]) for item in part.take(60 // num_hosts)]
        parts.append(np.reshape(indices, (10, -1)))
    assert np.concatenate(parts, axis=1).ravel().tolist() == alone
    epoch = alone[8:18]  # sample 20 is the first of the third epoch
    assert sorted(epoch) == list(range(10))


def configured(**options) -> RunConfig:
    return RunConfig(
        data=DataConfig(crop_size=32, **options), augment=(), train=TrainConfig(batch_size=4)
    )


def test_the_batches_of_two_hosts_side_by_side_are_those_of_one(ten):
    def images(**host):
        batches = training_batches(ten, configured(), CenterOffset(), first_step=1, **host)
        return [images for images, _ in batches.take(5).as_numpy_iterator()]

    one, other = (images(host=host, num_hosts=2) for host in (0, 1))
    assert one[0].shape == (2, 32, 32, 1)
    for batch, *halves in zip(images(), one, other, strict=True):
        np.testing.assert_array_equal(batch, np.concatenate(halves))


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ({"host": 0, "num_hosts": 3}, "multiple of the 3 hosts; got 4"),
        ({"host": 2, "num_hosts": 2}, r"host must be a whole number in \[0, 1\]"),
    ],
)
def test_hosts_that_cannot_share_a_batch_are_refused(ten, host, message):
    with pytest.raises(InputError, match=message):
        training_batches(ten, configured(), CenterOffset(), **host)


def test_copy_paste_is_refused_with_several_hosts(ten):
    config = dataclasses.replace(configured(), augment=({"name": "CopyPaste"},))
    with pytest.raises(InputError, match=r"got 2 hosts\. Take CopyPaste out of augment\.$"):
        training_batches(ten, config, CenterOffset(), host=0, num_hosts=2)


def test_a_flipped_bit_in_any_payload_is_an_error_that_names_shard_record_and_sample(copy):
    index, names = Index.read(copy, "train"), names_in_stored_order(copy)
    flip(index, 3, byte=500)
    message = rf"train-00001-of-00004\.tfrecord, record 1 \(sample '{names[3]}'\) is damaged"
    with pytest.raises(InputError, match=message):
        read(copy)


def test_a_damaged_record_is_skipped_with_one_warning_and_the_others_keep_their_positions(copy):
    names, names_read = names_in_stored_order(copy), read(copy, count=30)
    flip(Index.read(copy, "train"), 4, byte=500)
    flip(Index.read(copy, "train"), 5, byte=700, bit=6)
    expected = [names[6] if name in names[4:6] else name for name in names_read]
    with pytest.warns(UserWarning, match="is damaged and left out") as warned:
        assert read(copy, on_corrupt="skip", count=30) == expected
    texts = [str(warning.message) for warning in warned]
    assert [text.rpartition(";")[2] for text in texts] == [
        " 1 of 10 records so far.",
        " 2 of 10 records so far.",
    ]
    assert sum(f"(sample {name!r})" in text for name in names[4:6] for text in texts) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read(copy, on_corrupt="skip", first=13, count=17) == expected[13:]


@pytest.mark.parametrize("byte", [0, 2, 7, 8, 11])
def test_a_flipped_bit_in_the_framing_loses_the_records_after_it_in_its_shard_only(copy, byte):
    flip(Index.read(copy, "train"), 3, byte=byte)
    with pytest.raises(
        InputError, match=r"train-00001.*record 1, with the 1 after it .* is damaged"
    ):
        read(copy)
    index = Index.read(copy, "train")
    assert (index.offsets == UNREADABLE).nonzero()[0].tolist() == [3, 4]
    with pytest.warns(UserWarning, match="2 of 10 records so far") as warned:
        assert len(set(read(copy, on_corrupt="skip"))) == 8
    assert len(warned) == 1


@pytest.mark.parametrize("missing", [1, 3, 400])
def test_a_shard_cut_short_loses_its_last_records(copy, missing):
    path = copy.shard_paths("train")[3]
    path.write_bytes(path.read_bytes()[:-missing])
    with pytest.raises(InputError, match=r"train-00003.*record 2 is damaged"):
        read(copy)
    with pytest.warns(UserWarning, match="1 of 10 records so far"):
        assert len(set(read(copy, on_corrupt="skip"))) == 9


def test_a_shard_with_more_records_than_dataset_json_says_is_refused(copy):
    path = copy.shard_paths("train")[0]
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match="must end after the 2 records"):
        read(copy, on_corrupt="skip")


def test_training_ends_where_no_record_is_intact(copy):
    index = Index.read(copy, "train")
    for record in range(10):
        flip(index, record, byte=300)
    with (
        pytest.warns(UserWarning),
        pytest.raises(InputError, match="data is damaged: no record is intact"),
    ):
        read(copy, on_corrupt="skip")
