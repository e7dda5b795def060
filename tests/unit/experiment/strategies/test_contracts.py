"""Every strategy keeps the promises of the suite that plug-ins run."""

from __future__ import annotations

from autosample.core.plugins import kind_of
from autosample.spec.rung import Rung
from autosample.spec.soup import SoupStrategy
from autosample.spec.strategies import (
    STRATEGIES,
    Asha,
    Exhaustive,
    Mixture,
    Race,
)
from autosample.testing.strategies import SPLIT, StrategyContract
from autosample.trials import TrialRunner
from tests.fakes import Studying

RUNGS = (Rung(epochs=1, keep=2), Rung(epochs=2, keep=1))


class TestRace(StrategyContract):
    strategy = Race(rungs=RUNGS)


class TestRaceFromASupernet(StrategyContract):
    strategy = Race(warmup=2, rungs=RUNGS, doublings=0)


class TestMixture(StrategyContract):
    strategy = Mixture(epochs=3)


class TestExhaustive(StrategyContract):
    strategy = Exhaustive()


class TestAsha(StrategyContract):
    strategy = Asha(grace=1, reduction=2)

    def _runner(self) -> TrialRunner:
        return Studying(SPLIT)


class TestSoup(StrategyContract):
    rounds = (Rung(epochs=1, keep=3), Rung(epochs=2, keep=2))
    strategy = SoupStrategy(rounds=rounds, extra=1, branches=3)


def test_every_strategy_is_tested_here() -> None:
    suites = StrategyContract.__subclasses__()
    assert {suite.strategy.kind for suite in suites} >= set(
        map(kind_of, STRATEGIES.all)
    )
