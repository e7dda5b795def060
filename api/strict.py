"""Refuses what JSON and text from strangers may hold and nothing here can store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from autosample.errors import SpecError

BAD_SIGN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, except tabs and line ends, and halves of surrogate pairs."""
LARGEST = 2**63
"""Integers are of 64 bits, in the database and beyond."""
DEEPEST = 64
"""Levels of nested objects and lists; a spec has a handful."""


def check_text(text: str, where: str) -> None:
    """Raise SpecError where a text holds signs that are no text."""
    bad = BAD_SIGN.search(text)
    if bad is not None:
        raise SpecError(
            f"{where} holds U+{ord(bad[0]):04X}, which is no sign of a text; remove it"
        )


def check_json(raw: bytes, where: str) -> None:
    """Raise SpecError where JSON holds numbers or texts that nothing here can store.

    What is not JSON at all passes: what parses it next says so.
    """
    try:
        value = json.loads(raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise SpecError(f"{where} is nested too deeply") from None
    except ValueError:
        return
    _check(value, where, 0)


def _refuse_constant(name: str) -> NoReturn:
    raise SpecError(f"{name} is no number of JSON")


def _check(value: Any, where: str, depth: int) -> None:
    if depth > DEEPEST:
        raise SpecError(f"{where} is nested more than {DEEPEST} deep")
    if isinstance(value, str):
        check_text(value, where)
    elif isinstance(value, int | float):
        _check_number(value, where)
    for key, inner in _inner(value):
        check_text(key, f"a key of {where}")
        _check(inner, f"{where}/{key}", depth + 1)


def _inner(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        return ((str(at), inner) for at, inner in enumerate(value))
    return ()


def _check_number(value: float, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError(f"{where} is too large a number")
    if not -LARGEST <= value < LARGEST and isinstance(value, int):
        raise SpecError(f"{where} is an integer of more than 64 bits")
