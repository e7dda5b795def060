"""Logs of the service: a line each, as text or as JSON, with job and attempt."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum

_about: ContextVar[dict[str, str | int]] = ContextVar("about")


class Form(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


def configure(form: Form) -> None:
    """Send what is logged from now on to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if form is Form.JSON else TextLine())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)


@contextmanager
def about(**known: str | int) -> Iterator[None]:
    """Add to every line of this thread, such as the job it is about."""
    token = _about.set(_about.get({}) | known)
    try:
        yield
    finally:
        _about.reset(token)


class TextLine(logging.Formatter):
    """For people: level, logger, message, and what it is about."""

    def format(self, record: logging.LogRecord) -> str:
        known = " ".join(f"{name}={value}" for name, value in _about.get({}).items())
        line = f"{record.levelname} {record.name}: {record.getMessage()}"
        line = f"{line} [{known}]" if known else line
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


class JsonLine(logging.Formatter):
    """For machines: one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_about.get({}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told)
