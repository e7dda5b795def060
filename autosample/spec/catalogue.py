"""The catalogue: all samplers, models, losses and so on that a spec may name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from autosample.core.config import Config
from autosample.losses import LOSSES
from autosample.models import MODELS
from autosample.optimizers import OPTIMIZERS, SCHEDULES
from autosample.samplers import SAMPLERS
from autosample.spec.strategies import STRATEGIES


class Entry(Config):
    """A sampler, model, loss, optimiser or strategy that a spec may name."""

    kind: str
    """Name by which a spec asks for it."""
    description: str
    """What it does, in a sentence or two."""
    helps: str
    """When it is likely to help; empty where nothing is known."""
    paper: str
    """Source of the method."""
    defaults: dict[str, Any]
    """Default of each setting."""
    json_schema: dict[str, Any]
    """JSON schema of its settings."""


CATALOGUE: dict[str, Callable[[], Sequence[type[Config]]]] = {
    "samplers": lambda: SAMPLERS.all,
    "models": lambda: MODELS.all,
    "losses": lambda: LOSSES.all,
    "optimizers": lambda: OPTIMIZERS.all,
    "schedules": lambda: SCHEDULES.all,
    "strategies": lambda: STRATEGIES.all,
}
"""The classes of each part of the catalogue, plug-ins included."""


def catalogue() -> dict[str, list[Entry]]:
    """Return the entries of each part of the catalogue."""
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
    """Return the JSON schema of a class. Where the class may hold others of its kind,
    pydantic refers to it by name; its own schema is then put on top."""
    schema = config.model_json_schema()
    if "$ref" not in schema:
        return schema
    own: dict[str, Any] = schema["$defs"][config.__name__]
    return own | {"$defs": schema["$defs"]}
