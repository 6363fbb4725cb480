"""The page of benchmarks/gpu_acceptance.py, from its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MET = {True: "yes", False: "**no**", None: "not measured"}


def page(report: Path) -> str:
    """Returns the results of a file as Markdown."""
    content = json.loads(report.read_text(encoding="utf-8"))
    lines = ["# Acceptance on GPUs", "", *_table("machine", content["machine"]), "", "## Targets"]
    lines += ["", "| target | wanted | measured | met |", "| --- | --- | --- | --- |"]
    for one in content["claims"]:
        cells = one["name"], one["target"], _shown(one["value"]), _MET[one["met"]]
        lines.append(f"| {' | '.join(cells)} |")
    for name, results in content["results"].items():
        lines += ["", f"## {name.capitalize()}", ""]
        if "facts" in results:
            rows = [(fact["name"], fact["value"], fact["remedy"]) for fact in results["facts"]]
            lines += ["| fact | value | remedy |", "| --- | --- | --- |"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
        else:
            lines += _table("result", results)
    return "\n".join([*lines, "", *_table("setting", content["settings"]), ""])


def _table(head: str, values: dict[str, Any]) -> list[str]:
    rows = [f"| {name} | {_shown(value)} |" for name, value in _flat(values, "")]
    return [f"| {head} | value |", "| --- | --- |", *rows]


def _flat(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{name}: ")
        else:
            yield f"{prefix}{name}", value


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
