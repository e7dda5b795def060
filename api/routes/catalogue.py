"""/v1/samplers, /v1/models, /v1/losses, /v1/strategies: what a spec may name."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from autosample.core.config import Config
from autosample.spec.catalogue import Entry, catalogue

router = APIRouter(prefix="/v1", tags=["catalogue"])


class Entries(Config):
    entries: list[Entry]


@router.get("/{part}")
def entries(part: Literal["samplers", "models", "losses", "strategies"]) -> Entries:
    """List what there is, with schemas and defaults."""
    return Entries(entries=catalogue()[part])
