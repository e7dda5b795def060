"""What an error means to the owner of a job: no traceback, colours or paths."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

FULL = (errno.ENOSPC, errno.EDQUOT)
FULL_WORDS = ("no space left on device", "disk is full", "disk quota exceeded")
"""What Ray, SQLite and others say in text of their own."""
COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
MOST = 500
"""Most signs of a sentence."""


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, or what caused it, is a full disk."""
    return any(
        (isinstance(each, OSError) and each.errno in FULL)
        or any(words in str(each).lower() for words in FULL_WORDS)
        for each in _causes(error)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def sentence_of(error: BaseException) -> str:
    """Return the first line of an error, without colours; the log has the rest."""
    lines = COLOUR.sub("", str(error)).strip().splitlines()
    return lines[0][:MOST] if lines else type(error).__name__
