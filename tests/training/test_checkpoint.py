"""Checkpoints: written atomically, exact, and never of another network."""

from __future__ import annotations

import re
import zipfile

import keras
import numpy as np
import pytest

from tfseg.checks import InputError
from tfseg.networks import weights
from tfseg.run_files import LAST
from tfseg.training import checkpoint


def variables(*shapes: tuple[int, ...], value: float = 0.0) -> list[keras.Variable]:
    return [keras.Variable(np.full(shape, value, np.float32)) for shape in shapes]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "checkpoints" / LAST


def test_what_is_saved_is_restored_bit_for_bit(path):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in [(3, 2), (), (5,)]]
    arrays.append(np.array(7, np.int64))
    saved = [keras.Variable(array, dtype=array.dtype.name) for array in arrays]
    assert checkpoint.save(path, saved, step=12, loss=0.25)
    fresh = [keras.Variable(np.zeros_like(array), dtype=array.dtype.name) for array in arrays]
    assert weights.restore(path, fresh) == (12, 0.25)
    for variable, array in zip(fresh, arrays, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), array)


def test_the_network_alone_can_be_read_from_a_file_that_has_the_optimizer_too(path):
    checkpoint.save(path, variables((2,), (3,), value=4.0), step=1, loss=1.0)
    network = variables((2,))
    weights.restore(path, network)
    assert np.asarray(network[0]).tolist() == [4.0, 4.0]


def test_more_than_ten_variables_keep_their_order(path):
    saved = [keras.Variable(np.float32(index)) for index in range(12)]
    checkpoint.save(path, saved, step=1, loss=1.0)
    fresh = [keras.Variable(np.float32(-1)) for _ in range(12)]
    weights.restore(path, fresh)
    assert [float(np.asarray(variable)) for variable in fresh] == list(range(12))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_not_saved_over_good_ones(path, bad):
    checkpoint.save(path, variables((2,), value=1.0), step=1, loss=1.0)
    before = path.read_bytes()
    assert not checkpoint.save(path, variables((2,), value=bad), step=2, loss=1.0)
    assert path.read_bytes() == before


def test_a_missing_checkpoint_says_which_run_and_how_to_get_one(path):
    message = f"{path.parent.parent} has no checkpoint last.npz; train it first: tfseg train."
    with pytest.raises(InputError, match=re.escape(message)):
        weights.restore(path, variables((2,)))


@pytest.mark.parametrize("position", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_named_and_changes_no_variable(path, position):
    checkpoint.save(path, variables((400,), value=3.0), step=1, loss=1.0)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * position)])
    fresh = variables((400,))
    with pytest.raises(InputError, match=re.escape(f"{path} is damaged")):
        weights.restore(path, fresh)
    assert not np.asarray(fresh[0]).any()


def content_offsets(path) -> set[int]:
    """Returns the positions of the bytes of all arrays; the others are those of headers."""
    offsets = set()
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for member in archive.infolist():
            file.seek(member.header_offset)
            header = file.read(30)
            name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            start = member.header_offset + 30 + name + extra
            offsets.update(range(start + 128, start + member.file_size))  # 128: NumPy's header
    return offsets


def test_every_flipped_bit_of_the_headers_and_10000_others_are_noticed(path):
    arrays = np.random.default_rng(0).normal(size=(4, 400)).astype(np.float32)
    checkpoint.save(path, [keras.Variable(array) for array in arrays], step=1, loss=1.0)
    positions = content_offsets(path)
    assert 4 * 1600 < len(positions) < 4 * 1600 + 100
    headers = np.setdiff1d(np.arange(path.stat().st_size), list(positions))
    chosen = np.random.default_rng(1).choice(8 * len(positions), 10_000, replace=False)
    others = np.array(sorted(positions))[chosen // 8]
    flips = [(at, bit) for at in headers for bit in range(8)]
    flips += list(zip(others, chosen % 8, strict=True))
    with path.open("r+b", buffering=0) as file:
        for at, bit in flips:
            file.seek(at)
            (value,) = file.read(1)
            for written in (value ^ 1 << bit, value):
                file.seek(at)
                file.write(bytes([written]))
                if written != value:
                    with pytest.raises(InputError, match="is damaged"):
                        weights.read(path)
    assert weights.read(path)[2][0].tolist() == arrays[0].tolist()


def test_a_checkpoint_of_an_older_version_is_told_from_a_damaged_one(path):
    saved(path, steps=range(1, 3), keep=2)
    with np.load(path) as archive:
        np.savez(path, **dict(archive))
    for read in (weights.read, checkpoint.newest):
        with pytest.raises(InputError, match=r"last.npz was written by an older version of tfseg"):
            read(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(weights.DamagedCheckpoint, match="last.npz is damaged"):
        weights.read(path)


@pytest.mark.parametrize("seed", range(20))
def test_a_run_with_a_flipped_bit_resumes_from_the_checkpoint_before(path, seed):
    saved(path, steps=range(1, 3), keep=2)
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    path.write_bytes(data)
    with pytest.warns(UserWarning, match=r"last.npz.damaged; .* from .*last-1.npz"):
        newest = checkpoint.newest(path)
    assert weights.restore(newest, variables((400,)))[0] == 1


def test_another_architecture_is_refused_before_anything_is_assigned(path):
    checkpoint.save(path, variables((2,), (3, 3), value=1.0), step=1, loss=1.0)
    fresh = variables((2,), (4, 3))
    with pytest.raises(
        InputError, match=r"another architecture: .* \(3, 3\), in the network \(4, 3\)"
    ):
        weights.restore(path, fresh)
    assert not np.asarray(fresh[0]).any()
    with pytest.raises(InputError, match="it has 2 variables, the network 3; use the config"):
        weights.restore(path, variables((2,), (3, 3), (1,)))


def test_a_place_that_cannot_be_written_keeps_the_checkpoint_before(path):
    path.parent.parent.mkdir()
    path.parent.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(InputError, match=f"{re.escape(str(path))} cannot be written: "):
        checkpoint.save(path, variables((2,)), step=1, loss=1.0)


def test_a_full_disk_keeps_the_checkpoint_before(path):
    saved(path, steps=range(1, 2), keep=3)
    path.with_name("last.npz.partial").symlink_to("/dev/full")
    with pytest.raises(
        InputError, match=r"written: No space left on device\. The checkpoint before"
    ):
        checkpoint.save(path, variables((400,), value=2), step=2, loss=1.0, keep=3)
    assert steps_of(path) == {"last.npz": 1}


def saved(path, *, steps: range, keep: int) -> None:
    for step in steps:
        checkpoint.save(path, variables((400,), value=step), step=step, loss=1.0, keep=keep)


def steps_of(path) -> dict[str, int]:
    fresh = variables((400,))
    return {file.name: weights.restore(file, fresh)[0] for file in sorted(path.parent.iterdir())}


def test_the_last_few_are_kept_and_numbered_from_the_newest_on(path):
    saved(path, steps=range(1, 6), keep=3)
    assert steps_of(path) == {"last.npz": 5, "last-1.npz": 4, "last-2.npz": 3}
    saved(path, steps=range(6, 7), keep=2)
    assert steps_of(path) == {"last.npz": 6, "last-1.npz": 5}
    saved(path, steps=range(7, 8), keep=1)
    assert steps_of(path) == {"last.npz": 7}


def test_damaged_ones_are_named_and_set_aside_and_push_no_whole_one_out(path):
    saved(path, steps=range(1, 4), keep=3)
    flipped = bytearray(path.read_bytes())
    flipped[flipped.index(np.float32(3.0).tobytes() * 8) + 16] ^= 1
    path.write_bytes(flipped)
    second = path.with_name("last-1.npz")
    second.write_bytes(second.read_bytes()[:100])
    message = r"set aside: .*last.npz.damaged, .*last-1.npz.damaged; resuming from .*last-2.npz"
    with pytest.warns(UserWarning, match=message):
        newest = checkpoint.newest(path)
    assert weights.restore(newest, variables((400,)))[0] == 1
    saved(path, steps=range(4, 5), keep=2)
    assert weights.restore(newest, variables((400,)))[0] == 1


def test_where_all_are_damaged_there_is_nothing_to_go_on_from(path):
    saved(path, steps=range(1, 2), keep=2)
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match=r"damaged is damaged, and there is no other checkpoint"):
        checkpoint.newest(path)


@pytest.mark.parametrize("killed_at", range(1, 4))
def test_a_stop_between_any_two_renames_leaves_the_newest_whole_one(path, monkeypatch, killed_at):
    saved(path, steps=range(1, 4), keep=3)
    replace, calls = type(path).replace, []

    def stop(self, target):
        calls.append(self)
        if len(calls) == killed_at:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(type(path), "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            saved(path, steps=range(4, 5), keep=3)
    assert weights.restore(checkpoint.newest(path), variables((400,)))[0] == 3
    saved(path, steps=range(4, 6), keep=3)
    newest = steps_of(path)
    assert (newest["last.npz"], newest["last-1.npz"]) == (5, 4)
