"""Writes the tables of docs/from-albumentations.md from those of the package.

    python docs/make_albumentations.py

tests/contracts/test_docs.py fails if the page differs from them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tfseg.augment import TRANSFORMS
from tfseg.augment.names import MISSING
from tfseg.augment.parameters import ABSENT

PAGE = Path(__file__).with_name("from-albumentations.md")


def names() -> str:
    """Returns all names of albumentations: those that are there, and what is in place of others."""
    same = ", ".join(
        f"[{name}](augmentations.md#{name.lower()})"
        for name in sorted(TRANSFORMS, key=str.lower)
        if name not in MISSING
    )
    rows = defaultdict(list)
    for name, missing in MISSING.items():
        rows[missing].append(f"`{name}`")
    link = ("docs/own_transform.md", "[this page](own_transform.md)")
    table = _table(
        ("albumentations", "nearest", ""),
        [
            (
                ", ".join(sorted(listed)),
                f"`{missing.instead}`" * bool(missing.instead),
                missing.reason.replace(*link),
            )
            for missing, listed in rows.items()
        ],
    )
    return f"With the same name: `Compose`, {same}.\n\nOthers:\n\n{table}"


def parameters() -> str:
    """Returns the parameters that transforms of tfseg leave out, and what they accept."""
    rows = defaultdict(list)
    for name, absent in ABSENT.items():
        for parameter, value in absent.items():
            rows[parameter, value].append(name)
    return _table(
        ("parameter", "of", "accepted", ""),
        [
            (f"`{parameter}`", _kinds(listed), *_rule(parameter, absent))
            for (parameter, absent), listed in rows.items()
        ],
    )


def _kinds(listed: list[str]) -> str:
    for parameter, text in (("interpolation", "all that move pixels"), ("fill", "most of these")):
        if set(listed) == {name for name, absent in ABSENT.items() if parameter in absent}:
            return text
    return ", ".join(listed)


def _rule(parameter: str, absent) -> tuple[str, str]:  # noqa: ANN001
    if absent.sampling:
        return "", f"`Sampling.{absent.sampling}` of the chain"
    accepted = ", ".join(f"`{value!r}`" for value in absent.accepted)
    return accepted or "any", absent.reason


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(text: str) -> str:
    """Returns the page `text` with new tables."""
    for name, table in (("names", names()), ("parameters", parameters())):
        between = rf"(<!-- {name} -->\n).*?(\n<!-- end -->)"
        text = re.sub(
            between, lambda match, table=table: match[1] + table + match[2], text, flags=re.S
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
