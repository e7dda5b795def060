"""What a search found, in a sentence that claims no more than its evidence."""

from __future__ import annotations

from enum import StrEnum

from autosample.core.config import Config
from autosample.evaluation.significance import Comparison
from autosample.experiment.baseline import Baseline, Gains
from autosample.experiment.verification import Verification


class Basis(StrEnum):
    """What a verdict rests on."""

    VERIFIED = "verified"
    """Trainings from scratch of winner and uniform under several seeds, compared on the
    test split."""
    BASELINE = "baseline"
    """Winner and baseline, each trained alone, compared on the test split."""
    SEARCH = "search"
    """In reports of earlier versions: validation metrics of the search."""
    NONE = "none"
    """The baseline won, or could not be trained."""


class Verdict(Config):
    """What a user should make of it."""

    text: str
    basis: Basis
    gain: Comparison | None
    """Winner minus baseline, each trained alone."""
    significant: bool
    """Whether the gain is positive and its interval leaves zero out."""


SIZES = ((0.01, "negligible"), (0.03, "small"), (0.10, "clear"))
"""Relative differences, and what those below are called."""


def verdict(
    label: str,
    *,
    is_baseline: bool,
    baseline: Baseline | None,
    verified: Verification | None,
    metric: str,
) -> Verdict:
    """Put the evidence into sentences, which say so when nothing was gained."""
    rest = _beside(verified) + _about_model(baseline, metric)
    if is_baseline:
        text = f"The baseline, {label}, won; no other candidate did better.{rest}"
        basis = Basis.VERIFIED if verified else Basis.NONE
        return Verdict(text=text, basis=basis, gain=None, significant=False)
    gain, name = (baseline.gains.candidate if baseline else None), "the baseline"
    if baseline is not None:
        name = baseline.name
    where = f"test {metric}, each trained alone, {_seeds_of(baseline)}"
    basis = Basis.BASELINE
    if verified is not None and verified.gain is not None:
        gain, name, basis = verified.gain, "uniform", Basis.VERIFIED
        where = f"test {metric}, trained from scratch, {_seeds(verified)}"
    if gain is None:
        text = f"{label} won; the baseline could not be trained, so no gain is claimed."
        return Verdict(text=text, basis=Basis.NONE, gain=None, significant=False)
    return Verdict(
        text=f"{label}: {_found(gain, name)} ({where}).{rest}",
        basis=basis,
        gain=gain,
        significant=gain.low > 0,
    )


def _found(gain: Comparison, name: str) -> str:
    if gain.low > 0:
        size = f", a {size_of(gain)} gain" if gain.relative is not None else ""
        return f"beats {name} by {_percent(gain)}{size}"
    if gain.high < 0:
        return f"is worse than {name}, by {_percent(gain)}"
    return f"no significant gain over {name}: {_percent(gain)}"


def size_of(gain: Comparison) -> str:
    """Return a relative difference in words."""
    relative = abs(gain.relative or 0.0)
    return next((word for below, word in SIZES if relative < below), "large")


def _seeds(verified: Verification) -> str:
    count = len(verified.seeds)
    if count == 1:
        return "by user, one seed: what a seed does is not in the interval"
    return f"by user, {count} seeds"


def _seeds_of(baseline: Baseline | None) -> str:
    count = len(baseline.seeds) if baseline else 1
    return f"by user, {count} seed{'s' * (count > 1)} of the baseline"


def _beside(verified: Verification | None) -> str:
    """Set the winner beside the runner-up."""
    if verified is None or verified.over_runner_up is None:
        return ""
    gap = verified.over_runner_up
    how = "level with"
    if gap.significant:
        how = "ahead of" if gap.low > 0 else "behind"
    return f" It is {how} {verified.runner_up_name}, the runner-up: {_percent(gap)}."


def _about_model(baseline: Baseline | None, metric: str) -> str:
    """Say what the returned model gains over the baseline, and from what."""
    if baseline is None:
        return ""
    gains = baseline.gains
    mean = baseline.test[metric]
    against = f"{baseline.name}, at {mean:.4f}"
    return (
        f" The returned model is at {_percent(gains.total)} against {against}"
        f"{_parts(gains)}."
    )


def _parts(gains: Gains) -> str:
    named = {
        "the candidate": gains.candidate,
        "averaging": gains.averaging,
        "the refit": gains.refit,
    }
    parts = [f"{name} {_percent(gap)}" for name, gap in named.items() if gap]
    return f": {', '.join(parts)}" if parts else ""


def _percent(gain: Comparison) -> str:
    base = gain.difference / gain.relative if gain.relative else None
    if base is None:
        return f"{gain.difference:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]"
    low, high = gain.low / base, gain.high / base
    return f"{gain.relative:+.1%} [{low:+.1%}, {high:+.1%}]"
