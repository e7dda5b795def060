"""The strategy soup: the supernet whose mixture is learned in parameter space.

Each round, every candidate that is left trains a copy of one shared model for a few
epochs; the next shared model is the average of the copies, weighted by the evidence of
the validation metric. What the weights learn is each candidate's part in the model, and
no candidate trains under a loss that others spoil.
"""

from __future__ import annotations

from collections.abc import Sequence

from autosample.core.events import Note, RungEnded
from autosample.data.interactions import Ints
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.experiment.strategies.evidence import CandidateReport, SearchResult
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.soup.soup import SoupState
from autosample.experiment.strategies.soup.standing import Standing, errors_ahead
from autosample.spec import SearchSpec
from autosample.spec.strategies import Soup
from autosample.trials.recipe import Candidate, is_baseline

SURELY_WORSE = -1.645
"""Standard errors behind the better soup at which another has a chance of 5 %."""
HOPELESS_FROM = 3
"""Round after which a soup may be found to be worse than another."""


def search_with_soup(ledger: Ledger, settings: Soup) -> SearchResult:
    """Run rounds of all soups until none rises any more; the best parent is the model,
    and the candidate with the most evidence in its soup is chosen."""
    soups = _soups(ledger.spec, settings)
    while under_way := [soup for soup in soups if not soup.is_over]:
        _run_round(ledger, under_way)
        _stop_hopeless(ledger, soups)
    best = max(soups, key=lambda soup: soup.best.best)
    return _result(ledger, soups, best)


def _soups(spec: SearchSpec, settings: Soup) -> list[SoupState]:
    """Return a soup for each kind of score, since only models that score alike can be
    averaged."""
    by_score: dict[bool, list[Candidate]] = {}
    for candidate in spec.all_candidates:
        cosine = bool(spec.model_for(candidate).cosine)
        by_score.setdefault(cosine, []).append(candidate)
    names = {False: "soup", True: "soup of cosines" if len(by_score) > 1 else "soup"}
    return [
        SoupState(spec, settings, names[cosine], [Standing(each) for each in listed])
        for cosine, listed in by_score.items()
    ]


def _run_round(ledger: Ledger, soups: Sequence[SoupState]) -> None:
    """Run one round of each soup, all branches side by side."""
    asked = [soup.requests() for soup in soups]
    results = iter(ledger.run([request for each in asked for request in each]))
    by_soup = [[next(results) for _ in each] for each in asked]
    merges = [soup.merge(each) for soup, each in zip(soups, by_soup, strict=True)]
    parents = ledger.run(merges)
    for soup, parent in zip(soups, parents, strict=True):
        number = soup.round
        measured = soup.end_round(parent)
        ledger.note(_event(soup, number, measured))


def _event(soup: SoupState, number: int, measured: Sequence[Standing]) -> RungEnded:
    owners_Q = soup.parents[-1].owners_Q
    intervals, metrics = {}, {}
    for each in measured:
        assert each.values_Q is not None
        known = estimate(each.values_Q, owners_Q)
        metrics[each.candidate.label] = each.metric
        intervals[each.candidate.label] = (round(known.low, 6), round(known.high, 6))
    errors = {s.candidate.label: s.error for s in soup.gone if s.error}
    weights = {each.candidate.label: round(each.weight, 6) for each in soup.gone}
    weights |= {each.candidate.label: round(each.weight, 6) for each in soup.live}
    return RungEnded(
        rung=number,
        metrics=metrics,
        kept=tuple(each.candidate.label for each in soup.live),
        intervals=intervals,
        weights=weights,
        errors=errors or None,
    )


def _stop_hopeless(ledger: Ledger, soups: Sequence[SoupState]) -> None:
    """Stop soups that have under 5 % chance of being better than the best one."""
    if len(soups) == 1:
        return
    leader = max(soups, key=lambda soup: soup.best.best)
    for soup in soups:
        if soup is leader or soup.is_over or len(soup.parents) < HOPELESS_FROM:
            continue
        best, ours = leader.best, soup.best
        if errors_ahead(ours.best_U, best.best_U, best.owners_Q) < SURELY_WORSE:
            soup.stopped = True
            text = (
                f"{soup.name} stops at {ours.best:.4f}: it has under 5 % chance of"
                f" catching up with {leader.name} at {best.best:.4f}"
            )
            ledger.note(Note(text=text))


def _result(
    ledger: Ledger, soups: Sequence[SoupState], best: SoupState
) -> SearchResult:
    chosen, *others = best.live
    return SearchResult(
        chosen=chosen.candidate,
        candidates=_reports(ledger.spec, soups, best),
        final_training=best.best,
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=others[0].candidate if others else _second(best),
        mixture=tuple((each.candidate, each.weight) for each in best.live),
    )


def _second(soup: SoupState) -> Candidate | None:
    """Return who left last, for a soup in which one candidate is left."""
    sound = [each for each in soup.gone if each.error is None]
    return sound[-1].candidate if sound else None


def _reports(
    spec: SearchSpec, soups: Sequence[SoupState], best: SoupState
) -> tuple[CandidateReport, ...]:
    """Report every candidate in the order of the spec."""
    found = {}
    for soup in soups:
        standings = [*soup.live, *soup.gone]
        baseline = next((s for s in standings if is_baseline(s.candidate)), None)
        for each in standings:
            found[each.candidate] = _report(each, baseline, soup, soup is best)
    return tuple(found[candidate] for candidate in spec.all_candidates)


def _report(
    each: Standing, baseline: Standing | None, soup: SoupState, is_best: bool
) -> CandidateReport:
    owners_Q = soup.parents[-1].owners_Q
    gap = _versus(each, baseline, owners_Q)
    metric = None if each.values_Q is None else estimate(each.values_Q, owners_Q)
    return CandidateReport.of(
        each.candidate,
        metric=metric,
        epochs=each.epochs,
        versus_uniform=gap,
        versus_uniform_after=each.epochs if gap else None,
        weight=each.weight if is_best else 0.0,
        error=each.error,
    )


def _versus(
    each: Standing, baseline: Standing | None, owners_Q: Ints | None
) -> Comparison | None:
    """Compare a candidate with the baseline where both were measured last in the same
    round."""
    if baseline is None or each is baseline or each.epochs != baseline.epochs:
        return None
    if each.values_Q is None or baseline.values_Q is None:
        return None
    return compare(each.values_Q, baseline.values_Q, owners_Q)
