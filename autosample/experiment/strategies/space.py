"""What a search may turn: the space of its studies."""

from __future__ import annotations

from collections.abc import Sequence

from autosample.samplers import Sampler
from autosample.samplers.ranges import ranges
from autosample.spec import SearchSpec
from autosample.spec.strategies import RateRange, Tune
from autosample.trials.study import Hyperparameter, Space

WIDTH = 4.0
"""A rate is looked for down to one part in so many, and up to so many times, of what
suits the model, unless the spec says where."""


def space_of(spec: SearchSpec, samplers: Sequence[Sampler]) -> Space:
    """Return what a search may turn, which is nothing where it does not tune."""
    samplers = tuple(samplers)
    if spec.tune is None:
        return Space(samplers, {}, tuple({} for _ in samplers))
    own = tuple(
        _own(at, sampler) if spec.tune.sampler else {}
        for at, sampler in enumerate(samplers)
    )
    return Space(samplers, _rates(spec, spec.tune), own)


def _rates(spec: SearchSpec, tune: Tune) -> dict[str, Hyperparameter]:
    training = spec.resolved_training
    found = {}
    for name, given in (("learning_rate", tune.learning_rate), ("l2", tune.l2)):
        usual = getattr(training, name)
        where = given
        if given is None and usual > 0:
            where = RateRange(low=usual / WIDTH, high=usual * WIDTH)
        if where is not None:
            found[name] = Hyperparameter(where.low, where.high, log=True, integer=False)
    return found


def _own(at: int, sampler: Sampler) -> dict[str, Hyperparameter]:
    return {
        f"{at}.{name}": Hyperparameter(
            *allowed, integer=isinstance(getattr(sampler, name), int)
        )
        for name, allowed in ranges(sampler).items()
    }
