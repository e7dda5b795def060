"""How the candidates of a soup stand: evidence, weights and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, hypot, sqrt

import numpy as np

from autosample.core.seeds import numpy_generator
from autosample.data.interactions import Ints
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import compare
from autosample.trials.recipe import Candidate

SEED_NOISE = 0.01
"""Standard deviation of what a seed does to a branch's metric, relative to it."""
WEIGHT_SCALE = 2.0
"""Standard errors behind the leader that cost a factor e in weight."""
DRAWS = 20_000
"""Draws from which probabilities are estimated."""


@dataclass(frozen=True)
class Standing:
    """A candidate in a soup."""

    candidate: Candidate
    behind: float = 0.0
    """Evidence: standard errors behind the leader, summed over the rounds that count;
    0 is the leader's, others are negative."""
    rounds: int = 0
    """Rounds that `behind` is a sum over."""
    weight: float = 0.0
    """Share in the last parent that it was a part of."""
    probability: float = 0.0
    """Probability that it is the best of those that were left with it."""
    values_Q: Values | None = None
    """Validation metric of each case in its last round."""
    epochs: int = 0
    """Epochs behind its last branch, those of the parents included."""
    last_round: int = 0
    """The last round in which it had a branch, from 1."""
    error: str | None = None

    @property
    def metric(self) -> float:
        """Mean validation metric in its last round."""
        assert self.values_Q is not None
        return float(self.values_Q.mean())


def errors_ahead(ours_Q: Values, theirs_Q: Values, owners_Q: Ints | None) -> float:
    """Return by how many standard errors one model is ahead of another: those of users,
    in pairs, and those of seeds."""
    gap = compare(ours_Q, theirs_Q, owners_Q)
    by_user = (gap.high - gap.low) / 2 / 1.96
    by_seed = SEED_NOISE * sqrt(2) * max(float(ours_Q.mean()), float(theirs_Q.mean()))
    error = hypot(by_user, by_seed)
    return gap.difference / error if error > 0 else 0.0


def judge(
    standings: Sequence[Standing],
    measured: Mapping[Candidate, Values],
    owners_Q: Ints | None,
    *,
    remember: bool,
) -> list[Standing]:
    """Return the standings after a round, the best first.

    `measured` holds the values of the candidates that had a branch. `remember` adds the
    round to the evidence so far, which it otherwise replaces.
    """
    leader_Q = max(measured.values(), key=lambda values: float(values.mean()))
    after = []
    for each in standings:
        values_Q = measured.get(each.candidate)
        if values_Q is None:
            after.append(each)
            continue
        now = errors_ahead(values_Q, leader_Q, owners_Q)
        behind, rounds = (each.behind, each.rounds) if remember else (0.0, 0)
        after.append(
            replace(each, behind=behind + now, rounds=rounds + 1, values_Q=values_Q)
        )
    best = max(each.behind for each in after)
    after = [replace(each, behind=each.behind - best) for each in after]
    return _weigh(sorted(after, key=lambda each: -each.behind))


def _weigh(ranked: Sequence[Standing]) -> list[Standing]:
    """Fill in weights, in proportion to exp(evidence / WEIGHT_SCALE), and
    probabilities."""
    raw = [exp(each.behind / WEIGHT_SCALE) for each in ranked]
    return [
        replace(each, weight=weight / sum(raw), probability=probability)
        for each, weight, probability in zip(
            ranked, raw, probabilities(ranked), strict=True
        )
    ]


def probabilities(standings: Sequence[Standing]) -> list[float]:
    """Return the probability of each to be the best, if the mean gap of a round has a
    standard error of 1 over the root of the rounds."""
    means = np.array([s.behind / max(s.rounds, 1) for s in standings])
    errors = np.array([1 / sqrt(2 * max(s.rounds, 1)) for s in standings])
    rng = numpy_generator(0, "soup probabilities")
    draws = means + errors * rng.standard_normal((DRAWS, len(standings)))
    wins = np.bincount(draws.argmax(1), minlength=len(standings))
    return [float(count) / DRAWS for count in wins]
