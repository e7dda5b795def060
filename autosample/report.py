"""The result of a search, as stored, served and printed."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt

from autosample.config import Config
from autosample.data.dataset import DatasetStats
from autosample.evaluation.bands import Reach
from autosample.evaluation.significance import Comparison
from autosample.false_negatives import FalseNegatives
from autosample.spec import SearchSpec
from autosample.strategies.base import CandidateReport, Cost


class Basis(StrEnum):
    """What a verdict rests on."""

    VERIFIED = "verified"
    """Trainings from scratch of winner and uniform, compared on the test split."""
    SEARCH = "search"
    """Validation metrics of the search, at equal training; no training to the end."""
    NONE = "none"
    """Uniform won, or did not compete."""


class Verdict(Config):
    """What a user should make of it."""

    text: str
    basis: Basis
    gain: Comparison | None
    """Winner minus plain uniform sampling."""
    significant: bool
    """Whether the gain is positive and its interval leaves zero out."""


class SplitSizes(Config):
    """Pairs in each part."""

    kind: str
    train: NonNegativeInt
    valid: NonNegativeInt
    test: NonNegativeInt


class Verification(Config):
    """Like with like: trainings from scratch, mean over seeds, test split."""

    seeds: tuple[int, ...]
    chosen: dict[str, float]
    """Mean of each metric."""
    uniform: dict[str, float]
    gain: Comparison
    cost: Cost


class Costs(Config):
    """What was spent on what."""

    search: Cost
    retraining: Cost
    wall_seconds: NonNegativeFloat


class Report(Config):
    """What was searched, what won, how sure that is, and what it cost."""

    version: str
    spec: SearchSpec
    dataset: DatasetStats
    split: SplitSizes
    chosen: dict[str, Any]
    """The winning sampler, complete enough to build it."""
    chosen_label: str
    candidates: tuple[CandidateReport, ...]
    verdict: Verdict
    valid: dict[str, float]
    """Metrics of the returned model on the validation split."""
    test: dict[str, float]
    """The same on the test split, which was opened once, after all decisions."""
    reach: Reach
    """What the returned model recommends, and whom it serves, on the test split."""
    false_negatives: FalseNegatives
    """How often the chosen sampler draws what the user did like."""
    best_epoch: NonNegativeInt
    """Pass of the retraining from which the returned model is."""
    verification: Verification | None
    costs: Costs
    trace: tuple[dict[str, Any], ...]


def verdict(
    label: str,
    *,
    is_uniform: bool,
    searched: Comparison | None,
    verified: Comparison | None,
    metric: str,
) -> Verdict:
    """Put the evidence into a sentence; says so when nothing was gained."""
    if is_uniform:
        text = "Plain uniform sampling won; no other candidate did better."
        return Verdict(text=text, basis=Basis.NONE, gain=None, significant=False)
    gain = verified or searched
    if gain is None:
        text = (
            f"{label} won; uniform was not measured beside it, so no gain is claimed."
        )
        return Verdict(text=text, basis=Basis.NONE, gain=None, significant=False)
    basis = Basis.VERIFIED if verified else Basis.SEARCH
    where = (
        f"test {metric}, trained from scratch, by user over seeds"
        if verified
        else f"validation {metric} at equal training in the search; not verified"
    )
    significant = gain.low > 0
    found = "beats uniform by" if significant else "no significant gain over uniform:"
    if gain.high < 0:
        found = "is worse than uniform, by"
    text = f"{label}: {found} {_percent(gain)} ({where})."
    return Verdict(text=text, basis=basis, gain=gain, significant=significant)


def _percent(gain: Comparison) -> str:
    base = gain.difference / gain.relative if gain.relative else None
    if base is None:
        return f"{gain.difference:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    low, high = gain.low / base, gain.high / base
    return f"{gain.relative:+.1%} [{low:+.1%}, {high:+.1%}]"
