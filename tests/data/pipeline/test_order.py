"""Which record comes when: from one data set or several, in equal shares or balanced."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg import Dataset, InputError, RunConfig, convert, random
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.index import Index
from tfseg.data.dataset.mixture import Mixture
from tfseg.data.dataset.parsed_records import parse
from tfseg.data.pipeline.batches import training_batches, validation_batches
from tfseg.data.pipeline.order import mixed_order, read_balance, shuffled_order, training_order
from tfseg.training import nonfinite

NAMES = list("abcdefghij")
OTHERS = ["k", "l", "m"]


@pytest.fixture(scope="module")
def three(write, tmp_path_factory) -> Dataset:
    """Three images in train and one in val, of another size and 16 bits."""
    folder = tmp_path_factory.mktemp("three")
    names = [f"train/{name}" for name in OTHERS] + ["val/n"]
    label = np.zeros((50, 70), np.int32)
    label[10:20, 10:40] = 7
    image = np.random.default_rng(0).integers(0, 65536, (50, 70), np.uint16)
    files = write(folder / "files", names, image=image, label=label)
    return convert(files, folder / "data", shard_size=2)


@pytest.fixture(scope="module")
def both(ten, three) -> Mixture:
    return Mixture.join([ten, three])


def configured(*, seed=0, **data) -> RunConfig:
    options = DataConfig(crop_size=32, **data)
    return RunConfig(seed=seed, data=options, augment=(), train=TrainConfig(batch_size=4))


def stream(dataset, *, first=0, count, **data):
    """Returns index and epoch of `count` samples from `first` on."""
    taken = training_order(dataset, configured(**data), first=first).take(count)
    return [(int(item["index"]), int(item["epoch"])) for item in taken.as_numpy_iterator()]


def test_a_single_set_has_the_shuffled_order(ten):
    plain = shuffled_order(10, seed=random.root(0), first=7).take(20).as_numpy_iterator()
    assert stream(ten, first=7, count=20) == [(item["index"], item["epoch"]) for item in plain]
    assert Mixture.join([ten]) is ten


def test_the_records_of_a_mixture_are_those_of_its_sets_one_after_the_other(both):
    index = Index.read(both, "train")
    assert [parse(index.payload(number)).id for number in range(13)] == NAMES + OTHERS
    assert both.split("train").num_images == 13
    assert both.split("train").min_side == 20
    assert [parse(record).id for record in both.records("val").as_numpy_iterator()] == ["n"]
    assert (both.info.channels, both.info.dtype) == (1, "uint16")


def test_without_weights_a_mixture_has_every_image_once_in_as_many_samples_as_there_are(both):
    indices = [index for index, _ in stream(both, count=39)]
    blocks = [indices[start : start + 13] for start in (0, 13, 26)]
    assert [sorted(block) for block in blocks] == [list(range(13))] * 3
    assert len(set(map(tuple, blocks))) == 3


def test_weights_are_kept_in_every_block_and_each_set_has_its_epochs(both):
    taken = stream(both, count=90, weights=(2, 1))
    for start in range(0, 90, 3):
        assert sum(index < 10 for index, _ in taken[start : start + 3]) == 2
    for low, high, n in ((0, 10, 10), (10, 13, 3)):
        part = [item for item in taken if low <= item[0] < high]
        assert [epoch for _, epoch in part] == [number // n for number in range(len(part))]
        for start in range(0, len(part) - n + 1, n):
            assert sorted(index for index, _ in part[start : start + n]) == list(range(low, high))
    orders = {
        tuple(index < 10 for index, _ in taken[start : start + 3]) for start in range(0, 90, 3)
    }
    assert len(orders) == 3  # the small set is now the first, now the second, now the third


@settings(max_examples=5)
@given(
    counts=st.lists(st.integers(1, 6), min_size=2, max_size=3),
    weights=st.lists(st.integers(1, 4), min_size=3, max_size=3),
    first=st.integers(0, 40),
)
def test_a_mixture_resumes_at_any_sample(counts, weights, first):
    weights = weights[: len(counts)]
    full, rest = (
        [
            (int(item["index"]), int(item["epoch"]))
            for item in mixed_order(counts, weights=weights, seed=random.root(1), first=start)
            .take(50 - start)
            .as_numpy_iterator()
        ]
        for start in (0, first)
    )
    assert rest == full[first:]


def test_two_sets_of_one_size_have_different_orders():
    taken = mixed_order([8, 8], weights=(1, 1), seed=random.root(0), first=0).take(16)
    indices = [int(item["index"]) for item in taken.as_numpy_iterator()]
    assert [index for index in indices if index < 8] != [
        index - 8 for index in indices if index >= 8
    ]


def test_batches_of_a_mixture_resume_at_any_step_with_the_same_bits(both):
    config = configured(weights=(2, 1))
    full = list(training_batches(both, config).take(6).as_numpy_iterator())
    rest = list(training_batches(both, config, first_step=4).take(2).as_numpy_iterator())
    for ours, theirs in zip(rest, full[4:], strict=True):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    assert full[0][0].shape == (4, 32, 32, 1)
    (images, _, weights), *more = validation_batches(both, config).as_numpy_iterator()
    assert not more and images.shape == (4, 32, 32, 1) and weights.tolist() == [1, 0, 0, 0]


def test_the_samples_of_a_step_are_named_in_a_mixture_too(both):
    taken = stream(both, first=8, count=4, weights=(2, 1))
    expected = [(NAMES + OTHERS)[index] for index, _ in taken]
    assert nonfinite.sample_ids(both, configured(weights=(2, 1)), step=3) == expected


def test_other_classes_are_refused_with_both_tables(ten, write, tmp_path):
    other = convert(write(tmp_path / "files", ["a"]), tmp_path / "data", class_name="cell")
    with pytest.raises(InputError, match=r"same classes; .* has object, .* has cell.*Convert"):
        Mixture.join([ten, other])


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3)])
def test_weights_that_are_not_one_for_each_set_are_refused(both, weights):
    with pytest.raises(InputError, match="whole number for each of the 2 data sets; got 1"):
        training_order(both, configured(weights=weights), first=0)


def test_weights_of_a_single_set_are_refused(ten):
    with pytest.raises(InputError, match=r"data\.weights are for several data sets"):
        training_order(ten, configured(weights=(1,)), first=0)


@pytest.mark.parametrize("weight", [0, -1, 1.5])
def test_a_weight_is_a_whole_number_from_1_on(weight):
    with pytest.raises(InputError, match=r"Each of data\.weights must be a whole number"):
        DataConfig(weights=(1, weight))


def table(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return str(path)


def test_every_group_comes_equally_often(ten, tmp_path):
    # Groups of 8 and 2 images: half of the 10 samples of an epoch are of the two, 2.5 of each.
    rows = [f"{name},{'rare' if name in 'bg' else 'common'}" for name in NAMES]
    balance = table(tmp_path / "groups.csv", "id,group", rows)
    taken = stream(ten, count=400, balance=balance)
    assert [epoch for _, epoch in taken] == [number // 10 for number in range(400)]
    for start in range(0, 400, 10):
        counts = Counter(index for index, _ in taken[start : start + 10])
        assert {counts[1], counts[6]} <= {2, 3}
        assert all(counts[index] <= 1 for index in range(10) if index not in (1, 6))
    everything = Counter(index for index, _ in taken)
    expected = np.array([100 if index in (1, 6) else 25 for index in range(10)])
    np.testing.assert_allclose([everything[index] for index in range(10)], expected, atol=15)
    assert stream(ten, first=137, count=50, balance=balance) == taken[137:187]


def test_images_come_as_often_as_their_weights_say(ten, tmp_path):
    rows = [f"{name},{4 if name == 'c' else 1}" for name in reversed(NAMES)]
    balance = table(tmp_path / "weights.csv", "id,weight", rows)
    everything = Counter(index for index, _ in stream(ten, count=1300, balance=balance))
    assert everything[2] == pytest.approx(400, abs=12)  # 4 of 13; 3 or 4 in each of 130 epochs
    assert sum(everything.values()) == 1300


def test_in_a_mixture_the_images_of_each_set_are_balanced_among_themselves(both, tmp_path):
    rows = [f"{name},{2 if name == 'k' else 1}" for name in NAMES + OTHERS]
    balance = table(tmp_path / "weights.csv", "id,weight", rows)
    taken = stream(both, count=520, balance=balance)
    everything = Counter(index for index, _ in taken)
    assert all(everything[index] == 40 for index in range(10))
    np.testing.assert_allclose([everything[index] for index in (10, 11, 12)], [60, 30, 30], atol=12)
    assert stream(both, first=77, count=30, balance=balance) == taken[77:107]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        ("name,weight", ["a,1"], "columns id and weight or group; got name, weight"),
        ("", [], "columns id and weight or group; got none"),
        ("id,weight", ["a,0"], "positive weight in every row; got '0' for 'a'"),
        ("id,weight", ["a,nan"], "got 'nan' for 'a'"),
        ("id,weight", ["a,much"], "got 'much' for 'a'"),
    ],
)
def test_a_table_of_another_form_is_refused(tmp_path, header, rows, message):
    path = tmp_path / "table.csv"
    table(path, header, rows)
    with pytest.raises(InputError, match=message):
        read_balance(path)


def test_a_missing_table_or_one_that_lacks_a_sample_is_refused(ten, tmp_path):
    with pytest.raises(InputError, match=r"no\.csv does not exist\. Check"):
        training_order(ten, configured(balance=str(tmp_path / "no.csv")), first=0)
    balance = table(tmp_path / "some.csv", "id,weight", ["a,1"])
    with pytest.raises(InputError, match=r"must have every image; b, c, d and 6 more are missing"):
        training_order(ten, configured(balance=balance), first=0)
