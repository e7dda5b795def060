"""Budgets are kept to, and forecasts hold what they can know."""

from __future__ import annotations

from typing import Any

import pytest

import autosample
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.experiment.budget import REFIT_PART, Spending
from autosample.experiment.forecast import (
    Amount,
    Forecast,
    forecast,
)
from autosample.experiment.prepare import prepare
from autosample.library import make_spec
from autosample.spec.budget import Budget
from autosample.spec.strategies import Exhaustive, Mixture, Race
from autosample.trials import Request, Trial
from autosample.trials.run import InProcessRunner

DATA = Synthetic(users=200, items=120, pairs_per_user=12).build().dataset
FIELDS: dict[str, Any] = {
    "candidates": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    "training": {"epochs": 40, "patience": 40},
}
RACE = {"kind": "race", "warmup": 6, "rungs": [{"epochs": 4, "keep": 1}]}
MIXTURE, EXHAUSTIVE = {"kind": "mixture"}, {"kind": "exhaustive"}
PAIRS = prepare(make_spec("made", FIELDS), DATA).train.num_pairs


@pytest.mark.parametrize(
    "strategy", [RACE, MIXTURE, EXHAUSTIVE], ids=lambda s: s["kind"]
)
@pytest.mark.parametrize("passes", [12, 20, 30])
def test_pair_updates_are_kept_to(strategy: dict[str, Any], passes: int) -> None:
    budget = {"pair_updates": passes * PAIRS}
    fields = FIELDS | {"strategy": strategy, "budget": budget, "seeds": [0]}
    costs = autosample.search(DATA, **fields).report.costs
    spent = costs.search.pair_updates + costs.retraining.pair_updates
    assert spent <= passes * PAIRS
    assert spent > 0.6 * passes * PAIRS  # and made use of


def test_a_wide_budget_changes_nothing() -> None:
    fields = FIELDS | {"strategy": RACE}
    free = autosample.search(DATA, **fields).report
    wide = autosample.search(DATA, **fields, budget={"pair_updates": 10**9}).report
    assert wide.test == free.test
    assert wide.costs.search.pair_updates == free.costs.search.pair_updates


@pytest.mark.parametrize("strategy", [RACE, EXHAUSTIVE], ids=lambda s: s["kind"])
def test_a_budget_without_room_for_one_pass_is_refused(
    strategy: dict[str, Any],
) -> None:
    fields = FIELDS | {"strategy": strategy, "budget": {"pair_updates": PAIRS}}
    with pytest.raises(SpecError, match="less than one epoch of everything; raise it"):
        autosample.search(DATA, **fields)


def told(seconds: float) -> Forecast:
    """Return a forecast of a search of so many seconds."""
    none, some = (Amount(seconds=s, pair_updates=0) for s in (0.0, seconds))
    return Forecast(
        search=some,
        retraining=none,
        verification=none,
        likely=some,
        most=some,
        epoch_seconds={},
        parallel=1,
    )


def test_seconds_shorten_a_search_by_its_forecast() -> None:
    spec = make_spec("made", FIELDS | {"strategy": RACE, "budget": {"seconds": 50}})
    half = Spending(spec, PAIRS, PAIRS).shorten(told(50.0)).strategy
    assert isinstance(half, Race)
    assert half.rungs is not None
    assert (half.warmup, half.rungs[0].epochs) == (3, 2)
    assert Spending(spec, PAIRS, PAIRS).shorten(told(25.0)) == spec
    mixed = spec.model_copy(update={"strategy": Mixture(epochs=20)})
    shorter = Spending(mixed, PAIRS, PAIRS).shorten(told(50.0)).strategy
    assert isinstance(shorter, Mixture)
    assert shorter.epochs == 10
    whole = spec.model_copy(update={"strategy": Exhaustive()})
    assert Spending(whole, PAIRS, PAIRS).shorten(told(100.0)).training.epochs == 20


def test_the_final_training_has_what_is_left() -> None:
    spec = make_spec("made", FIELDS | {"budget": {"pair_updates": 25 * PAIRS}})
    trial = Trial.model_validate(
        {
            "name": "t",
            "model": spec.resolved_model,
            "loss": spec.loss,
            "candidates": (spec.samplers[0],),
            "training": spec.resolved_training,
            "metric": spec.metric,
        }
    )
    left = Spending(spec, PAIRS, PAIRS).limit_final(
        Request(trial), spent_updates=15 * PAIRS
    )
    assert left.trial.own_epochs == 10 - 10 // REFIT_PART
    none = Spending(spec, PAIRS, PAIRS).limit_final(
        Request(trial), spent_updates=99 * PAIRS
    )
    assert none.trial.own_epochs == 1
    timed = spec.model_copy(update={"budget": Budget(seconds=1e-9)})
    hurried = Spending(timed, PAIRS, PAIRS).limit_final(Request(trial), spent_updates=0)
    split = prepare(spec, DATA)
    [result] = InProcessRunner(split).run([hurried], lambda *_: None)
    assert len(result.history) == 1


def test_a_forecast_knows_the_passes_of_a_race() -> None:
    spec = make_spec("made", FIELDS | {"strategy": RACE})
    found = forecast(spec, prepare(spec, DATA))
    report = autosample.search(DATA, **(FIELDS | {"strategy": RACE})).report
    assert found.search.pair_updates == report.costs.search.pair_updates
    assert found.retraining.pair_updates == (40 + 2 * 4 * spec.resolved_refit) * PAIRS
    assert set(found.epoch_seconds) == {"uniform", "dns(pool=4)", "supernet"}
    assert all(each > 0 for each in found.epoch_seconds.values())
    assert found.likely.seconds <= found.most.seconds


def test_trials_at_a_time_shorten_the_clock_and_not_the_work() -> None:
    spec = make_spec("made", FIELDS | {"strategy": EXHAUSTIVE, "verify": True})
    split = prepare(spec, DATA)
    one, two = forecast(spec, split), forecast(spec, split, parallel=2)
    assert two.likely.pair_updates == one.likely.pair_updates
    assert (one.parallel, two.parallel) == (1, 2)
    work = sum(one.epoch_seconds.values())
    clock = sum(two.epoch_seconds.values()) / 2
    assert two.search.seconds / clock == pytest.approx(one.search.seconds / work)
    assert one.verification.pair_updates == 3 * 3 * 40 * PAIRS


def test_a_report_sets_the_forecast_beside_the_fact() -> None:
    fields = FIELDS | {"strategy": RACE, "budget": {"pair_updates": 20 * PAIRS}}
    report = autosample.search(DATA, **fields).report
    assert report.forecast is not None
    assert report.forecast.search.pair_updates >= report.costs.search.pair_updates
    assert (
        autosample.search(DATA, **(FIELDS | {"strategy": RACE})).report.forecast is None
    )
