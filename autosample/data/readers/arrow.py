"""Files whose columns have names and types: Parquet and JSON lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.columns import find_columns
from autosample.data.readers.source import Source
from autosample.data.readers.text import Text
from autosample.data.reading import Column, Reading
from autosample.data.table import Table, make_table
from autosample.errors import DataError

PARQUET_MAGIC = b"PAR1"
FAILURES = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)
"""What Arrow raises on files that are damaged, or that hold what it does not read."""


def read_parquet(source: Source, options: ReadOptions) -> Table:
    """Read only the columns that are needed."""
    try:
        file = pq.ParquetFile(pa.BufferReader(source.raw))
        names = file.schema_arrow.names
    except MemoryError:  # which Arrow's is, too: the file may be sound
        raise
    except FAILURES as error:
        raise DataError(
            f"{source.name} is not a readable Parquet file: {error}"
        ) from error
    columns = find_columns(names, options)
    # By name alone Arrow would also read the fields of structs that are named so.
    paths = [names[at] for at in columns.values()]
    try:
        table = file.read(columns=paths)
    except MemoryError:
        raise
    except FAILURES as error:
        raise DataError(
            f"{source.name} is not a readable Parquet file: {error}"
        ) from error
    return choose_columns(
        table, columns, names, _reading(source, Format.PARQUET), options
    )


def read_folder(folder: Path, options: ReadOptions) -> Table:
    """Read the Parquet files of a folder, as Spark and Dask write them, as one."""
    paths = sorted(p for p in folder.rglob("*.parquet") if not _is_hidden(p, folder))
    if not paths:
        raise DataError(f"{folder.name} is a folder without any .parquet file")
    tables, names = [], None
    for path in paths:
        try:
            file = pq.ParquetFile(path)
            names = names or file.schema_arrow.names
            columns = find_columns(file.schema_arrow.names, options)
            wanted = [file.schema_arrow.names[at] for at in columns.values()]
            tables.append(file.read(columns=wanted))
        except DataError as error:
            raise DataError(f"{path.relative_to(folder)}: {error}") from error
        except MemoryError:
            raise
        except FAILURES as error:
            raise DataError(
                f"{path.relative_to(folder)} is not a readable Parquet file: {error}"
            ) from error
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(
            f"the files of {folder.name} have columns of different types: {error}"
        ) from error
    reading = Reading(
        file=folder.name,
        format=Format.PARQUET,
        notes=(f"{len(paths)} files",),
    )
    assert names is not None
    return choose_columns(table, find_columns(names, options), names, reading, options)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part[0] in "._" for part in path.relative_to(folder).parts)


def read_jsonl(text: Text, options: ReadOptions) -> Table:
    """Read one JSON object per line."""
    table = json_rows(text)
    reading = Reading(file=text.name, format=Format.JSONL, notes=text.notes)
    names = table.column_names
    return choose_columns(table, find_columns(names, options), names, reading, options)


def json_rows(text: Text) -> pa.Table:
    """Return all columns of JSON lines. Raises DataError where they do not fit one
    another."""
    block = pj.ReadOptions(block_size=max(1 << 20, _longest(text.raw)))
    try:
        return pj.read_json(pa.BufferReader(text.raw), read_options=block)
    except MemoryError:
        raise
    except FAILURES as error:
        raise DataError(
            f"{text.name} is not readable as JSON lines, one object with the same"
            f" keys per line: {error}"
        ) from error


def _longest(raw: bytes) -> int:
    return 2 * max(len(line) for line in raw.split(b"\n"))


def _reading(source: Source, format: Format) -> Reading:
    return Reading(file=source.name, format=format, notes=source.notes)


def choose_columns(
    table: pa.Table,
    columns: Mapping[str, int],
    names: list[str],
    reading: Reading,
    options: ReadOptions,
) -> Table:
    """Pick and check the columns that are needed."""
    if table.num_rows == 0:
        raise DataError(f"{reading.file} has no rows")
    taken = {n: Column(name=names[at], position=at) for n, at in columns.items()}
    reading = reading.model_copy(update={"rows": table.num_rows, "columns": taken})
    cells = {noun: table[names[at]] for noun, at in columns.items()}
    return make_table(cells, reading, options)
