"""tfseg convert and tfseg check."""

from __future__ import annotations

import pytest


def test_convert_prints_the_splits_with_their_counts(tfseg, files, tmp_path):
    result = tfseg("convert", files, tmp_path / "data", "--val_fraction=0.25", "--class_name=cell")
    assert result.code == 0
    rows = [line.split() for line in result.out.splitlines()]
    assert rows[0] == ["split", "images", "instances", "shards"]
    assert sorted(rows[1:3]) == [["train", "6", "12", "1"], ["val", "2", "4", "1"]]
    assert rows[3] == ["data", "set:", str(tmp_path / "data")]
    assert "convert 8/8" in result.err


def test_convert_leaves_nothing_where_the_source_is_missing(tfseg, tmp_path):
    result = tfseg("convert", tmp_path / "no", tmp_path / "data")
    assert (result.code, result.out) == (2, "")
    assert str(tmp_path / "no") in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_convert_replaces_a_data_set_only_when_asked(tfseg, files, tmp_path):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    refused = tfseg("convert", files, tmp_path / "data")
    assert refused.code == 2
    assert "--overwrite" in refused.err or "overwrite" in refused.err
    assert tfseg("convert", files, tmp_path / "data", "--overwrite").code == 0


def test_check_of_a_good_data_set_finds_no_error(tfseg, dataset):
    result = tfseg("check", dataset, "--json")
    assert result.code == 0
    assert result.json["errors"] == 0
    assert result.json["splits"] == {
        "train": {"images": 6, "instances": 12},
        "val": {"images": 2, "instances": 4},
    }


def test_check_prints_a_table_by_default(tfseg, dataset):
    result = tfseg("check", dataset)
    assert result.code == 0
    assert result.out.startswith("split  images  instances\n")
    assert "0 errors" in result.out


@pytest.mark.parametrize("as_json", [False, True])
def test_check_of_a_damaged_shard_names_it_and_exits_with_1(tfseg, files, tmp_path, as_json):
    assert tfseg("convert", files, tmp_path / "data").code == 0
    (shard,) = tmp_path.glob("data/**/*.tfrecord*")
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 0xFF
    shard.write_bytes(data)
    result = tfseg("check", tmp_path / "data", *(["--json"] if as_json else []))
    assert result.code == 1
    assert shard.name in result.out
    if as_json:
        assert result.json["errors"] >= 1


def test_check_of_something_else_is_bad_input(tfseg, tmp_path):
    result = tfseg("check", tmp_path)
    assert (result.code, result.out) == (2, "")
    assert str(tmp_path) in result.err
