"""Images that cannot be used are left out with on_error="skip"."""

from __future__ import annotations

import csv
import shutil

import pytest

import tfseg
from tfseg import Dataset, InputError, convert
from tfseg.data.dataset.info import SKIPPED_FILE


def spoil(files, *names):
    for name in names:
        (files / name).write_bytes(b"not a picture")
    return files


def rows(data):
    with (data / SKIPPED_FILE).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_what_cannot_be_used_is_left_out_named_and_counted(tmp_path, write):
    names = [f"train/{name}" for name in "abcde"] + ["val/x", 'val/y, "z" é']
    files = write(tmp_path / "files", names)
    spoil(files, "train/images/b.png", "train/labels/c.png", 'val/images/y, "z" é.png')
    dataset = convert(files, tmp_path / "data", on_error="skip", shard_size=2)
    header, first, second, third = rows(dataset.path)
    assert header == ["file", "reason"]
    assert [row[0] for row in (first, second, third)] == [
        "train/images/b.png",
        "train/images/c.png",
        'val/images/y, "z" é.png',
    ]
    assert first[1].startswith("train/images/b.png must be a PNG, JPEG, TIFF, BMP or WebP image")
    assert second[1].startswith("train/labels/c.png must be ")
    info = Dataset.open(dataset.path).info
    assert info.skipped_images == 3
    assert {name: split.num_images for name, split in info.splits.items()} == {"train": 3, "val": 1}
    assert (info.splits["train"].num_instances, info.statistics.sizes) == (6, {"20x24": 4})
    stored = [sample["id"].decode() for sample in dataset.samples("train").as_numpy_iterator()]
    assert stored == ["a", "d", "e"]
    assert tfseg.check(dataset.path) == []


def test_without_the_option_the_first_one_ends_the_conversion(tmp_path, write):
    files = spoil(write(tmp_path / "files", list("abc")), "images/b.png")
    with pytest.raises(InputError, match=r"b\.png must be a PNG, JPEG, TIFF, BMP or WebP"):
        convert(files, tmp_path / "data")
    with pytest.raises(InputError, match=r"on_error must be one of .*got 'skipp'.*'skip'"):
        convert(files, tmp_path / "data", on_error="skipp")
    assert not (tmp_path / "data").exists()


def test_without_an_error_there_is_no_list_and_the_bytes_are_the_same(tmp_path, write, contents):
    files = write(tmp_path / "files", list("abc"))
    one, two = (convert(files, tmp_path / name, on_error=name).path for name in ("skip", "fail"))
    assert contents(one) == contents(two)
    assert Dataset.open(one).info.skipped_images == 0


def test_the_bytes_do_not_depend_on_where_the_source_lies_nor_on_interruptions(
    tmp_path, write, contents
):
    files = spoil(write(tmp_path / "files", list("abcdef")), "images/b.png", "labels/d.png")
    expected = contents(convert(files, tmp_path / "one", on_error="skip", shard_size=2).path)
    shutil.copytree(files, tmp_path / "other" / "files")

    def report(done, total):
        if done == 5:
            raise KeyboardInterrupt

    options = {"on_error": "skip", "shard_size": 2}
    with pytest.raises(KeyboardInterrupt):
        convert(tmp_path / "other" / "files", tmp_path / "two", on_progress=report, **options)
    convert(tmp_path / "other" / "files", tmp_path / "two", **options)
    assert contents(tmp_path / "two") == expected


def test_reasons_are_not_torn_where_the_name_of_the_source_is_part_of_another(
    tmp_path, write, monkeypatch
):
    spoil(write(tmp_path / "s", list("abc")), "images/b.png")
    monkeypatch.chdir(tmp_path)
    _, (file, reason) = rows(convert("s", "data", on_error="skip").path)
    assert file == "images/b.png"
    assert reason.startswith("images/b.png must be a PNG, JPEG, TIFF, BMP or WebP image")


@pytest.mark.parametrize("names", [["train/a", "val/x"], ["train/a", "val/x", "val/y"]])
def test_a_split_without_any_usable_image_is_refused_with_the_first_reason(tmp_path, write, names):
    files = spoil(write(tmp_path / "files", names), *(f"val/images/{n[4:]}.png" for n in names[1:]))
    message = r"No image of the split val can be used\. The first: val/images/x\.png must be"
    with pytest.raises(InputError, match=message):
        convert(files, tmp_path / "data", on_error="skip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["files"]


def test_a_shard_without_any_usable_image_is_empty_and_can_be_read(tmp_path, write):
    files = spoil(write(tmp_path / "files", list("abc")), "images/b.png")
    dataset = convert(files, tmp_path / "data", on_error="skip", shard_size=1)
    assert [shard.num_images for shard in dataset.split("train").shards] == [1, 0, 1]
    assert len(list(dataset.samples("train"))) == 2
    assert tfseg.check(dataset.path) == []


def test_a_data_set_with_a_list_can_be_replaced(tmp_path, write):
    files = spoil(write(tmp_path / "files", list("abc")), "images/b.png")
    convert(files, tmp_path / "data", on_error="skip")
    write(files, ["b"])
    assert convert(files, tmp_path / "data", overwrite=True).info.skipped_images == 0
    assert not (tmp_path / "data" / SKIPPED_FILE).exists()
