"""Checks a data set: damaged files, invalid ids, duplicates, suspicious annotations.

The exit code is 1 if there are errors, and 0 if there are only warnings.

Example: tfseg check nuclei
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import print_json, print_table


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
        for finding in findings:
            print(f"{finding.level}: {finding.place}: {finding.message} {finding.remedy}")
        print(f"{errors} errors, {warnings} warnings")
    return 1 if errors else 0
