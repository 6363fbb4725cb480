"""Checks a data set: damaged files, invalid ids, duplicates, suspicious annotations.

The exit code is 1 if there are errors, and 0 if there are only warnings. More than three findings
of one kind are one line with examples; --json has all of them.

Example: tfseg check nuclei
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.checks import listed
from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note_training, print_json, print_table

if TYPE_CHECKING:
    from tfseg.data.conversion.check import Finding
    from tfseg.data.dataset.dataset import DatasetInfo

_SINGLY = 3  # findings of one kind that have a line each


def add_options(parser: Parser) -> None:
    """Declares what `run` takes."""
    parser.add_argument("dataset", metavar="DATA", type=Path, help="data set made by convert")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="check only that the files exist and match their checksums",
    )
    add_json(parser)


def run(*, dataset: Path, quick: bool, json: bool) -> int:
    """Checks, and prints the splits and the findings."""
    from tfseg.data.conversion.check import check
    from tfseg.data.dataset.dataset import Dataset

    info = Dataset.open(dataset).info
    findings = check(dataset, quick=quick)
    errors = sum(finding.level == "error" for finding in findings)
    warnings = len(findings) - errors
    if json:
        splits = {
            name: {"images": split.num_images, "instances": split.num_instances}
            for name, split in info.splits.items()
        }
        print_json(
            {
                "dataset": dataset,
                "splits": splits,
                "errors": errors,
                "warnings": warnings,
                "findings": [dataclasses.asdict(finding) for finding in findings],
            }
        )
    else:
        print_table(
            [("split", "images", "instances")]
            + [(name, s.num_images, s.num_instances) for name, s in info.splits.items()]
        )
        for line in _lines(findings, info):
            print(line)
        print(f"{errors} errors, {warnings} warnings")
        if not errors:
            note_training(dataset)
    return 1 if errors else 0


def _lines(findings: Sequence[Finding], info: DatasetInfo) -> Iterator[str]:
    """Yields a line for each finding, or for each kind of which there are many."""
    kinds: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        kinds.setdefault(_kind(finding), []).append(finding)
    num_images = sum(split.num_images for split in info.splits.values())
    for first, *others in kinds.values():
        example = f"{first.place}: {first.message}"
        if len(others) < _SINGLY:
            for one in (first, *others):
                yield f"{one.level}: {one.place}: {one.message} {one.remedy}"
            continue
        of_images = first.place.partition("/")[0] in info.splits
        number = f"{len(others) + 1} {f'of {num_images} images' if of_images else 'times'}"
        more = listed([one.place for one in others])
        yield f"{first.level}: {number}, such as {example} Also {more}. {first.remedy}"


def _kind(finding: Finding) -> tuple[str, ...]:
    """Returns what findings of one kind share: all but numbers, and names after a colon."""
    return finding.level, finding.remedy, re.sub(r"\d", "", finding.message.partition(":")[0])
