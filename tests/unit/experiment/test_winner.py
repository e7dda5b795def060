"""A winner knows what was trained for it, whatever a runner does with results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import autosample
from autosample.core.progress import silent
from autosample.experiment.prepare import prepare
from autosample.experiment.winner import find_winner
from autosample.library import make_spec
from autosample.spec.strategies import Race
from autosample.trials import OnEpoch, Request, TrialResult
from autosample.trials.run import InProcessRunner
from tests.unit.experiment.test_budget import DATA, FIELDS, PAIRS

RACE = {"kind": "race", "rungs": [{"epochs": 2, "keep": 1}]}


class Copying(InProcessRunner):
    """Returns copies of results, and counts the epochs that it trained."""

    trained = 0

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        results = [replace(result) for result in super().run(requests, on_epoch)]
        self.trained += sum(
            len(result.history) for result in results if not result.trial.merged
        )
        return results


@pytest.mark.parametrize("refit", [0, 2])
@pytest.mark.parametrize("strategy", [RACE, {"kind": "exhaustive"}])
def test_the_cost_is_that_of_all_trainings_each_counted_once(
    strategy: dict[str, Any], refit: int
) -> None:
    fields = FIELDS | {"strategy": strategy, "refit": refit, "seeds": [0]}
    spec = make_spec("made", fields | {"training": {"epochs": 6}})
    runner = Copying(prepare(spec, DATA))
    winner = find_winner(spec, runner, silent)
    assert winner.cost.epochs == runner.trained
    assert winner.was_refitted == bool(refit)
    assert winner.was_retrained == (strategy["kind"] == "race")
    after_search = winner.cost.epochs - winner.search.cost.epochs
    assert winner.final_cost.epochs == after_search


def test_a_report_keeps_the_spec_that_was_asked_and_says_what_was_run() -> None:
    race = {"kind": "race", "rungs": [{"epochs": 8, "keep": 1}]}
    budget = {"pair_updates": 16 * PAIRS}
    report = autosample.search(DATA, **FIELDS, strategy=race, budget=budget).report
    asked, shortened = report.spec.strategy, report.shortened
    assert isinstance(asked, Race)
    assert asked.rungs is not None
    assert asked.rungs[0].epochs == 8
    assert shortened is not None
    assert isinstance(shortened.strategy, Race)
    assert shortened.strategy.rungs is not None
    assert shortened.strategy.rungs[0].epochs == 4
    assert shortened.epochs == report.spec.training.epochs
    wide = {"pair_updates": 10**9}
    report = autosample.search(DATA, **FIELDS, strategy=race, budget=wide).report
    assert report.shortened is None
