"""The search space of a spec's studies."""

from __future__ import annotations

from collections.abc import Sequence

from autosample.samplers import Sampler
from autosample.samplers.ranges import ranges
from autosample.spec import SearchSpec
from autosample.spec.tuning import RateRange, Tune
from autosample.trials.study import Hyperparameter, Space

WIDTH = 4.0
"""Default search range of a rate: from 1/WIDTH to WIDTH times the model's default."""


def space_of(spec: SearchSpec, samplers: Sequence[Sampler]) -> Space:
    """Return the candidates with what the spec lets be tuned, which may be nothing."""
    samplers = tuple(samplers)
    if spec.tune is None:
        return Space(samplers, {}, tuple({} for _ in samplers))
    own = tuple(
        _own(at, sampler) if spec.tune.sampler else {}
        for at, sampler in enumerate(samplers)
    )
    return Space(samplers, _rates(spec, spec.tune), own)


def _rates(spec: SearchSpec, tune: Tune) -> dict[str, Hyperparameter]:
    """Return what is tuned for all candidates alike."""
    rates = {}
    for name, given in (("learning_rate", tune.learning_rate), ("l2", tune.l2)):
        usual, searched = getattr(spec.resolved_training, name), given
        if given is None and usual > 0:
            searched = RateRange(low=usual / WIDTH, high=usual * WIDTH)
        if searched is not None:
            low, high = searched.low, searched.high
            rates[name] = Hyperparameter(low, high, log=True, integer=False)
    return rates


def _own(at: int, sampler: Sampler) -> dict[str, Hyperparameter]:
    """Return what is tuned for one candidate; names start with its number."""
    return {
        f"{at}.{name}": Hyperparameter(
            *allowed, integer=isinstance(getattr(sampler, name), int)
        )
        for name, allowed in ranges(sampler).items()
    }
