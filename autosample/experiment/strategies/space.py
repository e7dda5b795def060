"""The search space of a spec's studies."""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.config import Config
from autosample.core.ranges import ranges
from autosample.spec import SearchSpec
from autosample.spec.tuning import RateRange, Tune
from autosample.training import Training
from autosample.trials.recipe import Candidate, Recipe, sampler_of
from autosample.trials.study import LOSS, TRAINING, Hyperparameter, Space

WIDTH = 4.0
"""Default search range of a rate: from 1/WIDTH to WIDTH times the model's default."""


def space_of(spec: SearchSpec, candidates: Sequence[Candidate]) -> Space:
    """Return the candidates with what the spec lets be tuned, which may be nothing."""
    candidates = tuple(candidates)
    if spec.tune is None:
        return Space(candidates, {}, tuple({} for _ in candidates))
    rates = [_rates(spec.training_for(each), spec.tune) for each in candidates]
    shared = all(each == rates[0] for each in rates)
    own = [_own(at, candidate, spec.tune) for at, candidate in enumerate(candidates)]
    if not shared:  # recipes differ in what is usual, so each has ranges of its own
        own = [
            named | {f"{at}.{TRAINING}.{name}": value for name, value in each.items()}
            for at, (named, each) in enumerate(zip(own, rates, strict=True))
        ]
    return Space(candidates, rates[0] if shared else {}, tuple(own))


def _rates(usual_training: Training, tune: Tune) -> dict[str, Hyperparameter]:
    """Return the ranges of the fields of Training that are tuned."""
    rates = {}
    for name, given in (("learning_rate", tune.learning_rate), ("l2", tune.l2)):
        usual, searched = getattr(usual_training, name), given
        if given is None and usual > 0:
            searched = RateRange(low=usual / WIDTH, high=usual * WIDTH)
        if searched is not None:
            low, high = searched.low, searched.high
            rates[name] = Hyperparameter(low, high, log=True, integer=False)
    return rates


def _own(at: int, candidate: Candidate, tune: Tune) -> dict[str, Hyperparameter]:
    """Return what is tuned for one candidate; names start with its number."""
    sampler, found = sampler_of(candidate), {}
    if tune.sampler:
        found = {f"{at}.{name}": each for name, each in _varied(sampler).items()}
    loss = candidate.loss if isinstance(candidate, Recipe) else None
    if tune.loss and loss is not None:
        found |= {f"{at}.{LOSS}.{name}": each for name, each in _varied(loss).items()}
    return found


def _varied(config: Config) -> dict[str, Hyperparameter]:
    return {
        name: Hyperparameter(*allowed, integer=isinstance(getattr(config, name), int))
        for name, allowed in ranges(config).items()
    }
