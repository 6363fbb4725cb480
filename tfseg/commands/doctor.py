"""Says what this machine has for training and what it lacks, each with its remedy.

Versions, processors, memory and its limit in a container, free disk, and what a GPU needs: the
driver, the libraries of CUDA, and machine code in this TensorFlow. The exit code is 1 if something
is lacking.

Example: tfseg doctor --json
"""

from __future__ import annotations

import dataclasses

from tfseg.commands.options import Parser, add_json
from tfseg.commands.output import note_next, print_json, print_table


def add_options(parser: Parser) -> None:
    """Declares the options of the command."""
    add_json(parser)


def run(*, json: bool) -> int:
    """Prints a row for each fact, then the remedies."""
    from tfseg.evaluation.doctor import facts

    rows = facts()
    remedies = [row for row in rows if row.remedy]
    if json:
        print_json({"facts": [dataclasses.asdict(row) for row in rows]})
    else:
        print_table([(row.name, row.value) for row in rows])
        for row in remedies:
            print(f"{row.name}: {row.remedy}")
        if not remedies:
            note_next("demo")
    return 1 if remedies else 0
