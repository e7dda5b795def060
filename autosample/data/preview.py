"""The first rows of a file, and what its columns seem to be, before it is read."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from autosample.core.config import Config
from autosample.data.options import Format, ReadOptions
from autosample.data.readers import format_of
from autosample.data.readers.base import GZIP_MAGIC, USUAL_NAMES, usual_name
from autosample.data.readers.csv import delimiter_of, is_header
from autosample.errors import DataError

ROWS = 6
HEAD = 1 << 18
"""Bytes of a text file that a preview reads; callers need not send more."""


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
    """Columns of user, item, rating and timestamp that were recognised by name."""


def preview(path: Path) -> Preview:
    """Return the preview of a file, which may be cut off after `HEAD` bytes.

    Raises DataError where it is not a table.
    """
    raw = path.read_bytes()
    if raw.startswith(b"PAR1"):
        return _parquet(raw, path.name)
    head = _text(raw, path.name)
    lines = [line for line in head.split("\n") if line.strip()]
    if not lines:
        raise DataError(f"{path.name} is empty")
    format = format_of("\n".join(lines).encode(), path.name)
    if format is Format.LIGHTGCN:
        rows = [tuple(line.split(maxsplit=1)) for line in lines[:ROWS]]
        return _made(format, False, ("user", "items"), rows)
    first = lines[0].rstrip("\r")
    sign = "\t" if format is Format.RECBOLE else delimiter_of(first, format)
    cells = list(csv.reader(lines[: ROWS + 1], delimiter=sign))
    header = format is Format.RECBOLE or is_header(cells[0], ReadOptions())
    names = cells[0] if header else [str(at) for at in range(len(cells[0]))]
    return _made(format, header, names, cells[1:] if header else cells[:ROWS])


def _text(raw: bytes, name: str) -> str:
    if raw.startswith(GZIP_MAGIC):
        try:
            raw = zlib.decompressobj(wbits=31).decompress(raw, HEAD)
        except zlib.error as error:
            raise DataError(f"{name} is damaged gzip: {error}") from error
    cut = len(raw) >= HEAD
    raw = raw[:HEAD].removeprefix(b"\xef\xbb\xbf")
    if cut and b"\n" in raw:
        raw = raw[: raw.rindex(b"\n")]
    if b"\0" in raw:
        raise DataError(f"{name} is neither text nor Parquet")
    return raw.decode(errors="replace")


def _parquet(raw: bytes, name: str) -> Preview:
    try:
        file = pq.ParquetFile(pa.BufferReader(raw))
        batch = next(file.iter_batches(batch_size=ROWS), None)
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{name} is not a readable Parquet file: {error}") from error
    rows = batch.to_pylist() if batch is not None else []
    names = file.schema_arrow.names
    shown = [[str(row[each]) for each in names] for row in islice(rows, ROWS)]
    return _made(Format.PARQUET, True, names, shown)


def _made(
    format: Format, header: bool, names: Sequence[str], rows: Sequence[Sequence[str]]
) -> Preview:
    plain = {each.partition(":")[0]: each for each in names}
    guessed = {
        noun: plain[found]
        for noun, usual in USUAL_NAMES.items()
        if (found := usual_name(plain, usual)) is not None
    }
    if not header and len(names) > 1 and format is not Format.LIGHTGCN:
        guessed = {"user": "0", "item": "1"}
    cut = [tuple(cell[:60] for cell in row) for row in rows]
    return Preview(
        format=format, header=header, columns=tuple(names), rows=tuple(cut),
        guessed=guessed,
    )  # fmt: skip
