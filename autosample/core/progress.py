"""Progress reports of long-running work; a listener stops the work by raising."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from autosample.core.events import SearchEvent


class Stage(StrEnum):
    """The stages of a search, in order."""

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
"""Overall progress, 0 to 1, at the beginning and at the end of each stage."""


@dataclass(frozen=True)
class Progress:
    """One report of progress."""

    stage: Stage
    fraction: float
    """Overall progress, 0 to 1."""
    event: SearchEvent
    """What has just happened."""


Listener = Callable[[Progress], None]
"""Called with each report of progress; raises Cancelled (or any error) to stop."""


def silent(_: Progress) -> None:
    """Ignore a report."""


def within(stage: Stage, fraction: float) -> float:
    """Return the overall progress at a fraction of a stage; both are 0 to 1."""
    low, high = SHARE[stage]
    return low + (high - low) * min(max(fraction, 0.0), 1.0)
