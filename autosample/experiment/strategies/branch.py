"""A candidate's training in a race: how far it is, and how branches are ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, exp, log2

from autosample.data.interactions import Ints
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.spec.strategies import Race
from autosample.trials import TrialResult
from autosample.trials.recipe import Candidate, is_baseline

WEIGHT_SCALE = 2.0
"""Standard errors behind the leader that cost a factor e in weight."""
SMOOTH = 2
"""Fewest epochs over which a curve's level is averaged."""
RECENT = 4
"""A curve's level is averaged over its last 1/RECENT, where that is more epochs."""


@dataclass(frozen=True)
class Branch:
    """A candidate in a race, and the training it has had so far."""

    candidate: Candidate
    result: TrialResult | None = None
    """Result of its last rung."""
    versus_uniform: Comparison | None = None
    versus_uniform_after: int | None = None
    """Epochs that branch and uniform were each trained when they were compared."""
    weight: float = 0.0
    error: str | None = None
    curve: tuple[float, ...] = ()
    """Validation metric after each epoch of its own."""

    @property
    def is_uniform(self) -> bool:
        return is_baseline(self.candidate)

    @property
    def values_U(self) -> Values:
        """Validation metric of each user after the last rung."""
        assert self.result is not None
        return self.result.last_U

    @property
    def owners_Q(self) -> Ints | None:
        """The user of each value; None: each is another user's."""
        assert self.result is not None
        return self.result.owners_Q

    @property
    def metric(self) -> float:
        """Mean validation metric after the last rung."""
        return float(self.values_U.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the metric's 95 % confidence interval over users."""
        metric = estimate(self.values_U, self.owners_Q)
        return round(metric.low, 6), round(metric.high, 6)

    def extend(self, result: TrialResult | None) -> Branch:
        """Return the branch after one more rung; itself where it was not trained."""
        if result is None:
            return self
        if result.error is not None:
            return replace(self, error=result.error)
        curve = self.curve + tuple(epoch.metric for epoch in result.history)
        return replace(self, result=result, curve=curve)

    def heading(self, doublings: float, planned: int) -> float:
        """Return the metric after so many more doublings of its epochs, if each gained
        as much as the last: curves are near straight over the logarithm of epochs.

        There are no more doublings than `planned` epochs have room for. The answer is
        never below the best level so far, which early stopping would keep.
        """
        half = len(self.curve) // 2
        if not doublings or half == 0:
            return self.curve[-1]
        doublings = min(doublings, max(log2(planned / len(self.curve)), 0.0))
        now, then = _level(self.curve), _level(self.curve[:half])
        best = max(_level(self.curve[:end]) for end in range(2, len(self.curve) + 1))
        return max(now + doublings * max(now - then, 0.0), best)


def _level(curve: tuple[float, ...]) -> float:
    """Return the mean of a curve's end, which is less noisy than its last point."""
    last = curve[-max(SMOOTH, ceil(len(curve) / RECENT)) :]
    return sum(last) / len(last)


def keep_best(
    branches: Sequence[Branch], most: int, settings: Race, planned: int
) -> list[Branch]:
    """Return the best branches, at most so many, the best first.

    Where branches are ranked by what they have reached, those that are surely worse
    than the leader are dropped as well. Ranked by where they are heading, nothing is
    sure yet.
    """
    sound = [branch for branch in branches if branch.error is None]
    ranked = sorted(sound, key=lambda b: -b.heading(settings.doublings, planned))
    if settings.doublings or not ranked:
        return ranked[:most]
    leader, confidence = ranked[0], settings.confidence
    return [leader] + [
        branch
        for branch in ranked[1:most]
        if not _is_surely_worse(branch, leader, len(ranked) - 1, confidence)
    ]


def _is_surely_worse(
    branch: Branch, leader: Branch, comparisons: int, confidence: float
) -> bool:
    gap = compare(
        branch.values_U,
        leader.values_U,
        branch.owners_Q,
        comparisons=comparisons,
        confidence=confidence,
    )
    return gap.high < 0


def weigh(ranked: list[Branch]) -> list[Branch]:
    """Return branches with mixture weights by the evidence: proportional to
    exp(-standard errors behind the leader / WEIGHT_SCALE)."""
    if not ranked:
        return ranked
    behind = [max(_errors_behind(branch, ranked[0]), 0.0) for branch in ranked]
    raw = [exp(-errors / WEIGHT_SCALE) for errors in behind]
    return [
        replace(branch, weight=weight / sum(raw))
        for branch, weight in zip(ranked, raw, strict=True)
    ]


def _errors_behind(branch: Branch, leader: Branch) -> float:
    """Return the gap to the leader in standard errors."""
    gap = compare(leader.values_U, branch.values_U, branch.owners_Q)
    error = (gap.high - gap.low) / 2 / 1.96
    return gap.difference / error if error > 0 else 0.0
