"""The base class of all settings, and a description of their errors in one line."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from autosample.errors import SpecError

HIDDEN = "~"
"""Begins the names of those parts of a field's path that no user has written."""


class Config(
    BaseModel,
    frozen=True,
    extra="forbid",
    use_attribute_docstrings=True,
    # Unions that plug-ins add to are complete only once everything is imported.
    defer_build=True,
):
    """Settings of one part: checked on arrival, never changed, stored as JSON."""

    @property
    def label(self) -> str:
        """The kind and every setting that is not its default, for tables and logs."""
        kind = str(getattr(self, "kind", type(self).__name__.lower()))
        set_here = {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name != "kind"
            and getattr(self, name) != field.get_default(call_default_factory=True)
        }
        if not set_here:
            return kind
        inner = ", ".join(f"{name}={_short(value)}" for name, value in set_here.items())
        return f"{kind}({inner})"


def parse_json(kind: Any, text: str, what: str) -> Any:
    """Return the settings that JSON text describes; `kind` is their class or union.

    Raises SpecError, in one line, where the text is not valid; `what` names them in it.
    """
    try:
        return TypeAdapter(kind).validate_json(text)
    except ValidationError as error:
        raise SpecError(f"not a valid {what}: {describe_errors(error)}") from error


def _short(value: object) -> str:
    return value.label if isinstance(value, Config) else str(value)


def describe_errors(error: ValidationError) -> str:
    """Return which fields are wrong and why, in one line."""
    problems = error.errors()
    return "; ".join(
        f"{_path(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
        for problem in problems
        if not (problem["type"] == "too_short" and _has_inner(problem["loc"], problems))
    )


def _path(loc: tuple[int | str, ...]) -> str:
    shown = [str(part) for part in loc if not str(part).startswith(HIDDEN)]
    return ".".join(shown) or "all of it"


def _has_inner(loc: tuple[int | str, ...], problems: list[ErrorDetails]) -> bool:
    """Tell whether an entry of a list was refused, which is why it is too short."""
    return any(
        len(problem["loc"]) > len(loc) and problem["loc"][: len(loc)] == loc
        for problem in problems
    )
