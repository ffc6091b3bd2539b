"""Rows of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruletune.data.row import Row, check_names
from ruletune.errors import Location, UserError

__all__ = ["arrow_rows", "parquet_rows"]


def parquet_rows(path: Path) -> Iterator[Row]:
    """Rows of a file, one batch of them in memory at a time.

    Raises:
        UserError: It cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, number = str(path), 0
    try:
        # A buffer makes the columns of a row group be read bit by bit, however large the group.
        with path.open("rb") as opened, pq.ParquetFile(opened, buffer_size=1 << 20) as file:
            check_names(file.schema_arrow.names, Location(name))
            for batch in file.iter_batches(batch_size=1024):
                yield from arrow_rows(batch, name, number)
                number += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"not a readable Parquet file: {error}", where=Location(name)) from error


def arrow_rows(batch: Any, file: str, before: int) -> Iterator[Row]:
    """Rows of an Arrow record batch; one with a value that Python cannot hold, a date after the year 9999, is bad.

    Args:
        before: Number of rows before it.
    """
    try:
        found = batch.to_pylist()
    except (ValueError, OverflowError):
        for position in range(batch.num_rows):
            try:
                [values] = batch.slice(position, 1).to_pylist()
            except (ValueError, OverflowError) as error:
                message = f"column {_unreadable(batch, position)!r} holds a value that cannot be read: {error}"
                yield Row.bad(Location(file, before + position + 1), message)
            else:
                yield Row(file, before + position + 1, values)
    else:
        for line, values in enumerate(found, start=before + 1):
            yield Row(file, line, values)


def _unreadable(batch: Any, position: int) -> str:
    """The first column whose value at a position Python cannot hold."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column[position].as_py()
        except (ValueError, OverflowError):
            return str(name)
    return ""
