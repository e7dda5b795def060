"""What a reader is, and what all of them share."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from autosample.data.options import ReadOptions
from autosample.data.table import Table
from autosample.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"

USUAL_NAMES = {
    "user": ("user", "user_id", "userid", "uid"),
    "item": ("item", "item_id", "itemid", "iid", "movieid", "movie_id"),
    "rating": ("rating", "score", "stars"),
    "timestamp": ("timestamp", "time", "ts", "unixtime"),
}


class Reader(Protocol):
    def __call__(self, path: Path, options: ReadOptions) -> Table:
        """Read a file; raises DataError with what was wrong and where."""
        ...


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes, decompressed where gzip; raises DataError if empty."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if raw.startswith(GZIP_MAGIC):
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"{path.name} is damaged gzip: {error}") from error
    if not raw.strip():
        raise DataError(f"{path.name} is empty")
    return raw


def check_utf8(raw: bytes, name: str) -> None:
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name} is not UTF-8: byte 0x{raw[error.start]:02x} in line {line};"
            " save it as UTF-8"
        ) from error


def find_columns(names: Sequence[str], options: ReadOptions) -> dict[str, str]:
    """Map user, item and perhaps rating and timestamp to column names.

    Raises DataError where user or item, or a column that was asked for, is missing.
    """
    found: dict[str, str] = {}
    for noun, usual in USUAL_NAMES.items():
        asked = getattr(options, noun)
        column = (
            asked if asked in names else usual_name(names, usual) if not asked else None
        )
        if column is not None:
            found[noun] = column
        elif asked is not None or noun in ("user", "item"):
            raise DataError(_missing(noun, asked, names))
    if options.min_rating is not None and "rating" not in found:
        raise DataError("min_rating needs a rating column; name it with `rating`")
    if found["user"] == found["item"]:
        raise DataError(f"user and item are the same column {found['user']!r}")
    return found


def usual_name(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """Return the first column that has one of the usual names."""
    by_lower = {name.strip().lower(): name for name in names}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def _missing(noun: str, asked: str | None, names: Sequence[str]) -> str:
    columns = ", ".join(map(repr, names))
    if asked:
        return f"no column {asked!r} for {noun}; the file has {columns}"
    return f"no {noun} column among {columns}; name it with `{noun}`"
