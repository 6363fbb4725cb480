"""Conversions that are killed at any moment, and resumed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tfseg
from tfseg import InputError, convert
from tfseg.data.conversion.atomic_folder import NOTE_SUFFIX
from tfseg.data.conversion.finished_shards import key
from tfseg.data.files.images import read_label, write_label

NAMES = [f"{index}" for index in range(8)]

# One process imports everything once and forks a child for each conversion, which is killed before
# its n-th operation on a file below the parent of the data set, or after some seconds.
KILLER = """
import json, os, signal, sys, time
from tfseg.data.conversion.convert import convert

files, data, overwrite = sys.argv[1], sys.argv[2], sys.argv[3] == "True"

def child(last):
    count = 0

    def operated(event, arguments):
        nonlocal count
        if event.split(".")[0] in ("open", "os") and str(arguments[0]).startswith(data):
            count += 1
            if count == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(operated)
    convert(files, data, shard_size=2, overwrite=overwrite)

for line in sys.stdin:
    last, seconds = json.loads(line)
    start = time.monotonic()
    pid = os.fork()
    if not pid:
        try:
            child(last)
        except BaseException as error:
            print("error", error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([status, time.monotonic() - start]), flush=True)
"""


class Killer:
    """Converts in another process, killed or not."""

    def __init__(self, files: Path, data: Path, *, overwrite: bool) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", KILLER, str(files), str(data), str(overwrite)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )

    def run(self, *, last: int | None = None, seconds: float | None = None) -> tuple[int, float]:
        """Returns the exit code, -9 if killed, and the seconds it took."""
        self.process.stdin.write(json.dumps([last, seconds]) + "\n")
        self.process.stdin.flush()
        return tuple(json.loads(self.process.stdout.readline()))


@pytest.fixture
def killer() -> Callable[..., Killer]:
    started: list[Killer] = []

    def start(*arguments: object, **options: object) -> Killer:
        started.append(Killer(*arguments, **options))
        return started[-1]

    yield start
    for killer in started:
        killer.process.stdin.close()
        killer.process.wait()
        killer.process.stdout.close()


def moments(killer: Killer, reset: Callable[[], None], *, number: int) -> list[dict[str, object]]:
    """Returns each operation on a file, and seeded times within the time of a conversion."""
    reset()
    code, seconds = killer.run()
    assert code == 0
    draw = random.Random(3)
    times = [{"seconds": draw.uniform(0, 1.1 * seconds)} for _ in range(number)]
    return times + [{"last": last} for last in range(1, 1000)]


@pytest.mark.parametrize("old", [False, True], ids=["new", "over an old one"])
@pytest.mark.parametrize("number", [6, pytest.param(50, marks=pytest.mark.exhaustive)])
def test_killed_at_any_moment_no_incomplete_data_set_is_used_and_the_next_run_ends_the_same(
    tmp_path, write, contents, killer, old, number
):
    files, data = write(tmp_path / "files", NAMES[:4]), tmp_path / "place" / "data"
    expected = contents(convert(files, tmp_path / "expected", shard_size=2).path)
    before = contents(convert(files, tmp_path / "old", shard_size=1).path) if old else {}
    process = killer(files, data, overwrite=old)

    def reset() -> None:
        subprocess.run(["rm", "-rf", data.parent], check=True)
        data.parent.mkdir()
        if old:
            subprocess.run(["cp", "-r", tmp_path / "old", data], check=True)

    killed = 0
    for moment in moments(process, reset, number=number):
        reset()
        code, _ = process.run(**moment)
        left = contents(data) if data.exists() else {}
        if code == 0:
            assert left == expected
            if "last" in moment:  # it has fewer operations: all have been tried
                break
            continue
        killed += 1
        assert code == -9
        # Between the two renames neither has its final name, and both are complete.
        assert left in ({}, before, expected), moment
        if not left:
            with pytest.raises(InputError, match=r"no such folder|no dataset\.json"):
                tfseg.Dataset.open(data)
        if old or left != expected:
            assert process.run()[0] == 0, moment
        assert contents(data) == expected, moment
        if old or left != expected:
            assert os.listdir(data.parent) == ["data"], moment
    assert killed > 20


def interrupted(files: Path, data: Path, *, done: int, **options: object) -> dict[str, int]:
    """Interrupts a conversion, and returns the times of the finished shards by their names."""

    def report(images: int, total: int) -> None:
        if images == done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(files, data, shard_size=2, on_progress=report, **options)
    partial = data.with_name(f"{data.name}.partial")
    return {note.stem: (partial / note.stem).stat().st_mtime_ns for note in partial.glob("*.note")}


def times(data: Path, names: object) -> dict[str, int]:
    return {name: (data / name).stat().st_mtime_ns for name in names}


def test_the_next_run_keeps_the_finished_shards_and_counts_them_as_done(tmp_path, write, contents):
    files, data = write(tmp_path / "files", [f"train/{name}" for name in NAMES]), tmp_path / "data"
    write(files, ["val/x", "val/y", "val/z"])
    expected = contents(convert(files, tmp_path / "expected", shard_size=2).path)
    kept = interrupted(files, data, done=5)
    assert sorted(kept) == [f"train-{index:05d}-of-00004.tfrecord" for index in (0, 1)]
    again = interrupted(files, data, done=10)  # within val
    assert len(again) == 5
    assert kept.items() <= again.items()
    progress = []
    convert(files, data, shard_size=2, on_progress=lambda *numbers: progress.append(numbers))
    assert progress == [(2, 11), (4, 11), (6, 11), (8, 11), (9, 11), (10, 11), (11, 11)]
    assert times(data, again) == again
    assert contents(data) == expected


def change_image(files: Path) -> dict:
    path = files / "images" / "0.png"
    status = path.stat()
    path.write_bytes((files / "images" / "1.png").read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    return {}


def add_image(files: Path) -> dict:
    for kind in ("images", "labels"):
        (files / kind / "9.png").write_bytes((files / kind / "1.png").read_bytes())
    return {}


def change_label_behind_a_link(files: Path) -> dict:
    label = read_label(files / "labels" / "0.png")
    write_label(files / "labels" / "0", label * 2)
    return {}


CHANGES = {
    "image": change_image,
    "another image": add_image,
    "label behind a link": change_label_behind_a_link,
    "class_name": lambda files: {"class_name": "cell"},
    "val_fraction": lambda files: {"val_fraction": 0.5},
    "on_error": lambda files: {"on_error": "skip"},
    "store": lambda files: {"store": "raw"},
    "groups": lambda files: {"groups": "."},
}


@pytest.mark.parametrize("change", CHANGES)
def test_with_another_source_or_other_options_nothing_is_kept(tmp_path, write, contents, change):
    files, data = write(tmp_path / "files", NAMES), tmp_path / "data"
    (files / "labels").rename(tmp_path / "elsewhere")
    (files / "labels").symlink_to(tmp_path / "elsewhere")
    interrupted(files, data, done=8)
    options = CHANGES[change](files)
    progress = []
    convert(
        files, data, shard_size=2, on_progress=lambda *done: progress.append(done[0]), **options
    )
    assert progress == [*range(1, progress[-1] + 1)]
    expected = convert(files, tmp_path / "expected", shard_size=2, **options)
    assert contents(data) == contents(expected.path)


def test_the_state_of_a_source_with_a_link_to_its_parent_is_found(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "in" / "nowhere").symlink_to(tmp_path / "no")
    before = key(tmp_path, "option")
    assert key(tmp_path, "option") == before != key(tmp_path, "other")
    (tmp_path / "in" / "file").write_bytes(b"")
    assert key(tmp_path, "option") != before


def cut_note(partial: Path) -> None:
    note = min(partial.glob(f"*{NOTE_SUFFIX}"))
    note.write_bytes(note.read_bytes()[:-2])


def nest_note(partial: Path) -> None:
    min(partial.glob(f"*{NOTE_SUFFIX}")).write_text('{"key":' * 100_000)


def spoil_counts(partial: Path) -> None:
    note = min(partial.glob(f"*{NOTE_SUFFIX}"))
    note.write_text(json.dumps(json.loads(note.read_text()) | {"counts": [3]}))


def flip(partial: Path) -> None:
    shard = min(partial.glob("*.tfrecord"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")


@pytest.mark.parametrize(
    "damage",
    [
        *(cut_note, nest_note, spoil_counts, flip),
        lambda partial: min(partial.glob("*.tfrecord")).unlink(),
    ],
    ids=["note", "deep note", "counts", "shard", "no shard"],
)
def test_a_finished_shard_that_was_damaged_is_written_again_alone(
    tmp_path, write, contents, damage
):
    files, data = write(tmp_path / "files", NAMES), tmp_path / "data"
    first, *others = sorted(kept := interrupted(files, data, done=7))
    damage(tmp_path / "data.partial")
    convert(files, data, shard_size=2)
    assert times(data, others) == {name: kept[name] for name in others}
    assert contents(data) == contents(convert(files, tmp_path / "new", shard_size=2).path)


def test_of_two_conversions_to_one_folder_the_second_is_refused(tmp_path, write, contents):
    files, data = write(tmp_path / "files", NAMES), tmp_path / "data"
    refused = []

    def report(done: int, total: int) -> None:
        with pytest.raises(InputError, match="data is being written by another run") as error:
            convert(files, data, overwrite=True)
        refused.append(error)

    convert(files, data, shard_size=2, on_progress=report)
    assert len(refused) == 8
    assert contents(data) == contents(convert(files, tmp_path / "new", shard_size=2).path)


def test_the_one_that_waited_for_its_turn_does_not_replace_the_first(
    tmp_path, write, contents, monkeypatch
):
    from tfseg.data.conversion import writer

    files, data = write(tmp_path / "files", ["a"]), tmp_path / "data"
    others = write(tmp_path / "others", ["b", "c"])
    check = writer.check_destination

    def slow(destination: Path, *, overwrite: bool) -> None:
        check(destination, overwrite=overwrite)
        monkeypatch.setattr(writer, "check_destination", check)
        convert(others, data)  # after the first look, and before the lock

    monkeypatch.setattr(writer, "check_destination", slow)
    with pytest.raises(InputError, match="data already has dataset.json"):
        convert(files, data)
    assert tfseg.Dataset.open(data).split("train").num_images == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "files", "others"]


@pytest.mark.parametrize("threads", [1, 3, 16])
def test_the_bytes_do_not_depend_on_the_number_of_threads(
    tmp_path, write, contents, monkeypatch, threads
):
    files = write(tmp_path / "files", NAMES)
    for index, name in enumerate(NAMES):  # images of many kinds, so that many counts are added up
        dtype = np.uint16 if index % 2 else np.uint8
        image = np.random.default_rng(index).integers(0, 256, (20, 24, 3)).astype(dtype) * (
            1 + index % 2
        )
        write(files, [name], image=image[..., :1].copy() if index % 3 else image)
    expected = contents(convert(files, tmp_path / "expected", shard_size=3).path)
    monkeypatch.setattr(os, "cpu_count", lambda: threads)
    assert contents(convert(files, tmp_path / "data", shard_size=3).path) == expected
