"""Data sets in another file system: ram:// stands for gs:// and the like."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfseg
from tfseg import InputError, RunConfig, check, convert, convert_samples
from tfseg.config import DataConfig, TrainConfig
from tfseg.data.dataset.index import Index
from tfseg.data.files.paths import RemotePath, as_path, is_remote, num_bytes, open_bytes
from tfseg.data.pipeline.batches import training_batches
from tfseg.heads import CenterOffset

NAMES = [f"{index}" for index in range(8)]
COUNT = itertools.count()


@pytest.fixture
def remote() -> Iterator[RemotePath]:
    """A folder in memory that nobody else uses."""
    path = f"ram://bucket{next(COUNT)}/some/data"
    yield as_path(path)
    if tf.io.gfile.exists(path):
        tf.io.gfile.rmtree(path)


@pytest.fixture(scope="module")
def files(write, tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("files"), [f"train/{name}" for name in NAMES])


def listed(folder: RemotePath) -> dict[str, bytes]:
    if not folder.exists():
        return {}
    files = {}
    for path in folder.iterdir():
        with path.open("rb") as file:
            files[path.name] = file.read()
    return files


@pytest.fixture(scope="module")
def local(files, tmp_path_factory) -> tfseg.Dataset:
    return convert(files, tmp_path_factory.mktemp("local") / "data", shard_size=3)


def test_a_remote_data_set_has_the_bytes_of_a_local_one_and_is_sound(
    files, local, contents, remote
):
    dataset = convert(files, str(remote), shard_size=3)
    assert dataset.path == remote
    assert listed(remote) == contents(local.path)
    assert check(str(remote)) == check(str(remote), quick=True) == []
    assert tfseg.Dataset.open(Path(str(remote))).info == local.info  # pathlib drops a slash


def test_training_reads_the_same_from_a_remote_and_a_local_data_set(files, local, remote):
    dataset = convert(files, str(remote), shard_size=3)
    config = RunConfig(data=DataConfig(crop_size=32), augment=(), train=TrainConfig(batch_size=2))
    trained = [
        np.concatenate(
            [
                images
                for images, _ in training_batches(source, config, CenterOffset(), first_step=1)
                .take(5)
                .as_numpy_iterator()
            ]
        )
        for source in (local, dataset)
    ]
    np.testing.assert_array_equal(*trained)
    index = Index.read(dataset, "train")
    assert index.payload(4) == Index.read(local, "train").payload(4)


def test_samples_from_python_can_be_written_to_a_remote_folder(remote):
    image, label = np.full((5, 6, 1), 9, np.uint8), np.ones((5, 6), np.int32)
    dataset = convert_samples([(image, label)], str(remote))
    (sample,) = dataset.samples("train").as_numpy_iterator()
    np.testing.assert_array_equal(sample["image"], image)


def stopping_at(done: int, error: type[BaseException]) -> Callable[[int, int], None]:
    def report(images: int, total: int) -> None:
        if images == done:
            raise error

    return report


def test_an_interrupted_conversion_leaves_no_data_set_and_is_resumed_by_the_next_run(
    files, local, contents, remote
):
    with pytest.raises(KeyboardInterrupt):
        convert(files, str(remote), shard_size=3, on_progress=stopping_at(5, KeyboardInterrupt))
    left = listed(remote)
    assert any(name.endswith(".note") for name in left)
    with pytest.raises(InputError, match=r"it has no dataset\.json"):
        tfseg.Dataset.open(str(remote))
    progress = []
    convert(files, str(remote), shard_size=3, on_progress=lambda done, _: progress.append(done))
    assert progress[0] > 1  # finished shards are not made again
    assert listed(remote) == contents(local.path)


def test_a_conversion_that_fails_leaves_nothing_in_a_remote_folder(files, tmp_path, remote):
    spoiled = shutil.copytree(files, tmp_path / "files")
    (spoiled / "train" / "images" / "7.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"7\.png must be a PNG"):
        convert(spoiled, str(remote), shard_size=3)
    assert listed(remote) == {}


def test_a_remote_data_set_is_not_overwritten(files, remote):
    convert(files, str(remote))
    before = listed(remote)
    with pytest.raises(InputError, match=r"data must be new or empty; it has 2 entries"):
        convert(files, str(remote))
    with pytest.raises(InputError, match=r"cannot be overwritten: .* Remove it first"):
        convert(files, str(remote), overwrite=True)
    assert listed(remote) == before
    other = remote / "other"
    (other).mkdir()
    (other / "mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="must be new or empty; it has 1 entries"):
        convert(files, str(other))
    assert listed(other) == {"mine.txt": b"x"}


def test_a_damaged_or_missing_remote_shard_is_reported(files, remote):
    dataset = convert(files, str(remote), shard_size=4)
    first, second = dataset.shard_paths("train")
    with first.open("rb") as file:
        data = bytearray(file.read())
    data[len(data) // 2] ^= 1
    with first.open("wb") as file:
        file.write(bytes(data))
    second.unlink()
    assert [finding.place for finding in check(str(remote), quick=True)] == [
        first.name,
        second.name,
    ]
    with pytest.raises(InputError, match=rf"{second.name} is missing"):
        dataset.records("train")
    with pytest.raises(InputError, match=r"No data set at ram://no/such: no such folder"):
        tfseg.Dataset.open("ram://no/such")


@pytest.mark.parametrize("url", ["s3://bucket/data", "s3:/bucket/data", "hdfs://host:9/data"])
def test_a_file_system_unknown_to_tensorflow_is_refused(files, url):
    full = url.replace("s3:/b", "s3://b")
    with pytest.raises(InputError, match=rf"no file system for {full}; it has .*gs.*ram\. Import"):
        tfseg.Dataset.open(url)
    with pytest.raises(InputError, match="no file system"):
        convert(files, url)


def test_a_local_path_stays_a_pathlib_path(tmp_path):
    for path in ("data", "a:b/c", str(tmp_path), "C:/data", "./gs:/x"):
        assert as_path(path) == Path(path)
        assert not is_remote(as_path(path))
    assert as_path(as_path("ram://a/b/")) == as_path("ram://a/b") == as_path(Path("ram://a/b"))
    (tmp_path / "file").write_bytes(b"abc")
    assert num_bytes(tmp_path / "file") == 3
    with open_bytes(tmp_path / "file") as file:
        file.seek(1)
        assert file.read(9) == b"bc"


def test_a_missing_remote_file_is_an_os_error(remote):
    for act in (
        remote.unlink,
        lambda: list(remote.iterdir()),
        lambda: (remote / "no").read_text("utf-8"),
    ):
        with pytest.raises(FileNotFoundError, match="No such file or directory") as caught:
            act()
        assert caught.value.filename.startswith(str(remote))
    assert not remote.exists() and not remote.is_dir() and not remote.is_file()


def test_two_folders_can_be_written_at_once(files, contents, local, remote):
    names = [remote / "one", remote / "two"]
    threads = [
        threading.Thread(target=convert, args=(files, str(name)), kwargs={"shard_size": 3})
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [listed(name) for name in names] == [contents(local.path)] * 2
