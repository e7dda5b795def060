"""What a spec may name: kind, description, paper, schema and defaults of each part."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from autosample.core.config import Config
from autosample.losses import LOSSES
from autosample.models import MODELS
from autosample.samplers import SAMPLERS
from autosample.spec.strategies import STRATEGIES


class Entry(Config):
    """One thing that a spec may name."""

    kind: str
    description: str
    helps: str
    """When to expect something of it; empty where there is nothing to say."""
    paper: str
    defaults: dict[str, Any]
    json_schema: dict[str, Any]


CATALOGUE: dict[str, Callable[[], Sequence[type[Config]]]] = {
    "samplers": lambda: SAMPLERS.all,
    "models": lambda: MODELS.all,
    "losses": lambda: LOSSES.all,
    "strategies": lambda: STRATEGIES.all,
}
"""What there is of each part, plug-ins included."""


def catalogue() -> dict[str, list[Entry]]:
    """Return all samplers, models, losses and strategies, described."""
    return {
        part: [_entry(config) for config in configs()]
        for part, configs in CATALOGUE.items()
    }


def _entry(config: type[Config]) -> Entry:
    defaults = config().model_dump(mode="json")
    return Entry(
        kind=defaults["kind"],
        description=(inspect.getdoc(config) or "").replace("\n", " "),
        helps=getattr(config, "helps", ""),
        paper=getattr(config, "paper", ""),
        defaults=defaults,
        json_schema=_schema(config),
    )


def _schema(config: type[Config]) -> dict[str, Any]:
    """Return its JSON schema, itself on top where it may hold others of its kind."""
    schema = config.model_json_schema()
    if "$ref" not in schema:
        return schema
    own: dict[str, Any] = schema["$defs"][config.__name__]
    return own | {"$defs": schema["$defs"]}
