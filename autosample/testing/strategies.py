"""The contract suite of strategies: what every strategy must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from autosample.core.progress import Listener, Progress, silent
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import SearchFailed
from autosample.experiment.budget import plan_within_budget
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.experiment.winner import find_winner
from autosample.spec import SearchSpec
from autosample.spec.plan import most_epochs
from autosample.spec.strategy import Strategy
from autosample.trials import OnEpoch, Request, TrialResult, TrialRunner
from autosample.trials.run import InProcessRunner
from autosample.trials.study import Study, Tried, run_study

DATA = Synthetic(users=120, items=80).build().dataset
SPLIT = RandomSplit().apply(DATA, seed=0)
CANDIDATES = ({"kind": "uniform"}, {"kind": "dns", "pool": 4}, {"kind": "popularity"})


class StrategyContract:
    """Subclass it with a strategy, which then searches among three samplers.

    Give it few epochs, so that a search takes a second. A strategy that runs studies
    needs another `_runner`, which can run them.
    """

    strategy: ClassVar[Strategy]

    def _runner(self) -> TrialRunner:
        return InProcessRunner(SPLIT)

    def _spec(self, **fields: Any) -> SearchSpec:
        """Return a small search with the strategy."""
        base: dict[str, Any] = {
            "dataset": "made",
            "candidates": CANDIDATES,
            "model": {"kind": "mf", "width": 8},
            "training": {"epochs": 6, "batch_size": 256},
            "seeds": [0],
        }
        spec = SearchSpec.model_validate(base | fields)
        return spec.model_copy(update={"strategy": self.strategy})

    def _ledger(self, listener: Listener = silent, **fields: Any) -> Ledger:
        return Ledger(self._spec(**fields), self._runner(), listener)

    def _search(self, **fields: Any) -> SearchResult:
        return search(self._ledger(**fields))

    def test_its_settings_survive_json(self) -> None:
        text = self.strategy.model_dump_json()
        assert type(self.strategy).model_validate_json(text) == self.strategy

    def test_it_reports_every_candidate_and_chooses_one(self) -> None:
        spec, result = self._spec(), self._search()
        names = [report.name for report in result.candidates]
        assert names[: len(spec.samplers)] == [s.label for s in spec.samplers]
        assert len(set(names)) == len(names)
        assert result.chosen in [report.sampler for report in result.candidates]
        assert result.runner_up != result.chosen
        trained = result.final_training.trial
        assert result.chosen in trained.candidates
        assert len(trained.candidates) == max(len(trained.merged), 1)

    def test_one_candidate_alone_wins(self) -> None:
        result = self._search(candidates=CANDIDATES[:1])
        assert result.chosen == self._spec().samplers[0]
        assert result.runner_up is None

    def test_the_same_seed_searches_the_same(self) -> None:
        first, again = self._search(), self._search()
        assert first.candidates == again.candidates
        assert first.final_training.trial == again.final_training.trial

    def test_its_cost_is_that_of_the_trainings_that_were_run(self) -> None:
        ledger = self._ledger()
        result = search(ledger)
        assert result.cost == ledger.cost
        assert result.cost.epochs == ledger.done > 0

    def test_it_trains_no_more_than_it_plans(self) -> None:
        ledger = self._ledger()
        assert search(ledger).cost.epochs <= most_epochs(ledger.spec)

    def test_progress_never_falls_and_ends_at_most_at_one(self) -> None:
        heard: list[float] = []
        search(self._ledger(lambda progress: heard.append(progress.fraction)))
        assert heard == sorted(heard)
        assert 0 <= heard[0] <= heard[-1] <= 1

    def test_a_listener_that_raises_ends_it_at_once(self) -> None:
        heard: list[Progress] = []

        def stop(progress: Progress) -> None:
            heard.append(progress)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            search(self._ledger(stop))
        assert len(heard) == 1

    def test_where_every_training_fails_it_says_why(self) -> None:
        ledger = self._ledger()
        ledger.runner = _Failing(ledger.runner)
        with pytest.raises(SearchFailed, match="the loss became nan"):
            search(ledger)

    def test_its_winner_is_trained_to_the_end_and_returned(self) -> None:
        winner = find_winner(self._spec(), self._runner(), silent)
        returned, before_refit = winner.models(SPLIT)
        assert winner.was_refitted
        assert winner.cost.epochs > winner.search.cost.epochs
        assert returned().all_items().shape == before_refit().all_items().shape

    def test_a_budget_that_it_fits_in_is_kept_to(self) -> None:
        free = find_winner(self._spec(), self._runner(), silent).cost
        updates = int(0.8 * free.pair_updates)
        runner = self._runner()
        spec = self._spec(budget={"pair_updates": updates})
        plan = plan_within_budget(spec, SPLIT, runner.parallel)
        cost = find_winner(plan.spec, runner, silent, plan.spending).cost
        assert cost.pair_updates <= updates


class _Failing:
    """Runs trials, and says of each that it diverged."""

    def __init__(self, runner: TrialRunner) -> None:
        self.runner = runner

    @property
    def parallel(self) -> int:
        return self.runner.parallel

    def run(self, requests: Sequence[Request], on_epoch: OnEpoch) -> list[TrialResult]:
        return [_fail(result) for result in self.runner.run(requests, on_epoch)]

    def study(self, study: Study, on_epoch: OnEpoch) -> list[Tried]:
        tried = run_study(self.runner, study, on_epoch)
        return [training._replace(result=_fail(training.result)) for training in tried]


def _fail(result: TrialResult) -> TrialResult:
    return replace(result, error="the loss became nan")
