"""What a search found, in a sentence that claims no more than its evidence."""

from __future__ import annotations

from enum import StrEnum

from autosample.core.config import Config
from autosample.evaluation.significance import Comparison
from autosample.experiment.verification import Verification


class Basis(StrEnum):
    """What a verdict rests on."""

    VERIFIED = "verified"
    """Trainings from scratch of winner and uniform, compared on the test split."""
    SEARCH = "search"
    """Validation metrics of the search, at equal training; no training to the end."""
    NONE = "none"
    """Uniform won, did not compete, or left the search early."""


class Verdict(Config):
    """What a user should make of it."""

    text: str
    basis: Basis
    gain: Comparison | None
    """Winner minus plain uniform sampling."""
    significant: bool
    """Whether the gain is positive and its interval leaves zero out."""


SIZES = ((0.01, "negligible"), (0.03, "small"), (0.10, "clear"))
"""Relative differences, and what those below are called."""


def verdict(
    label: str,
    *,
    is_uniform: bool,
    searched: Comparison | None,
    verified: Verification | None,
    metric: str,
    left_after: int | None = None,
) -> Verdict:
    """Put the evidence into a sentence, which says so when nothing was gained.

    `left_after` is the number of epochs after which uniform left the search, and after
    which `searched` compares both; None: uniform was measured as long as the winner.
    """
    beside = _beside(verified)
    if is_uniform:
        text = f"Plain uniform sampling won; no other candidate did better.{beside}"
        basis = Basis.VERIFIED if verified else Basis.NONE
        return Verdict(text=text, basis=basis, gain=None, significant=False)
    verified_gain = verified.gain if verified else None
    gain = verified_gain or (None if left_after else searched)
    if gain is None:
        text = _without_gain(label, searched, left_after)
        return Verdict(text=text, basis=Basis.NONE, gain=None, significant=False)
    where = (
        f"test {metric}, trained from scratch, {_seeds(verified)}"
        if verified
        else f"validation {metric} at equal training in the search; not verified"
    )
    return Verdict(
        text=f"{label}: {_found(gain)} ({where}).{beside}",
        basis=Basis.VERIFIED if verified else Basis.SEARCH,
        gain=gain,
        significant=gain.low > 0,
    )


def _without_gain(label: str, early: Comparison | None, after: int | None) -> str:
    if early is None or after is None:
        return (
            f"{label} won; uniform was not measured beside it, so no gain is claimed."
        )
    ahead = _percent(early)
    return (
        f"{label} won. Uniform left the race after {after} epoch{'s' * (after > 1)},"
        f" when the winner was at {ahead} against it. Uniform learns slowly, so no gain"
        " is claimed; `verify` measures it."
    )


def _found(gain: Comparison) -> str:
    if gain.low > 0:
        size = f", a {size_of(gain)} gain" if gain.relative is not None else ""
        return f"beats uniform by {_percent(gain)}{size}"
    if gain.high < 0:
        return f"is worse than uniform, by {_percent(gain)}"
    return f"no significant gain over uniform: {_percent(gain)}"


def size_of(gain: Comparison) -> str:
    """Return a relative difference in words."""
    relative = abs(gain.relative or 0.0)
    return next((word for below, word in SIZES if relative < below), "large")


def _seeds(verified: Verification) -> str:
    count = len(verified.seeds)
    if count == 1:
        return "by user, one seed: what a seed does is not in the interval"
    return f"by user, {count} seeds"


def _beside(verified: Verification | None) -> str:
    """Set the winner beside the runner-up."""
    if verified is None or verified.over_runner_up is None:
        return ""
    gap = verified.over_runner_up
    how = "level with"
    if gap.significant:
        how = "ahead of" if gap.low > 0 else "behind"
    return f" It is {how} {verified.runner_up_name}, the runner-up: {_percent(gap)}."


def _percent(gain: Comparison) -> str:
    base = gain.difference / gain.relative if gain.relative else None
    if base is None:
        return f"{gain.difference:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    low, high = gain.low / base, gain.high / base
    return f"{gain.relative:+.1%} [{low:+.1%}, {high:+.1%}]"
