"""One soup: a parent, and branches that are trained from it and averaged.

Rounds of branches off a common parent are local SGD (Stich, 2019, arXiv:1805.09767) in
which each worker has a loss of its own; averages of such models: Wortsman et al., 2022,
arXiv:2203.05482. Each branch has a fresh optimiser: one that has seen the small
gradients of easy negatives takes steps that are too long for hard ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from autosample.core.seeds import derive
from autosample.errors import SearchFailed
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.soup.standing import (
    Standing,
    errors_ahead,
    judge,
)
from autosample.spec import SearchSpec
from autosample.spec.strategies import Rung, Soup
from autosample.trials import Request, TrialResult
from autosample.trials.recipe import Candidate
from autosample.trials.shares import deal
from autosample.trials.trial import SEED_BITS, Share

IMMATURE = 3
"""Rounds whose evidence is forgotten: a few epochs say little of many."""


@dataclass(frozen=True)
class Branch:
    """A candidate that is trained in a round."""

    candidate: Candidate
    number: int
    """Counts the branches of one candidate, from 0."""


@dataclass
class SoupState:
    """A soup between two rounds."""

    spec: SearchSpec
    settings: Soup
    name: str
    """Name of its parents in curves and events."""
    live: list[Standing]
    """Candidates that are left, the best first."""
    gone: list[Standing] = field(default_factory=list)
    """Candidates that have left or failed."""
    parents: list[TrialResult] = field(default_factory=list)
    """The average after each round."""
    depth: int = 0
    """Epochs behind the last parent."""
    branches: list[Branch] = field(default_factory=list)
    """Those of the round that is under way."""
    stopped: bool = False

    @property
    def round(self) -> int:
        """Number of the round that comes next, or is under way, from 1."""
        return len(self.parents) + 1

    @property
    def rung(self) -> Rung:
        """Epochs of the round, and how many candidates stay after it."""
        rungs = self.settings.all_rounds
        return rungs[min(self.round, len(rungs)) - 1]

    @property
    def best(self) -> TrialResult:
        """The best parent of all rounds by the validation metric."""
        return max(self.parents, key=lambda parent: parent.best)

    @property
    def is_over(self) -> bool:
        """Whether no round follows."""
        planned = len(self.settings.all_rounds)
        done = len(self.parents)
        if self.stopped or done >= planned + self.settings.extra:
            return True
        return done >= planned and not self._still_rises

    @property
    def _still_rises(self) -> bool:
        """Whether one of the last parents is surely better than all before them."""
        recent = self.settings.patience
        *early, before = self.parents[:-recent] or self.parents[:1]
        base = max([*early, before], key=lambda parent: parent.best)
        newest = max(self.parents[-recent:], key=lambda parent: parent.best)
        ahead = errors_ahead(newest.best_U, base.best_U, base.owners_Q)
        return ahead > self.settings.rise

    def requests(self) -> list[Request]:
        """Begin a round: return its trainings."""
        if self.round <= len(self.settings.all_rounds):
            self.branches = [Branch(each.candidate, 0) for each in self.live]
        else:
            weights = [each.weight for each in self.live]
            counts = deal(weights, self.settings.branches)
            self.branches = [
                Branch(each.candidate, number)
                for each, count in zip(self.live, counts, strict=True)
                for number in range(count)
            ]
        return [self._request(branch) for branch in self.branches]

    def _request(self, branch: Branch) -> Request:
        epochs, spec = self.rung.epochs, self.spec
        parent = self.parents[-1] if self.parents else None
        planned = sum(rung.epochs for rung in self.settings.all_rounds)
        training = spec.training_for(branch.candidate).model_copy(
            update={
                "epochs": max(planned, self.depth + epochs),
                "seed": self._seed(branch),
                "average": False,
            }
        )
        suffix = f" ({branch.number + 1})" if branch.number else ""
        trial = recipe.trial(
            spec,
            branch.candidate.label + suffix,
            [branch.candidate],
            training=training,
            stop_early=False,
            own_epochs=epochs,
            begun=self.depth,
            average_from=self.depth + epochs // 2 + 1,
            start=parent.trial.digest if parent else None,
        )
        return Request(trial, parent)

    def _seed(self, branch: Branch) -> int:
        """Return a seed, which all candidates share, so that their pairs are the
        same."""
        seed = self.spec.training.seed
        if self.round == 1 and branch.number == 0:
            return seed
        names = ("soup", str(self.round), str(branch.number))
        return derive(seed, *names) >> (63 - SEED_BITS)

    def merge(self, results: Sequence[TrialResult]) -> Request:
        """Judge the candidates by their branches; return the average that makes the
        next parent. Raises SearchFailed where every branch failed."""
        sound = [
            (branch, result)
            for branch, result in zip(self.branches, results, strict=True)
            if result.error is None
        ]
        self._drop_failed(results)
        if not sound:
            errors = "; ".join(f"{s.candidate.label}: {s.error}" for s in self.gone)
            raise SearchFailed(f"every candidate failed ({errors})")
        self._judge(sound)
        shares = self._shares(sound)
        parts = tuple(result for _, result in sound)
        self.depth += self.rung.epochs
        candidates = [branch.candidate for branch, _ in sound]
        training = self.spec.training_for(self.live[0].candidate)
        trial = recipe.trial(
            self.spec,
            self.name,
            candidates,
            training=training.model_copy(update={"seed": self.spec.training.seed}),
            begun=self.depth,
            merged=tuple(
                Share(trial=part.trial.digest, weight=share)
                for part, share in zip(parts, shares, strict=True)
            ),
        )
        return Request(trial, None, parts)

    def _drop_failed(self, results: Sequence[TrialResult]) -> None:
        errors = {
            branch.candidate: result.error
            for branch, result in zip(self.branches, results, strict=True)
            if result.error is not None
        }
        sound = {
            branch.candidate
            for branch, result in zip(self.branches, results, strict=True)
            if result.error is None
        }
        for each in list(self.live):
            if each.candidate in errors and each.candidate not in sound:
                self.live.remove(each)
                error = errors[each.candidate]
                gone = replace(each, error=error, weight=0.0, rounds_left=self.round)
                self.gone.append(gone)

    def _judge(self, sound: Sequence[tuple[Branch, TrialResult]]) -> None:
        values: dict[Candidate, list[TrialResult]] = {}
        for branch, result in sound:
            values.setdefault(branch.candidate, []).append(result)
        measured = {
            candidate: np.mean([result.best_U for result in results], axis=0)
            for candidate, results in values.items()
        }
        remember = self.round > IMMATURE
        owners_Q = sound[0][1].owners_Q
        depth = self.depth + self.rung.epochs
        self.live = [
            replace(each, epochs=depth) if each.candidate in measured else each
            for each in judge(self.live, measured, owners_Q, remember=remember)
        ]

    def _shares(self, sound: Sequence[tuple[Branch, TrialResult]]) -> list[float]:
        """Return each branch's weight; branches of a candidate share its weight."""
        weight = {each.candidate: each.weight for each in self.live}
        candidates = [branch.candidate for branch, _ in sound]
        raw = [weight[each] / candidates.count(each) for each in candidates]
        return [each / sum(raw) for each in raw]

    def end_round(self, parent: TrialResult) -> list[Standing]:
        """Take the average as the next parent; returns who was measured. The worst
        leave."""
        measured, keep = self.live, self.rung.keep
        self.gone += [
            replace(each, rounds_left=self.round, weight=0.0)
            for each in self.live[keep:]
        ]
        self.live = self.live[:keep]
        self.parents.append(parent)
        return measured
