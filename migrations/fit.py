"""Fits a row that SQLite accepted into a stricter database.

SQLite keeps longer strings than a column declares, null characters, and JSON with NaN;
Postgres takes none of these, and one such value would stop a whole move.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import JSON, Column, String, Table

REPLACEMENT = "\ufffd"
"""Stands for a character that cannot be stored."""


def fit(table: Table, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return a row as any database takes it, and the names of columns that changed.

    Strings are cut to their column's length, null characters and lone surrogates are
    replaced, and numbers in JSON that are not finite become null. A unique value that
    is too long becomes null, since a part of it could be another's.
    """
    fitted = {name: _fit(table.c[name], value) for name, value in row.items()}
    # NaN differs from itself, so the texts are compared.
    changed = [name for name in row if repr(row[name]) != repr(fitted[name])]
    return fitted, changed


def _fit(column: Column[Any], value: Any) -> Any:
    if isinstance(column.type, JSON):
        return _clean(value)
    if not isinstance(column.type, String) or value is None:
        return value
    length = column.type.length
    if length is not None and len(value) > length:
        value = None if column.unique else value[:length]
    return _clean(value)


def _clean(value: Any) -> Any:
    """Return a JSON value without what Postgres refuses, at any depth."""
    if isinstance(value, str):
        return (
            "".join(map(_storable, value))
            if not value.isascii() or "\0" in value
            else value
        )
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_clean(key): _clean(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each) for each in value]
    return value


def _storable(sign: str) -> str:
    return REPLACEMENT if sign == "\0" or "\ud800" <= sign <= "\udfff" else sign
