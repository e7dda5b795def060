"""Rounds of a search with soups: one after the other, all branches side by side."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from autosample.core.events import Note, RungEnded
from autosample.data.interactions import Ints
from autosample.errors import SearchFailed
from autosample.evaluation.metrics import Values
from autosample.evaluation.significance import estimate
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.soup.soup import Round, Soup
from autosample.experiment.strategies.soup.standing import Standing, errors_ahead
from autosample.spec.rung import Rung
from autosample.spec.soup import SoupStrategy
from autosample.trials import TrialResult

SURELY_WORSE = -1.645
"""Standard errors behind the better soup at which another has a chance of 5 %."""
HOPELESS_FROM = 3
"""Round after which a soup may be found to be worse than another."""


def scout(ledger: Ledger, settings: SoupStrategy, soups: Sequence[Soup]) -> None:
    """Run the rounds that choose among the candidates, of all soups side by side."""
    planned = sum(rung.epochs for rung in settings.all_rounds)
    everyone = sum(len(soup.live) for soup in soups)
    sizes = {soup.name: len(soup.live) for soup in soups}
    for number, rung in enumerate(settings.all_rounds, start=1):
        this = Round(number, rung.epochs, planned)
        under_way = [soup for soup in soups if not soup.is_over]
        asked = [soup.one_each() for soup in under_way]
        requests = [
            soup.requests(this, branches)
            for soup, branches in zip(under_way, asked, strict=True)
        ]
        results = iter(ledger.run([one for each in requests for one in each]))
        merges = {
            soup.name: soup.merge(this, branches, [next(results) for _ in branches])
            for soup, branches in zip(under_way, asked, strict=True)
        }
        sound = [soup for soup in under_way if merges[soup.name] is not None]
        parents = ledger.run([each for each in merges.values() if each is not None])
        measured = []
        for soup, parent in zip(sound, parents, strict=True):
            keep = _keep(rung, sizes[soup.name], everyone)
            measured += soup.end_round(parent, keep)
        _fail_without_parents(soups)
        if measured:
            ledger.note(event(soups, number, measured))
        _stop_hopeless(ledger, with_parents(soups), number)


def with_parents(soups: Sequence[Soup]) -> list[Soup]:
    """Return the soups that have a model: in others every candidate failed at once."""
    return [soup for soup in soups if soup.parents]


def _fail_without_parents(soups: Sequence[Soup]) -> None:
    """Raise SearchFailed where no soup has a model."""
    if not with_parents(soups):
        gone = [each for soup in soups for each in soup.gone]
        errors = "; ".join(f"{each.candidate.label}: {each.error}" for each in gone)
        raise SearchFailed(f"every candidate failed ({errors})")


def _keep(rung: Rung, size: int, everyone: int) -> int:
    """Return how many stay in a soup: its part of the candidates that stay at all."""
    return max(ceil(rung.keep * size / everyone), 1)


def _stop_hopeless(ledger: Ledger, soups: Sequence[Soup], number: int) -> None:
    """Stop soups that have under 5 % chance of being better than the best one."""
    leader = max(soups, key=lambda soup: soup.best.best)
    for soup in soups:
        if soup is leader or soup.is_over or number < HOPELESS_FROM:
            continue
        best, ours = leader.best, soup.best
        if errors_ahead(ours.best_U, best.best_U, best.owners_Q) < SURELY_WORSE:
            soup.stopped = True
            text = (
                f"{soup.name} stops at {ours.best:.4f}: it has under 5 % chance of"
                f" being as good as {leader.name}, at {best.best:.4f}"
            )
            ledger.note(Note(text=text))


def finish(
    ledger: Ledger, settings: SoupStrategy, soup: Soup, first: int
) -> TrialResult:
    """Run further rounds off a soup's parent, dealt by weight, while the average gets
    better; returns the best parent. `first` is the number of the first round."""
    epochs = settings.extra_epochs
    planned = soup.depth + epochs * settings.most_extra
    for number in range(first, first + settings.most_extra):
        this, before = Round(number, epochs, planned), soup.best
        branches = soup.dealt(settings.branches)
        results = ledger.run(soup.requests(this, branches))
        merge = soup.merge(this, branches, results)
        if merge is None:
            break
        [parent] = ledger.run([merge])
        soup.end_round(parent, len(soup.live))
        text = (
            f"{len(branches)} further branches of {epochs} epochs off the best model"
            f" average to {parent.best:.4f} (before: {before.best:.4f})"
        )
        ledger.note(Note(text=text))
        ahead = errors_ahead(parent.best_U, before.best_U, before.owners_Q)
        if ahead < settings.rise:
            break
    return soup.matured


def event(
    soups: Sequence[Soup], number: int, measured: Sequence[Standing]
) -> RungEnded:
    """Return what a round came to. Of several soups that go on each weighs the same."""
    owners_Q = with_parents(soups)[0].parents[-1].owners_Q
    intervals, metrics = {}, {}
    for each in measured:
        if each.values_Q is None:
            continue
        metrics[each.candidate.label] = each.metric
        intervals[each.candidate.label] = interval(each.values_Q, owners_Q)
    standings = [each for soup in soups for each in (*soup.gone, *soup.live)]
    weights = dict.fromkeys((each.candidate.label for each in standings), 0.0)
    going_on = [soup for soup in soups if not soup.is_over]
    for soup in going_on:
        total = sum(each.weight for each in soup.live) * len(going_on)
        weights |= {s.candidate.label: round(s.weight / total, 6) for s in soup.live}
    errors = {each.candidate.label: each.error for each in standings if each.error}
    return RungEnded(
        rung=number,
        metrics=metrics,
        kept=tuple(each.candidate.label for soup in soups for each in soup.live),
        intervals=intervals,
        weights=weights,
        errors=errors or None,
    )


def interval(values_Q: Values, owners_Q: Ints | None) -> tuple[float, float]:
    """Return both ends of a metric's 95 % confidence interval."""
    known = estimate(values_Q, owners_Q)
    return round(known.low, 6), round(known.high, 6)
