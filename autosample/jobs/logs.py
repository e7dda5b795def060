"""Logs of the service: one line per message, as text or JSON, with job and attempt."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum

_context: ContextVar[dict[str, str | int]] = ContextVar("log_context")


class Form(StrEnum):
    """Format of a log line."""

    TEXT = "text"
    JSON = "json"


def configure(form: Form) -> None:
    """Write all log messages to standard error from now on, in this format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if form is Form.JSON else TextLine())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)


@contextmanager
def log_context(**known: str | int) -> Iterator[None]:
    """Add names and values, such as a job's id, to this thread's lines in the block."""
    token = _context.set(_context.get({}) | known)
    try:
        yield
    finally:
        _context.reset(token)


class TextLine(logging.Formatter):
    """Formats a message for people: level, logger, message and context."""

    def format(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in _context.get({}).items())
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        line = f"{line} [{known}]" if known else line
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


class JsonLine(logging.Formatter):
    """Formats a message for machines: one JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context.get({}),
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json.dumps(fields)
