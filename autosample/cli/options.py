"""Options that several commands share, and how they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from autosample.core.config import describe_errors
from autosample.data.options import ReadOptions
from autosample.errors import SpecError

Column = Annotated[str | None, typer.Option(help="Column name, or position from 0.")]
Reuse = Annotated[
    bool,
    typer.Option(help="Take trainings from scratch that earlier searches have run."),
]

Parallel = Annotated[
    int | None,
    typer.Option(
        help="Trials at a time; more than one, asha and tune start a local Ray.", min=1
    ),
]


def read_options(**fields: Any) -> ReadOptions:
    try:
        return ReadOptions(**fields)
    except ValidationError as error:
        raise SpecError(describe_errors(error)) from error


def given(**fields: Any) -> dict[str, Any]:
    """Leave out what was not given, so that the spec's own default holds."""
    return {name: value for name, value in fields.items() if value is not None}


def kind_of(text: str | None) -> Any:
    return None if text is None else {"kind": text}


def kinds_of(text: str | None) -> Any:
    if text is None or text == "default":
        return text
    return [{"kind": kind.strip()} for kind in text.split(",") if kind.strip()]


def numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise SpecError(f"seeds must be integers by commas, not {text!r}") from None


def read_spec(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SpecError(f"{path} is not readable as JSON: {error}") from error
    if not isinstance(fields, dict):
        raise SpecError(f"{path} must hold an object of SearchSpec fields")
    return fields
