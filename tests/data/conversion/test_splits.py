"""Splits: by a hash, by groups that stay together, by a table."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfseg.checks import InputError
from tfseg.data.conversion.formats.base import Item
from tfseg.data.conversion.splits import assign_splits


def items(ids):
    return [Item(id, Path(f"{id}.png"), ()) for id in ids]


def ids(splits):
    return {split: [item.id for item in part] for split, part in splits.items()}


PATIENTS = [f"p{patient}_s{slide}" for patient in range(20) for slide in range(4)]


@given(
    seed=st.integers(0, 10**6),
    added=st.lists(st.integers(0, 60), unique=True, max_size=20),
    fraction=st.sampled_from([0.3, 0.5]),
)
def test_images_and_groups_added_later_move_no_other_and_no_group_is_parted(seed, added, fraction):
    more = sorted({*PATIENTS, *(f"p{patient}_s{patient % 9}" for patient in added)})
    options = {"val_fraction": fraction, "seed": seed, "groups": r"^(p\d+)_"}
    few = ids(assign_splits({"train": items(PATIENTS)}, **options))
    many = ids(assign_splits({"train": items(more)}, **options))
    for split in ("train", "val"):
        assert set(few[split]) == set(many[split]) & set(PATIENTS)
    groups = {split: {id.split("_")[0] for id in part} for split, part in many.items()}
    assert not groups["train"] & groups["val"]
    assert sorted(many["train"] + many["val"]) == more


def test_without_groups_the_images_of_a_patient_do_part():
    parted = ids(assign_splits({"train": items(PATIENTS)}, val_fraction=0.5))
    groups = {split: {id.split("_")[0] for id in part} for split, part in parted.items()}
    assert groups["train"] & groups["val"]


def test_a_function_an_expression_and_a_table_give_the_same_groups(tmp_path):
    rows = [f"{id},{id.split('_')[0]}" for id in PATIENTS]
    (tmp_path / "g.csv").write_text("id,group\n" + "\n".join(rows), encoding="utf-8-sig")
    made = [
        ids(assign_splits({"train": items(PATIENTS)}, val_fraction=0.4, groups=groups))
        for groups in (
            lambda id: id.split("_")[0],
            r"^(p\d+)_",
            r"^p\d+",
            tmp_path / "g.csv",
            str(tmp_path / "g.csv"),
        )
    ]
    assert made[1:] == made[:-1]
    assert list(made[0]) == ["train", "val"]


def test_a_group_in_two_given_splits_is_refused():
    splits = {"train": items(["a_1", "b_1"]), "test": items(["b_2"])}
    with pytest.raises(
        InputError, match=r"Group 'b' must be in one split; it is in train and in te"
    ):
        assign_splits(splits, groups="^(.)_")
    assert assign_splits(splits) == splits


def test_a_table_says_the_split_of_every_image(tmp_path):
    table = tmp_path / "splits.csv"
    table.write_text('split,id,note\ntest,b,x\nvalid,"a, ä",y\ntrain,c,\n', encoding="utf-8")
    parted = assign_splits({"train": items(["a, ä", "b", "c"])}, table=table)
    assert ids(parted) == {"train": ["c"], "val": ["a, ä"], "test": ["b"]}
    assert list(parted) == ["train", "val", "test"]


TABLES = {
    "id,split\na,train\n": r"s\.csv must have every image; b are missing\. Add them",
    "id,split\na,train\nb,val\nc,val\n": r"s\.csv has ids without an image: c\. Correct",
    "id,split\na,train\nb,dev\n": r"A split in \S+s\.csv must be one of test, train, val; got 'd",
    "id,split\na,train\nb\n": r"must give every id one split; 'b' has none or two",
    "id,split\na,train\na,val\nb,val\n": r"must give every id one split; 'a' has none or two",
    "name,split\na,train\n": r"must have the columns id and split; got name, split\. Name",
    "": r"must have the columns id and split; got none\. Name",
    'id,split\n"a': r"s\.csv, line \d: unexpected end of data\. Save it",
}


@pytest.mark.parametrize("text", TABLES)
def test_a_table_that_does_not_fit_the_images_is_refused(tmp_path, text):
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=TABLES[text]):
        assign_splits({"train": items(["a", "b"])}, table=tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": "("}, r"groups must be a \.csv file or a regular expression; got '\('"),
        ({"groups": r"^(\d+)_"}, r"groups must match every id; .* matches none of a, b\. Correct"),
        ({"groups": "a(x)?"}, r"matches none of a, b\. Correct"),
        ({"groups": "no.csv"}, r"no\.csv does not exist\. Check the path"),
        ({"groups": "a|b", "val_fraction": 1e-9}, r"val_fraction must leave images in every split"),
    ],
)
def test_groups_that_cannot_be_used_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        assign_splits({"train": items(["a", "b"])}, **options)


def test_a_table_needs_a_source_without_splits(tmp_path):
    (tmp_path / "s.csv").write_text("id,split\n")
    with pytest.raises(
        InputError, match=r"needs a source without splits; got the splits train, va"
    ):
        assign_splits({"train": items("a"), "val": items("b")}, table=tmp_path / "s.csv")


def test_a_share_of_test_moves_no_image_of_val():
    names = [f"{number:03}" for number in range(100)]
    alone = ids(assign_splits({"train": items(names)}, val_fraction=0.3, seed=5))
    both = ids(assign_splits({"train": items(names)}, val_fraction=0.3, test_fraction=0.2, seed=5))
    assert both["val"] == alone["val"]
    assert sorted(both["train"] + both["test"]) == alone["train"]
    assert 10 <= len(both["test"]) <= 30
    with pytest.raises(InputError, match="test_fraction needs a source .* and no split test; got"):
        assign_splits({"train": items("a"), "test": items("b")}, test_fraction=0.5)
    message = "val_fraction and test_fraction must leave images in every split; 0.5 and 0.5 of 100"
    with pytest.raises(InputError, match=message):
        assign_splits({"train": items(names)}, val_fraction=0.5, test_fraction=0.5)
