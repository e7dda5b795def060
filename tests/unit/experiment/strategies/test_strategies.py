"""Every strategy finds a planted answer and survives failures."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from autosample.core.events import RungEnded, WinnerRefined
from autosample.core.progress import Progress
from autosample.data.dataset import Dataset
from autosample.data.splits import Split
from autosample.data.synthetic import Synthetic
from autosample.errors import SearchFailed
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.branch import Branch, keep_best
from autosample.experiment.strategies.evidence import SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.run import search
from autosample.library import make_spec
from autosample.samplers import DNS, PopularitySampler, UniformSampler
from autosample.spec.strategies import Race
from autosample.trials import Request, TrialRunner
from autosample.trials.recipe import sampler_of
from autosample.trials.run import InProcessRunner
from tests.fakes import Counting, Failing

RACE = {
    "kind": "race",
    "warmup": 3,
    "rungs": [{"epochs": 2, "keep": 2}, {"epochs": 3, "keep": 1}],
}
MIXTURE = {"kind": "mixture", "epochs": 8, "every": 2}
EXHAUSTIVE = {"kind": "exhaustive"}
DATA = Synthetic(users=300, items=200, pairs_per_user=15).build().dataset


def task(dataset: Dataset, runner: Any = None, **fields: Any) -> Ledger:
    spec = make_spec("made", {"seeds": [0], "training": {"epochs": 25}} | fields)
    split = prepare(spec, dataset)
    return Ledger(spec, runner or InProcessRunner(split))


def split_of(runner: TrialRunner) -> Split:
    assert isinstance(runner, InProcessRunner)
    return runner.split


def run(dataset: Dataset, **fields: Any) -> SearchResult:
    return search(task(dataset, **fields))


@pytest.mark.parametrize("strategy", [RACE, EXHAUSTIVE], ids=lambda s: s["kind"])
def test_a_sampler_that_hurts_is_not_chosen(strategy: dict[str, Any]) -> None:
    """Popularity^4 pushes the popular items, which are the likely ones, far down."""
    bad, good = PopularitySampler(alpha=4.0), UniformSampler()
    found = run(DATA, strategy=strategy, candidates=[bad, good])
    assert found.chosen == good
    by_name = {each.name: each for each in found.candidates}
    gap = by_name[bad.label].versus_uniform
    assert gap is not None
    assert gap.high < 0


@pytest.mark.parametrize(
    "strategy", [RACE, EXHAUSTIVE, MIXTURE], ids=lambda s: s["kind"]
)
@pytest.mark.parametrize("relaxation", ["loss", "instance", "sampled"])
def test_every_strategy_reports_one_result_for_all_candidates(
    strategy: dict[str, Any], relaxation: str
) -> None:
    found = run(
        DATA,
        strategy=strategy,
        relaxation=relaxation,
        candidates=[
            {"kind": "uniform"},
            {"kind": "dns", "pool": 4},
            {"kind": "mixgcf", "pool": 4},
        ],
        training={"epochs": 6},
    )
    names = [each.name for each in found.candidates]
    assert names == ["uniform", "dns(pool=4)", "mixgcf(pool=4)"]
    assert found.chosen.label in names
    assert sum(each.weight for each in found.candidates) == pytest.approx(1.0)
    assert found.cost.epochs > 0
    assert found.cost.pair_updates > 0
    assert found.final_training.trial.candidates == (found.chosen,)
    assert found.trace


@pytest.mark.parametrize(
    "strategy", [RACE, EXHAUSTIVE, MIXTURE], ids=lambda s: s["kind"]
)
def test_the_same_seed_searches_the_same(strategy: dict[str, Any]) -> None:
    fields = {"strategy": strategy, "candidates": [UniformSampler(), DNS(pool=4)]}
    first, again = run(DATA, **fields), run(DATA, **fields)
    assert first.candidates == again.candidates
    assert first.final_training.trial.digest == again.final_training.trial.digest


def failing(bad: Sequence[str], **fields: Any) -> Ledger:
    made = task(DATA, candidates=[UniformSampler(), DNS(pool=4)], **fields)
    made.runner = Failing(split_of(made.runner), bad)
    return made


@pytest.mark.parametrize("strategy", [RACE, EXHAUSTIVE], ids=lambda s: s["kind"])
def test_a_diverging_candidate_ends_with_a_reason_and_the_search_goes_on(
    strategy: dict[str, Any],
) -> None:
    found = search(failing(["dns(pool=4)"], strategy=strategy))
    assert found.chosen == UniformSampler()
    errors = {each.name: each.error for each in found.candidates}
    assert errors == {"uniform": None, "dns(pool=4)": "the loss became nan"}


@pytest.mark.parametrize("strategy", [RACE, EXHAUSTIVE], ids=lambda s: s["kind"])
def test_a_search_without_survivors_says_why(strategy: dict[str, Any]) -> None:
    with pytest.raises(SearchFailed, match=r"uniform: the loss became nan"):
        search(failing(["uniform", "dns(pool=4)"], strategy=strategy))


def test_a_really_diverging_search_says_what_to_lower() -> None:
    wild = {"epochs": 5, "learning_rate": 1e30}
    with pytest.raises(SearchFailed, match="lower it, or raise l2"):
        run(DATA, training=wild, strategy=RACE, candidates=[UniformSampler(), DNS()])


def test_a_race_drops_candidates_rung_by_rung() -> None:
    candidates = [UniformSampler(), *(DNS(pool=n) for n in (2, 4, 8))]
    made = task(DATA, strategy=RACE, candidates=candidates)
    runner = Counting(split_of(made.runner))
    made.runner = runner
    found = search(made)
    trained = runner.ran
    assert trained[0] == "supernet"
    assert len(trained[1:5]) == 4
    assert len(trained[5:]) <= 2
    rungs = [event.rung for event in found.trace if isinstance(event, RungEnded)]
    assert rungs == [1, 2][: (len(trained[5:]) and 2) or 1]


def test_progress_grows_to_the_whole() -> None:
    made = task(DATA, strategy=RACE, candidates=[UniformSampler(), DNS(pool=4)])
    told: list[float] = []
    made.listener = lambda progress: told.append(progress.fraction)
    search(made)
    assert told == sorted(told)
    assert told[-1] <= 1.0


def test_stopping_a_search_stops_it_at_once() -> None:
    class Enough(Exception):
        """Raised by the listener."""

    made = task(DATA, strategy=RACE, candidates=[UniformSampler(), DNS(pool=4)])
    heard: list[Progress] = []

    def tell(progress: Progress) -> None:
        heard.append(progress)
        raise Enough

    made.listener = tell
    with pytest.raises(Enough):
        search(made)
    assert len(heard) == 1


def test_a_race_refines_its_winner_within_its_ranges() -> None:
    """From popularity^1.25, which hurts, one step down its range at a time."""
    found = run(
        DATA,
        strategy=RACE | {"refine": 3, "rungs": [{"epochs": 15, "keep": 1}]},
        candidates=[{"kind": "popularity", "alpha": 1.25}],
        training={"epochs": 6},
    )
    steps = [each for each in found.trace if isinstance(each, WinnerRefined)]
    assert steps
    assert steps[0].tried.keys() == {"popularity(alpha=0.8125)"}
    assert isinstance(found.chosen, PopularitySampler)
    assert found.chosen.alpha < 1.25
    names = [each.name for each in found.candidates]
    assert len(set(names)) == len(names) == 1 + sum(len(s.tried) for s in steps)
    assert sum(each.weight for each in found.candidates) == pytest.approx(1.0)
    best = max(
        found.candidates, key=lambda each: each.metric.mean if each.metric else 0
    )
    assert best.name == found.chosen.label
    assert best.weight == max(each.weight for each in found.candidates)


def test_a_sampler_can_be_chosen_that_is_made_of_others() -> None:
    mixed = {
        "kind": "mixture",
        "samplers": [{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
    }
    schedule = {"kind": "schedule"}
    found = run(
        DATA,
        strategy=RACE,
        candidates=[{"kind": "popularity", "alpha": 4.0}, mixed, schedule],
        training={"epochs": 6},
    )
    assert sampler_of(found.chosen).kind in ("mixture", "schedule")


def test_runners_are_ranked_by_where_they_are_heading() -> None:
    """Two passes or a quarter of all average to a level; what the last doubling gained
    is gained again, as often as asked for and as the planned passes have room."""
    slow = Branch(UniformSampler(), curve=(0.01, 0.02, 0.05, 0.06))
    # Levels: .055 now, .015 after half as many passes.
    assert slow.heading(2.0, planned=100) == pytest.approx(0.055 + 2 * 0.04)
    assert slow.heading(2.0, planned=8) == pytest.approx(0.055 + 1 * 0.04)
    assert slow.heading(2.0, planned=4) == pytest.approx(0.055)
    long = Branch(UniformSampler(), curve=(0.0,) * 4 + (0.04,) * 5 + (0.1,) * 3)
    # The last three of twelve, and the last two of six: .1 and .04.
    assert long.heading(1.0, planned=100) == pytest.approx(0.1 + 0.06)
    falling = Branch(UniformSampler(), curve=(0.09, 0.10, 0.08, 0.06))
    assert falling.heading(2.0, planned=100) == pytest.approx(0.095)  # is kept


def entered(*curve: float, pool: int) -> Branch:
    """Return a runner with a curve; pool 1 is uniform."""
    result = SimpleNamespace(last_U=np.full(50, curve[-1]))
    sampler = DNS(pool=pool) if pool > 1 else UniformSampler()
    return Branch(sampler, result=result, curve=curve)  # type: ignore[arg-type]


def test_a_slow_starter_that_gains_stays_in_the_race() -> None:
    fast = entered(0.10, 0.11, 0.11, 0.11, pool=2)
    slow = entered(0.01, 0.02, 0.07, 0.08, pool=4)
    [left] = keep_best([fast, slow], 1, Race(), planned=200)
    assert left is slow
    [left] = keep_best([fast, slow], 1, Race(doublings=0), planned=200)
    assert left is fast


@pytest.mark.parametrize("kind", ["uniform", "reverse_cns"])
def test_what_a_race_trains_is_an_ordinary_training(kind: str) -> None:
    """Also of a sampler whose law changes over the planned passes."""
    fields: dict[str, Any] = {
        "strategy": {"kind": "race"},
        "candidates": [{"kind": "popularity", "alpha": 4.0}, {"kind": kind}],
    }
    todo = task(DATA, **fields)
    found = search(todo)
    assert sampler_of(found.chosen).kind == kind
    assert isinstance(found.final_training, Request)
    [raced] = todo.run([found.final_training])
    [plain] = todo.run([recipe.ordinary(todo.spec, found.chosen, 0)])
    ours, theirs = (
        each.best_model(split_of(todo.runner)).state_dict() for each in (raced, plain)
    )
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert raced.best_epoch == plain.best_epoch


def test_a_race_goes_at_the_pace_of_its_model() -> None:
    def rungs(model: str, **race: Any) -> list[tuple[int, int]]:
        strategy = {"kind": "race"} | race
        spec = make_spec("made", {"model": {"kind": model}, "strategy": strategy})
        found = spec.resolved_strategy
        assert isinstance(found, Race)
        return [(rung.epochs, rung.keep) for rung in found.rungs or ()]

    assert rungs("mf") == [(3, 5), (9, 4), (6, 3), (6, 1)]
    assert rungs("lightgcn") == [(1, 5), (3, 4), (2, 3), (2, 1)]
    assert rungs("lightgcn", rungs=[{"epochs": 3, "keep": 1}]) == [(3, 1)]


def test_last_passes_suit_the_model_unless_they_are_given() -> None:
    def refit(model: str, **fields: Any) -> int:
        return make_spec("made", {"model": {"kind": model}} | fields).resolved_refit

    assert (refit("mf"), refit("lightgcn")) == (8, 4)
    assert refit("lightgcn", refit=0) == 0


def test_a_race_makes_no_more_passes_than_a_training_may() -> None:
    found = run(DATA, strategy={"kind": "race"}, training={"epochs": 6})
    assert max(each.epochs for each in found.candidates) == 6


def test_who_is_compared_with_uniform_says_after_how_many_passes() -> None:
    field = [*(DNS(pool=pool) for pool in (2, 4, 8, 16)), UniformSampler()]
    rungs = [{"epochs": 1, "keep": 2}, {"epochs": 2, "keep": 1}]
    found = run(DATA, strategy={"kind": "race", "rungs": rungs}, candidates=field)
    uniform = next(each for each in found.candidates if each.name == "uniform")
    others = [each for each in found.candidates if each is not uniform]
    assert {each.versus_uniform_after for each in others} <= {1, uniform.epochs}
    for each in others:
        assert each.versus_uniform is not None
        assert each.was_beside_uniform == (each.versus_uniform_after == each.epochs)
    assert sum(each.epochs == 3 for each in found.candidates) == 2
