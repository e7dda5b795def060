"""What pydantic found wrong, in one line."""

from __future__ import annotations

from pydantic import ValidationError


def told(error: ValidationError) -> str:
    """Say which fields are wrong and why."""
    parts = []
    for each in error.errors():
        where = ".".join(str(part) for part in each["loc"]) or "all of it"
        parts.append(f"{where}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
