"""/v1/samplers, /v1/models, /v1/losses and so on: the kinds a spec may use."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from autosample.core.config import Config
from autosample.spec.catalogue import Entry, catalogue

router = APIRouter(prefix="/v1", tags=["catalogue"])


Part = Literal["samplers", "models", "losses", "optimizers", "schedules", "strategies"]


class Entries(Config):
    """All entries of one part of the catalogue."""

    entries: list[Entry]
    """One entry per kind."""


@router.get("/{part}")
def entries(part: Part) -> Entries:
    """List all samplers, models, losses, optimizers, schedules or strategies, with
    schemas and defaults."""
    return Entries(entries=catalogue()[part])
