"""Text files, and tables by image id: CSV files with the column id and a value in another one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfseg.checks import InputError, listed
from tfseg.data.files.content import load


def read_text(path: Path) -> str:
    """Returns the text of a file in UTF-8.

    Raises:
        InputError: it cannot be read, or has another encoding.
    """
    try:
        return load(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} must be text in UTF-8 ({error}). Save it again.") from error


def read_table(path: Path, *columns: str) -> tuple[str, dict[str, str]]:
    """Returns the first of `columns` that a CSV file has, and its values by the column id.

    Raises:
        InputError: the file cannot be read, lacks the columns, or an id has no or two values.
    """
    rows = csv.DictReader(io.StringIO(read_text(path)), strict=True)
    try:
        names = rows.fieldnames or ()
        column = next((column for column in columns if column in names), None)
        if "id" not in names or column is None:
            raise InputError(
                f"{path} must have the columns id and {' or '.join(columns)}; got "
                f"{', '.join(names) or 'none'}. Name them in the first line."
            )
        values: dict[str, str] = {}
        for row in rows:
            if row[column] is None or values.setdefault(row["id"], row[column]) != row[column]:
                raise InputError(
                    f"{path} must give every id one {column}; {row['id']!r} has none or two. "
                    "Correct the table."
                )
    except csv.Error as error:
        raise InputError(f"{path}, line {rows.line_num}: {error}. Save it as CSV again.") from error
    return column, values


def read_groups(path: str | Path, ids: Iterable[str]) -> dict[str, str]:
    """Returns groups by id from a CSV file with the columns id and group.

    Raises:
        InputError: the file cannot be read, lacks a column, or one of `ids` has no group.
    """
    _, groups = read_table(Path(path), "group")
    check_complete(Path(path), groups, ids)
    return groups


def check_complete(path: Path, values: Mapping[str, object], ids: Iterable[str]) -> None:
    """Refuses a table that has no value, or an empty one, for some of the ids.

    Raises:
        InputError: names the ids.
    """
    if missing := sorted(id for id in ids if not values.get(id)):
        raise InputError(f"{path} must have every image; {listed(missing)} are missing. Add them.")
