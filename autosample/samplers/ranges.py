"""Ranges of continuous and ordered settings, within which a search may refine."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from autosample.core.config import Config

KEY = "x-range"

T = TypeVar("T", bound=Config)


class Range(NamedTuple):
    """Where a setting makes sense; narrower than what is accepted."""

    low: float
    high: float
    log: bool
    """Whether equal ratios, not equal differences, are equal steps."""

    def near(self, value: float) -> tuple[float, ...]:
        """Return a step below and one above, where they are inside: half and twice the
        value, or a quarter of the range away."""
        step = (self.high - self.low) / 4
        below, above = (
            (value / 2, value * 2) if self.log else (value - step, value + step)
        )
        return tuple(each for each in (below, above) if self.low <= each <= self.high)


def Between(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """Declare a field's range, in its JSON schema, where clients see it, too."""
    return {KEY: {"low": low, "high": high, "log": log}}


def ranges(config: Config) -> dict[str, Range]:
    """Return the ranges of a part's settings by name."""
    found = {}
    for name, field in type(config).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and isinstance(extra.get(KEY), dict):
            found[name] = Range(**extra[KEY])  # type: ignore[arg-type]
    return found


def neighbours(config: T) -> tuple[T, ...]:
    """Return valid settings one step away, one setting changed at a time."""
    made: list[T] = []
    for name, allowed in ranges(config).items():
        value = getattr(config, name)
        for near in allowed.near(value):
            changed = round(near) if isinstance(value, int) else near
            fields = config.model_dump() | {name: changed}
            try:
                other = type(config).model_validate(fields)
            except ValueError:  # a pool smaller than what is kept of it
                continue
            if other != config and other not in made:
                made.append(other)
    return tuple(made)
