"""The table of all instances as a Parquet file, which analyses read by column and in parts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tfseg.checks import InputError

_ROWS = 1_000_000  # of a part: about 100 MB in memory


def check_installed() -> None:
    """Refuses to write Parquet without its library.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise InputError(
            "The format parquet needs pyarrow, which is not installed. Install it with: "
            "pip install 'tfseg[parquet]'"
        ) from error


def write(path: Path, table: Path, empty: pd.DataFrame) -> None:
    """Writes a table as Parquet, a million rows at a time.

    Args:
        path: file to write.
        table: CSV file with the same values.
        empty: a table of the same columns and types without rows.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    types = dict(empty.dtypes)
    schema = pa.Schema.from_pandas(empty.astype({"image": "str"}), preserve_index=False)
    # The first column is a name, which may look like a number or like nothing.
    reading = {"dtype": types, "keep_default_na": False}
    reading["na_values"] = {name: [""] for name, kind in types.items() if kind.kind == "f"}
    with (
        ParquetWriter(path, schema) as writer,
        pd.read_csv(table, chunksize=_ROWS, **reading) as parts,
    ):
        for part in parts:
            writer.write_table(pa.Table.from_pandas(part, schema, preserve_index=False))
