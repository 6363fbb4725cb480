"""tfseg check: findings of one kind are one line; --json has all of them."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg import Finding, convert_samples
from tfseg.commands.check import _lines


@pytest.fixture
def parts(tmp_path):
    """A data set of seven images with one instance of two parts each."""
    draw = np.random.default_rng(0)
    label = np.zeros((12, 12), np.int32)
    label[1:4, 1:4] = label[7:10, 7:10] = 1
    samples = [(draw.integers(0, 256, (12, 12), np.uint8), label) for _ in range(7)]
    return convert_samples(samples, tmp_path / "data")


def test_findings_of_one_kind_are_one_line_with_examples(tfseg, parts):
    result = tfseg("check", parts.path)
    (line,) = [line for line in result.out.splitlines() if line.startswith("warning")]
    ids = [sample["id"].decode() for sample in parts.samples("train").as_numpy_iterator()]
    assert line == (
        f"warning: 7 of 7 images, such as train/{ids[0]}: Several connected components in 1 of 1 "
        f"instances: 1. Also train/{ids[1]}, train/{ids[2]}, train/{ids[3]} and 3 more. Give each "
        "component another id if they are separate objects."
    )
    assert result.out.endswith("0 errors, 7 warnings\n")


def test_all_findings_are_in_the_json(tfseg, parts):
    result = tfseg("check", parts.path, "--json")
    assert (result.json["warnings"], len(result.json["findings"])) == (7, 7)


def finding(where, message, level="warning"):
    return Finding(level, where, message, "Correct it.")


def test_few_findings_and_other_kinds_keep_their_lines(parts):
    few = [finding(f"train/{n}", f"A single pixel in {n} of 20 instances: {n}.") for n in range(3)]
    many = [finding(f"x-{n}", "The file is missing.", "error") for n in range(5)]
    last = [finding("train/a", "The image has no instances.")]
    lines = list(_lines([*few, *many, *last], parts.info))
    assert lines == [
        *(f"warning: {one.place}: {one.message} Correct it." for one in few),
        "error: 5 times, such as x-0: The file is missing. Also x-1, x-2, x-3 and 1 more. "
        "Correct it.",
        "warning: train/a: The image has no instances. Correct it.",
    ]


def test_numbers_and_names_do_not_make_another_kind(parts):
    messages = ["The same image again: train/c.", "The same image again: val/d, val/e."] * 2
    (line,) = _lines([finding("train/a", message) for message in messages], parts.info)
    assert line.startswith("warning: 4 of 7 images, such as train/a: The same image again: train/c")
