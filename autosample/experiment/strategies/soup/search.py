"""The strategy soup: the supernet whose mixture is learned in parameter space.

Each round, every candidate that is left trains a copy of one shared model for a few
epochs; the next shared model is the average of the copies, weighted by the evidence of
the validation metric. What the weights learn is each candidate's part in the model, and
no candidate trains under a loss that others spoil.

Off a good shared model even a candidate looks good that would never get there alone.
So the best few are trained from fresh parameters to their end, and these finals decide.
Off the best model that there then is, further rounds are run while they make it better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autosample.core.events import FinalsEnded
from autosample.data.interactions import Ints
from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import Comparison, compare, estimate
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.evidence import (
    CandidateReport,
    Departure,
    SearchResult,
)
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.soup.rounds import (
    finish,
    interval,
    scout,
    with_parents,
)
from autosample.experiment.strategies.soup.soup import Soup
from autosample.experiment.strategies.soup.standing import Standing, judge
from autosample.spec import SearchSpec
from autosample.spec.soup import SoupStrategy
from autosample.trials import TrialResult
from autosample.trials.recipe import Candidate, is_baseline


def search_with_soup(ledger: Ledger, settings: SoupStrategy) -> SearchResult:
    """Scout in rounds, train the finalists to their end, and go on in rounds off the
    best model while it gets better."""
    soups = soups_of(ledger.spec)
    scout(ledger, settings, soups)
    finals = _run_finals(ledger, settings, soups)
    ranked = _judge_finals(finals)
    soup = _last_soup(soups, finals)
    model = soup.best
    if settings.most_extra:
        model = finish(ledger, settings, soup, len(settings.all_rounds) + 1)
    chosen, *others = ranked
    return SearchResult(
        chosen=chosen.candidate,
        candidates=_reports(ledger.spec, soups, ranked),
        final_training=model,
        alone=finals[chosen.candidate],
        trace=tuple(ledger.trace),
        cost=ledger.cost,
        runner_up=others[0].candidate if others else _second(soups, chosen.candidate),
        mixture=tuple((each.candidate, each.weight) for each in soup.live),
    )


def soups_of(spec: SearchSpec) -> list[Soup]:
    """Return a soup for each kind of score, since only models that score alike can be
    averaged."""
    by_score: dict[bool, list[Candidate]] = {}
    for candidate in spec.all_candidates:
        by_score.setdefault(_scores_by_cosine(spec, candidate), []).append(candidate)
    names = {False: "soup", True: "soup of cosines" if len(by_score) > 1 else "soup"}
    return [
        Soup(spec, names[cosine], cosine, [Standing(each) for each in listed])
        for cosine, listed in by_score.items()
    ]


def _scores_by_cosine(spec: SearchSpec, candidate: Candidate) -> bool:
    return bool(spec.model_for(candidate).cosine)


def _run_finals(
    ledger: Ledger, settings: SoupStrategy, soups: Sequence[Soup]
) -> dict[Candidate, TrialResult]:
    """Train the finalists from fresh parameters to early stopping, averaged over their
    epochs. Raises SearchFailed where all of them fail."""
    finalists = choose_finalists(soups, settings.num_finals)
    spec = ledger.spec
    seed, average = spec.training.seed, {"average": True}
    requests = [recipe.ordinary(spec, each, seed, average) for each in finalists]
    results = dict(zip(finalists, ledger.run(requests), strict=True))
    sound = {each: result for each, result in results.items() if not result.error}
    if not sound:
        errors = "; ".join(f"{c.label}: {r.error}" for c, r in results.items())
        raise SearchFailed(f"every finalist failed ({errors})")
    values = {each.label: plain_U(result) for each, result in sound.items()}
    owners_Q = next(iter(sound.values())).owners_Q
    means = {name: round(float(each.mean()), 6) for name, each in values.items()}
    intervals = {name: interval(each, owners_Q) for name, each in values.items()}
    ledger.note(FinalsEnded(metrics=means, intervals=intervals))
    return sound


def plain_U(result: TrialResult) -> Values:
    """Return a final's values at the best epoch of the parameters themselves."""
    return result.best_U if result.plain_U is None else result.plain_U


def choose_finalists(soups: Sequence[Soup], finals: int) -> list[Candidate]:
    """Return the best of the best soup, as many as there are finals, and the best of
    each other soup: kinds of score learn at different paces."""
    first, *others = sorted(with_parents(soups), key=lambda soup: -soup.best.best)
    ranked = _ranked(first)[:finals]
    return [*ranked, *(each for soup in others for each in _ranked(soup)[:1])]


def _ranked(soup: Soup) -> list[Candidate]:
    """Return the candidates of a soup, those that were left at its end first."""
    later = sorted(soup.gone, key=lambda each: -each.epochs)
    sound = [each for each in (*soup.live, *later) if each.error is None]
    return [each.candidate for each in sound]


def _judge_finals(finals: dict[Candidate, TrialResult]) -> list[Standing]:
    """Return the standings of the finalists by their own trainings, the best first.

    The rounds have no say: they favour candidates that learn fast or ride on others.
    Nor does averaging, which gains more for some: whoever takes the candidate into a
    training of their own may not average.
    """
    standings = [
        Standing(candidate, epochs=len(result.history))
        for candidate, result in finals.items()
    ]
    measured = {candidate: plain_U(result) for candidate, result in finals.items()}
    owners_Q = next(iter(finals.values())).owners_Q
    return judge(standings, measured, owners_Q, remember=False)


def _last_soup(soups: Sequence[Soup], finals: dict[Candidate, TrialResult]) -> Soup:
    """Return the soup that goes on from the best model of all by validation.

    It is trained by all candidates that were left in that model's soup: averages of
    different candidates gain more.
    """
    trained = [soup.matured for soup in with_parents(soups)] + list(finals.values())
    best = max(trained, key=lambda result: result.best)
    cosine = bool(best.trial.model.cosine)
    own = next(soup for soup in soups if soup.cosine == cosine)
    live = own.live or own.gone[-1:]
    return replace(
        own,
        live=list(live),
        parents=[best],
        depth=best.best_epoch,
        suffix=", further",
    )


def _second(soups: Sequence[Soup], chosen: Candidate) -> Candidate | None:
    """Return the next best candidate of the rounds; None where there was only one."""
    for soup in sorted(with_parents(soups), key=lambda soup: -soup.best.best):
        for candidate in _ranked(soup):
            if candidate != chosen:
                return candidate
    return None


def _reports(
    spec: SearchSpec, soups: Sequence[Soup], ranked: Sequence[Standing]
) -> tuple[CandidateReport, ...]:
    """Report every candidate in the order of the spec: finalists by their own training,
    others by their last round."""
    found = {}
    finals = {each.candidate: each for each in ranked}
    for soup in soups:
        owners_Q = soup.parents[-1].owners_Q if soup.parents else None
        standings = [*soup.live, *soup.gone]
        baseline = next((s for s in standings if is_baseline(s.candidate)), None)
        for each in standings:
            final = finals.get(each.candidate)
            found[each.candidate] = _report(final, each, baseline, owners_Q)
    return tuple(found[candidate] for candidate in spec.all_candidates)


def _report(
    final: Standing | None,
    scouted: Standing,
    baseline: Standing | None,
    owners_Q: Ints | None,
) -> CandidateReport:
    last = scouted if final is None else final
    gap = _versus(scouted, baseline, owners_Q)
    metric = None if last.values_Q is None else estimate(last.values_Q, owners_Q)
    return CandidateReport.of(
        last.candidate,
        metric=metric,
        epochs=last.epochs,
        versus_uniform=gap,
        versus_uniform_after=scouted.epochs if gap else None,
        weight=0.0 if final is None else final.weight,
        probability=None if final is None else final.probability,
        left=_departure(scouted) if final is None else None,
        error=last.error,
    )


def _departure(each: Standing) -> Departure | None:
    """Return when a candidate left; None where it failed in its first round."""
    if not each.last_round or each.error is not None:
        return None
    return Departure(after=each.last_round, probability=each.probability)


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
