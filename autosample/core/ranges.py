"""Ranges of numeric settings, within which a search may refine them."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from autosample.core.config import Config

KEY = "x-range"
"""Name of a range in a setting's JSON schema."""

T = TypeVar("T", bound=Config)


class Range(NamedTuple):
    """Values of a setting that make sense in a search; more are accepted in a spec."""

    low: float
    high: float
    log: bool
    """Whether a step multiplies the value instead of adding to it."""

    def near(self, value: float) -> tuple[float, ...]:
        """Return the values a step below and a step above, where they are in the range.

        A step is a factor of 2 on a logarithmic range, else a quarter of the range.
        """
        step = (self.high - self.low) / 4
        below, above = (
            (value / 2, value * 2) if self.log else (value - step, value + step)
        )
        return tuple(near for near in (below, above) if self.low <= near <= self.high)


def Between(low: float, high: float, *, log: bool = False) -> dict[str, Any]:
    """Return the JSON schema entry that declares a field's range, for `Field`."""
    return {KEY: {"low": low, "high": high, "log": log}}


def ranges(config: Config) -> dict[str, Range]:
    """Return the ranges of a configuration's settings by name."""
    declared = {}
    for name, field in type(config).model_fields.items():
        extra = field.json_schema_extra
        if isinstance(extra, dict) and isinstance(extra.get(KEY), dict):
            declared[name] = Range(**extra[KEY])  # type: ignore[arg-type]
    return declared


def neighbours(config: T) -> tuple[T, ...]:
    """Return the valid configurations in which one setting is one step away."""
    changed: list[T] = []
    for name, allowed in ranges(config).items():
        value = getattr(config, name)
        for near in allowed.near(value):
            setting = round(near) if isinstance(value, int) else near
            fields = config.model_dump() | {name: setting}
            try:
                other = type(config).model_validate(fields)
            except ValueError:  # for example a pool smaller than `keep`
                continue
            if other != config and other not in changed:
                changed.append(other)
    return tuple(changed)
