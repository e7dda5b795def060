"""What a spec may name: kind, description, paper, schema and defaults of each part."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from autosample.config import Config
from autosample.losses import LOSSES
from autosample.models import MODELS
from autosample.samplers import SAMPLERS
from autosample.strategies.specs import STRATEGIES


class Entry(Config):
    """One thing that a spec may name."""

    kind: str
    description: str
    paper: str
    defaults: dict[str, Any]
    json_schema: dict[str, Any]


def catalogue() -> dict[str, list[Entry]]:
    """Return all samplers, models, losses and strategies."""
    return {
        "samplers": _entries(SAMPLERS),
        "models": _entries(MODELS),
        "losses": _entries(LOSSES),
        "strategies": _entries(STRATEGIES),
    }


def _entries(configs: Sequence[type[Config]]) -> list[Entry]:
    return [_entry(config) for config in configs]


def _entry(config: type[Config]) -> Entry:
    defaults = config().model_dump(mode="json")
    return Entry(
        kind=defaults["kind"],
        description=(inspect.getdoc(config) or "").replace("\n", " "),
        paper=getattr(config, "paper", ""),
        defaults=defaults,
        json_schema=config.model_json_schema(),
    )
