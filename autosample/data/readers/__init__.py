"""Readers of interaction files. To add one: write its file, then name it here.

A file goes through three steps: its bytes (`source`), its rows (`text`, for formats
that are text), and its columns, which the reader of its format finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.arrow import (
    PARQUET_MAGIC,
    read_folder,
    read_jsonl,
    read_parquet,
)
from autosample.data.readers.delimited import read_delimited
from autosample.data.readers.dialect import SEPARATORS, head_lines
from autosample.data.readers.lightgcn import is_lightgcn, read_lightgcn
from autosample.data.readers.recbole import read_recbole
from autosample.data.readers.source import Source, open_source
from autosample.data.readers.text import Text, text_of
from autosample.data.table import Table

TextReader = Callable[[Text, ReadOptions], Table]
"""Reads the rows of a text; raises DataError with what was wrong and where."""

TEXT_READERS: Mapping[Format, TextReader] = {
    Format.CSV: read_delimited,
    Format.TSV: read_delimited,
    Format.LIGHTGCN: read_lightgcn,
    Format.RECBOLE: read_recbole,
    Format.JSONL: read_jsonl,
}


def read(path: Path, options: ReadOptions) -> Table:
    """Read a file, or a folder of Parquet files, in the format of the options or in the
    one that its content shows. Raises DataError with what was wrong and where."""
    if path.is_dir():
        return read_folder(path, options)
    source = open_source(path)
    if options.format is Format.PARQUET or is_parquet(source, options):
        return read_parquet(source, options)
    text = text_of(source)
    return TEXT_READERS[options.format or text_format(text, options)](text, options)


def is_parquet(source: Source, options: ReadOptions) -> bool:
    """Tell whether a file is Parquet, by its content or, unless options say otherwise,
    by its name."""
    named = source.name.lower().endswith((".parquet", ".pq"))
    return source.raw.startswith(PARQUET_MAGIC) or (named and options.format is None)


def text_format(text: Text, options: ReadOptions | None = None) -> Format:
    """Tell the format of a text from its first rows and its name."""
    name, lines = text.name.lower(), head_lines(text.raw)
    if lines[0].lstrip().startswith("{"):
        return Format.JSONL
    if name.endswith(".inter") or ":token" in lines[0]:
        return Format.RECBOLE
    if name.endswith(".tsv"):
        return Format.TSV
    given = text.separator or (options.separator if options else None)
    signs = (sign for sign in SEPARATORS if sign != " ")
    spaced = not any(sign in line for line in lines for sign in signs)
    if spaced and given is None and not name.endswith(".csv") and is_lightgcn(lines):
        return Format.LIGHTGCN
    return Format.CSV


__all__ = [
    "TEXT_READERS",
    "Format",
    "Source",
    "Text",
    "is_parquet",
    "open_source",
    "read",
    "text_format",
    "text_of",
]
