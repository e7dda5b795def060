"""How long work tells where it is, and is told to stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """Where a running job is."""

    PREPARING = "preparing"
    SEARCHING = "searching"
    RETRAINING = "retraining"
    EVALUATING = "evaluating"
    PUBLISHING = "publishing"


SHARE: Mapping[Stage, tuple[float, float]] = {
    Stage.PREPARING: (0.0, 0.02),
    Stage.SEARCHING: (0.02, 0.55),
    Stage.RETRAINING: (0.55, 0.85),
    Stage.EVALUATING: (0.85, 0.98),
    Stage.PUBLISHING: (0.98, 1.0),
}
"""What part of the whole progress each stage covers."""


@dataclass(frozen=True)
class Progress:
    """One report: what happened, and how far the whole is, 0 to 1."""

    stage: Stage
    fraction: float
    kind: str
    """stage, epoch, trial, rung, weights, note."""
    data: Mapping[str, Any] = field(default_factory=dict)


Report = Callable[[Progress], None]
"""Is called with each report; raises Cancelled (or anything) to stop the work."""


def silent(_: Progress) -> None:
    """Report nothing."""


def within(stage: Stage, fraction: float) -> float:
    """Return the whole's progress from that of a stage, both 0 to 1."""
    low, high = SHARE[stage]
    return low + (high - low) * min(max(fraction, 0.0), 1.0)
