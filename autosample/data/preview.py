"""The first rows of a file, and what its columns seem to be, before it is read."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from autosample.core.config import Config
from autosample.data.options import Format, ReadOptions
from autosample.data.readers import is_parquet, open_source, text_format, text_of
from autosample.data.readers.arrow import FAILURES, json_rows
from autosample.data.readers.columns import USUAL_NAMES, guess_positions, usual_name
from autosample.data.readers.delimited import Layout, layout_of
from autosample.data.readers.recbole import recbole_layout
from autosample.data.readers.source import GZIP_MAGIC, Source
from autosample.data.readers.text import Text
from autosample.errors import DataError

ROWS = 6
HEAD = 1 << 18
"""Bytes of a text file that a preview reads; callers need not send more."""
CELL = 60
"""Signs of a cell that are shown."""


class Preview(Config):
    """What a file looks like."""

    format: Format
    header: bool
    """Whether the first row of the file names the columns."""
    columns: tuple[str, ...]
    """Names of the columns, or their positions from 0 where there is no header."""
    rows: tuple[tuple[str, ...], ...]
    """The first rows of the file."""
    guessed: dict[str, str]
    """Columns of user, item, rating and timestamp that were recognised."""


def preview(path: Path) -> Preview:
    """Return the preview of a file, which may be cut off after `HEAD` bytes.

    Raises DataError where it is not a table.
    """
    raw = path.read_bytes()
    source = Source(path.name, _head(raw, path.name)) if _is_cut(raw) else None
    source = source or open_source(path)
    options = ReadOptions()
    if is_parquet(source, options):
        return _parquet(source)
    text = text_of(source)
    format = text_format(text)
    if format is Format.LIGHTGCN:
        lines = text.raw.decode().split("\n", ROWS)[:ROWS]
        rows = [line.split(maxsplit=1) for line in lines if line.strip()]
        return _made(format, False, ("user", "items"), rows)
    if format is Format.JSONL:
        table = json_rows(text)
        return _made(format, True, table.column_names, _cells(table.slice(0, ROWS)))
    return _delimited(text, format)


def _is_cut(raw: bytes) -> bool:
    """Tell whether a file may be the beginning of a longer one."""
    return len(raw) >= HEAD and not raw.startswith(b"PAR1")


def _head(raw: bytes, name: str) -> bytes:
    """Return the first whole lines of a text file, unpacked where it is gzip."""
    if raw.startswith(GZIP_MAGIC):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw, HEAD)
        except zlib.error as error:
            raise DataError(f"{name} is damaged gzip: {error}") from error
    raw = raw[:HEAD]
    return raw[: raw.rindex(b"\n") + 1] if b"\n" in raw else raw


def _delimited(text: Text, format: Format) -> Preview:
    is_recbole = format is Format.RECBOLE
    layout = (recbole_layout if is_recbole else layout_of)(text, ReadOptions())
    guessed = None
    if not layout.header and layout.width > 1:
        user, item = guess_positions(layout.rows)
        guessed = {"user": user, "item": item}
    return _made(format, layout.header, layout.names, _shown(layout), guessed)


def _shown(layout: Layout) -> Sequence[Sequence[str]]:
    return layout.rows[:ROWS]


def _parquet(source: Source) -> Preview:
    try:
        file = pq.ParquetFile(pa.BufferReader(source.raw))
        batch = next(file.iter_batches(batch_size=ROWS), None)
        rows = [] if batch is None else _cells(batch)
    except MemoryError:
        raise
    except FAILURES as error:
        raise DataError(
            f"{source.name} is not a readable Parquet file: {error}"
        ) from error
    return _made(Format.PARQUET, True, file.schema_arrow.names, rows)


def _cells(table: pa.Table | pa.RecordBatch) -> list[list[str]]:
    columns = [[str(value) for value in column.to_pylist()] for column in table.columns]
    return [list(row) for row in islice(zip(*columns, strict=True), ROWS)]


def _made(
    format: Format,
    header: bool,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    guessed: Mapping[str, str] | None = None,
) -> Preview:
    if guessed is None:
        by_noun = {n: usual_name(names, usual) for n, usual in USUAL_NAMES.items()}
        guessed = {n: name for n, name in by_noun.items() if name is not None}
    cut = tuple(tuple(cell[:CELL] for cell in row) for row in rows)
    return Preview(
        format=format,
        header=header,
        columns=tuple(names),
        rows=cut,
        guessed=dict(guessed),
    )
