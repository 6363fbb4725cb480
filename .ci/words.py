"""Lists names and phrases that are not the project's language; exits with 1 where there are any.

The rule stands in CONTRIBUTING.md. A line that is right as it stands ends with `# words: allow`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = {"own", "each", "found", "there", "here", "seen", "place", "places", "told", "said"}
NAMES |= {"figure", "figures", "whole", "alike", "elsewhere", "mended"}
PHRASES = re.compile(
    r"\bown\b|\b[Aa]like\b|\b[Ll]ikewise\b|(^|[.:] |\"\"\")Of [a-z]|what became of"
)
VERB = re.compile(r"[A-Z][a-z]+s\b|Is\b|Has\b")


def names_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the line and the name of everything that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def docstrings_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the line and the docstring of every function that is not a property."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and (text := ast.get_docstring(node)):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if not any("property" in decorator for decorator in decorators):
                yield node.lineno, text


def faults(path: Path) -> Iterator[str]:
    """Yields a line of text for each fault of a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    counted = []
    if path.suffix == ".py":
        tree = ast.parse(text)
        counted += [(line, f"the name {name!r}") for line, name in names_of(tree) if name in NAMES]
        counted += [
            (line, f"a docstring that begins with {doc.split()[0]!r}, not with a verb")
            for line, doc in docstrings_of(tree)
            if "tfseg" in path.parts and not VERB.match(doc)
        ]
    counted += [
        (number, f"the words {match.group().strip()!r}")
        for number, line in enumerate(lines, 1)
        if (match := PHRASES.search(line))
    ]
    for number, fault in sorted(counted):
        if "words: allow" not in lines[number - 1]:
            yield f"{path}:{number}: {fault}"


def main() -> int:
    """Reads the files below the folders that are given."""
    files = [file for folder in sys.argv[1:] for file in sorted(Path(folder).rglob("*.py"))]
    listed = [fault for file in files for fault in faults(file)]
    print("\n".join(listed))
    return bool(listed)


if __name__ == "__main__":
    sys.exit(main())
