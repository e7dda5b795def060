"""Readers of interaction files. To add one: write its file, then name it here."""

from __future__ import annotations

from pathlib import Path

from autosample.data.options import Format, ReadOptions
from autosample.data.readers.base import GZIP_MAGIC, Reader, read_bytes
from autosample.data.readers.csv import read_csv
from autosample.data.readers.lightgcn import read_lightgcn
from autosample.data.readers.parquet import PARQUET_MAGIC, read_parquet
from autosample.data.readers.recbole import read_recbole
from autosample.data.table import Table

READERS: dict[Format, Reader] = {
    Format.CSV: read_csv,
    Format.TSV: read_csv,
    Format.PARQUET: read_parquet,
    Format.LIGHTGCN: read_lightgcn,
    Format.RECBOLE: read_recbole,
}


def read(path: Path, options: ReadOptions) -> Table:
    """Read a file in the format of the options, or in the one its content shows."""
    return READERS[options.format or tell_format(path)](path, options)


def tell_format(path: Path) -> Format:
    """Tell a file's format from its first bytes and its name."""
    return format_of(read_bytes(path), path.name)


def format_of(raw: bytes, name: str) -> Format:
    """Tell the format from a name and from bytes; the first rows are enough."""
    name = name.lower().removesuffix(".gz")
    by_name = {".inter": Format.RECBOLE, ".tsv": Format.TSV, ".csv": Format.CSV}
    if raw.startswith(PARQUET_MAGIC) or name.endswith((".parquet", ".pq")):
        return Format.PARQUET
    lines = [line for line in raw[:65536].split(b"\n") if line.strip()][:20]
    if b":token" in lines[0]:
        return Format.RECBOLE
    for suffix, found in by_name.items():
        if name.endswith(suffix):
            return found
    spaced = not any(
        sign in line for line in lines for sign in (b",", b"\t", b";", b"|")
    )
    return Format.LIGHTGCN if spaced else Format.CSV


__all__ = [
    "GZIP_MAGIC",
    "READERS",
    "Format",
    "Reader",
    "format_of",
    "read",
    "tell_format",
]
