"""What pydantic found wrong, in one line."""

from __future__ import annotations

from pydantic import ValidationError


def told(error: ValidationError) -> str:
    """Say which fields are wrong and why."""
    parts = []
    errors = error.errors()
    for each in errors:
        if each["type"] == "too_short" and any(
            len(other["loc"]) > len(each["loc"])
            and other["loc"][: len(each["loc"])] == each["loc"]
            for other in errors
        ):
            continue  # too short only because an entry was refused
        where = ".".join(str(part) for part in each["loc"]) or "all of it"
        parts.append(f"{where}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(parts)
