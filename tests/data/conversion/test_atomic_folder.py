"""Writing a data set completely or not at all, on real files."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

import tfseg
from tfseg.checks import InputError
from tfseg.data.conversion.atomic_folder import check_destination, staged, writing
from tfseg.data.conversion.finished_shards import finished

NOBODY = 65534
NEW = {"train-00000-of-00001.tfrecord": b"new"}
OLD = {"dataset.json": b"old", "train-00000-of-00001.tfrecord": b"old"}


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Acts as a user who may write only what everybody may; root may write everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Lets files grow to `size` bytes only, so that writing fails as it does on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_the_folder_becomes_the_destination_when_the_block_ends_well(tmp_path, contents):
    with staged(tmp_path / "new" / "data") as folder:
        fill(folder, NEW)
        assert not (tmp_path / "new" / "data").exists()
    assert contents(tmp_path / "new") == {"data": None} | {f"data/{k}": v for k, v in NEW.items()}


@pytest.mark.parametrize("error", [ValueError, InputError, KeyboardInterrupt, SystemExit])
def test_nothing_stays_when_the_block_raises_and_its_error_is_passed_on(tmp_path, contents, error):
    with pytest.raises(error, match="in the block"), staged(tmp_path / "a" / "b" / "data") as new:
        fill(new, NEW)
        raise error("in the block")
    assert contents(tmp_path) == {}


def test_an_old_data_set_is_kept_until_the_new_one_is_complete(tmp_path, contents):
    destination = fill(tmp_path / "data", OLD)
    with staged(destination) as folder:
        fill(folder, NEW)
        assert contents(destination) == OLD
    assert contents(tmp_path) == {"data": None} | {f"data/{k}": v for k, v in NEW.items()}


def test_an_old_data_set_stays_when_the_block_raises(tmp_path, contents):
    destination = fill(tmp_path / "data", OLD)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="in the block"), staged(destination) as folder:
        fill(folder, NEW)
        raise ValueError("in the block")
    assert contents(tmp_path) == before


def test_an_old_data_set_comes_back_when_the_new_one_cannot_be_moved(
    tmp_path, contents, monkeypatch
):
    destination = fill(tmp_path / "data", OLD)
    before, rename = contents(tmp_path), os.rename

    def failing(source, target):  # no real disk fails in the second of two renames when asked to
        if Path(source).name == "data.partial":
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with (
        pytest.raises(InputError, match=r"data cannot be written: Input/output error\. Free"),
        staged(destination) as folder,
    ):
        fill(folder, NEW)
    assert contents(tmp_path) == before


# What a killed run can leave: killed while it wrote, between its two renames, and after them.
KILLED = {
    "writing": {"data.partial": {"val-00000-of-00009.tfrecord": b"half"}},
    "writing over": {"data": OLD, "data.partial": {"val-00000-of-00009.tfrecord": b"half"}},
    "between": {"data.partial": NEW, "data.replaced": OLD},
    "after": {"data": NEW, "data.replaced": OLD},
}


@pytest.mark.parametrize("state", KILLED)
def test_the_run_after_a_killed_one_leaves_the_new_data_set_and_nothing_else(
    tmp_path, contents, state
):
    for name, files in KILLED[state].items():
        fill(tmp_path / name, files)
    with staged(tmp_path / "data") as folder:
        assert contents(folder) == KILLED[state].get("data.partial", {}) | {"lock": b""}
        assert finished(folder, None) == {}
        assert contents(folder) == {"lock": b""}
        fill(folder, NEW)
    assert contents(tmp_path) == {"data": None} | {f"data/{k}": v for k, v in NEW.items()}


def test_a_second_run_is_refused_while_the_first_one_writes_and_changes_nothing(tmp_path, contents):
    with staged(tmp_path / "new" / "data") as folder:
        fill(folder, NEW)
        before = contents(tmp_path)
        message = r"new/data is being written by another run\. Wait for it to end, or choose"
        with pytest.raises(InputError, match=message), staged(tmp_path / "new" / "data"):
            pytest.fail("the work must not begin")
        (tmp_path / "new" / "data.replaced").write_bytes(b"mine")
        with pytest.raises(InputError, match="it has other files"):
            staged(tmp_path / "new" / "data").__enter__()
        (tmp_path / "new" / "data.replaced").unlink()
        assert contents(tmp_path) == before
    assert contents(tmp_path / "new" / "data") == NEW


@pytest.mark.parametrize("resumable", [False, True])
def test_what_is_done_stays_after_an_interrupt_only_where_a_run_can_go_on(
    tmp_path, contents, resumable
):
    with (
        pytest.raises(KeyboardInterrupt),
        staged(tmp_path / "data", resumable=resumable) as folder,
    ):
        fill(folder, NEW)
        raise KeyboardInterrupt
    assert contents(tmp_path) == (
        {"data.partial": None, "data.partial/lock": b""}
        | {f"data.partial/{k}": v for k, v in NEW.items()}
        if resumable
        else {}
    )


@pytest.mark.parametrize("suffix", [".partial", ".replaced"])
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_somebody_else_put_beside_the_destination_is_kept_and_refused_at_once(
    tmp_path, contents, suffix, what
):
    fill(tmp_path / "data", OLD)
    if what == "file":
        fill(tmp_path, {f"data{suffix}": b"mine"})
    else:
        fill(tmp_path / f"data{suffix}", OLD | {"notes.txt": b"mine"})
    before = contents(tmp_path)
    message = rf"data\{suffix} must be free while .* it has other files\. Move it away"
    with pytest.raises(InputError, match=message), staged(tmp_path / "data"):
        pytest.fail("the work must not begin")
    assert contents(tmp_path) == before


def test_a_link_to_a_folder_stays_a_link_and_its_target_is_replaced(tmp_path, contents):
    fill(tmp_path / "disk" / "target", OLD)
    (tmp_path / "data").symlink_to(tmp_path / "disk" / "target")
    with staged(tmp_path / "data") as folder:
        assert folder.parent == tmp_path / "disk"
        fill(folder, NEW)
    assert (tmp_path / "data").is_symlink()
    assert contents(tmp_path / "disk" / "target") == NEW
    assert os.listdir(tmp_path / "disk") == ["target"]


def test_a_destination_below_a_file_is_refused(tmp_path, contents):
    fill(tmp_path, {"file": b"mine"})
    destination = tmp_path / "file" / "deep" / "data"
    check_destination(destination, overwrite=False)
    message = r"file/deep/data cannot be written: Not a directory\. Free some space, or choose"
    with pytest.raises(InputError, match=message), staged(destination):
        pass
    assert contents(tmp_path) == {"file": b"mine"}


def test_a_name_too_long_for_the_disk_is_refused(tmp_path, contents):
    message = r"nn cannot be written: File name too long\. Free some space, or choose"
    with pytest.raises(InputError, match=message), staged(tmp_path / "new" / ("n" * 255)):
        pass
    assert contents(tmp_path) == {}


def test_a_destination_without_write_permission_is_refused(tmp_path, contents, monkeypatch):
    tmp_path.chmod(0o555)
    monkeypatch.chdir(tmp_path)
    message = r"new/data cannot be written: Permission denied\. Free some space, or choose"
    with without_privileges(), pytest.raises(InputError, match=message), staged(Path("new/data")):
        pass
    tmp_path.chmod(0o755)
    assert contents(tmp_path) == {}


def test_a_full_disk_is_an_error_with_the_remedy_for_python_and_for_tensorflow(tmp_path):
    message = r"data cannot be written: .*File too large\. Free some space, or choose a folder"
    with largest_file(1000), pytest.raises(InputError, match=message), writing(Path("data")):
        (tmp_path / "a").write_bytes(bytes(1001))
    writer = tf.io.TFRecordWriter(str(tmp_path / "b"))
    with largest_file(1000), pytest.raises(InputError, match=message), writing(Path("data")):
        writer.write(bytes(100_000))
        writer.flush()


def test_a_device_without_space_is_an_error_with_the_remedy_for_python_and_for_tensorflow():
    message = r"data cannot be written: .*No space left on device.*\. Free some space, or choose"
    with (
        pytest.raises(InputError, match=message),
        writing(Path("data")),
        open("/dev/full", "wb") as file,
    ):
        file.write(bytes(10))
    with pytest.raises(InputError, match=message), writing(Path("data")):
        tf.io.TFRecordWriter("/dev/full").write(bytes(1_000_000))


def test_errors_that_are_not_of_the_disk_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), writing(Path("data")):
        1 / 0  # noqa: B018


@pytest.fixture
def copied(dataset: tfseg.Dataset, tmp_path: Path) -> Path:
    """A copy of a data set."""
    return shutil.copytree(dataset.path, tmp_path / "data")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_or_empty_destination_is_accepted(tmp_path, overwrite):
    check_destination(tmp_path / "new", overwrite=overwrite)
    check_destination(tmp_path, overwrite=overwrite)


def test_a_data_set_is_replaced_only_when_asked(copied):
    message = r"data already has .* and 1 more\. Choose .* --overwrite \(overwrite=T"
    with pytest.raises(InputError, match=message):
        check_destination(copied, overwrite=False)
    check_destination(copied, overwrite=True)


def test_a_data_set_without_one_of_its_shards_can_be_replaced(copied):
    min(copied.glob("*.tfrecord")).unlink()
    check_destination(copied, overwrite=True)


def test_a_folder_with_other_files_is_never_replaced(copied):
    fill(copied, {"notes.txt": b"", "train-00001-of-00001.tfrecord": b"", "zoo": b""})
    message = r"data has other files beside the data set: notes\.txt\. Move them away, or choo"
    with pytest.raises(InputError, match=message):
        check_destination(copied, overwrite=True)
    (copied / "notes.txt").unlink()
    (copied / "zoo").unlink()
    with pytest.raises(InputError, match=r"the data set: train-00001-of-00001\.tfrecord\. Move"):
        check_destination(copied, overwrite=True)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"notes.txt": b""}, r"it has no dataset\.json"),
        ({"dataset.json": b"{}"}, r"dataset\.json is damaged"),
    ],
)
def test_a_folder_that_is_not_a_data_set_is_never_replaced(tmp_path, files, reason):
    message = rf"Only a data set of tfseg .*; \S+data is not one \(.*{reason}.*\)\. Choose another"
    with pytest.raises(InputError, match=message):
        check_destination(fill(tmp_path / "data", files), overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_is_never_replaced(tmp_path, overwrite):
    fill(tmp_path, {"data": b"mine"})
    with pytest.raises(InputError, match=r"data must be a folder; it is a file\. Choose another"):
        check_destination(tmp_path / "data", overwrite=overwrite)
