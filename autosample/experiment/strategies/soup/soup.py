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
from autosample.experiment.strategies import recipe
from autosample.experiment.strategies.soup.standing import (
    Standing,
    errors_ahead,
    judge,
)
from autosample.spec import SearchSpec
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


@dataclass(frozen=True)
class Round:
    """A round of branches."""

    number: int
    """Counts all rounds of a search, from 1."""
    epochs: int
    """Epochs of each branch."""
    planned: int
    """Depth at which schedules and curricula end."""


@dataclass
class Soup:
    """A shared model between two rounds, and the candidates that train it."""

    spec: SearchSpec
    name: str
    """Name of its parents in curves and events."""
    cosine: bool
    """Whether its candidates score by cosines."""
    live: list[Standing]
    """Candidates that are left, the best first."""
    gone: list[Standing] = field(default_factory=list)
    """Candidates that have left or failed."""
    parents: list[TrialResult] = field(default_factory=list)
    """The model that it began with, if there was one, and the average after each
    round."""
    depth: int = 0
    """Epochs behind the last parent."""
    stopped: bool = False
    """Whether it has no chance any more."""
    suffix: str = ""
    """What the names of its trainings end with, where another soup had the same."""

    @property
    def best(self) -> TrialResult:
        """The best parent of all rounds by the validation metric."""
        return max(self.parents, key=lambda parent: parent.best)

    @property
    def matured(self) -> TrialResult:
        """The last parent that is within a standard error of the best one: the best of
        several is partly so by luck, and later ones gain more from going on."""
        best = self.best
        for parent in reversed(self.parents):
            if errors_ahead(parent.best_U, best.best_U, best.owners_Q) >= -1:
                return parent
        return best

    @property
    def is_over(self) -> bool:
        """Whether no candidate is left that could train it."""
        return self.stopped or not self.live

    def one_each(self) -> list[Branch]:
        """Return a branch of every candidate that is left."""
        return [Branch(each.candidate, 0) for each in self.live]

    def dealt(self, branches: int) -> list[Branch]:
        """Return some branches, dealt to the candidates by weight."""
        counts = deal([each.weight for each in self.live], branches)
        return [
            Branch(each.candidate, number)
            for each, count in zip(self.live, counts, strict=True)
            for number in range(count)
        ]

    def requests(self, this: Round, branches: Sequence[Branch]) -> list[Request]:
        """Return the trainings of a round."""
        return [self._request(this, branch) for branch in branches]

    def _request(self, this: Round, branch: Branch) -> Request:
        parent = self.parents[-1] if self.parents else None
        training = self.spec.training_for(branch.candidate).model_copy(
            update={
                "epochs": max(this.planned, self.depth + this.epochs),
                "seed": self._seed(this, branch),
                "average": False,
            }
        )
        suffix = f" ({branch.number + 1})" if branch.number else ""
        trial = recipe.trial(
            self.spec,
            branch.candidate.label + suffix + self.suffix,
            [branch.candidate],
            training=training,
            stop_early=False,
            own_epochs=this.epochs,
            begun=self.depth,
            average_from=self.depth + this.epochs // 2 + 1,
            start=parent.trial.digest if parent else None,
        )
        return Request(trial, parent)

    def _seed(self, this: Round, branch: Branch) -> int:
        """Return a seed, which all candidates share, so that their pairs come in the
        same order."""
        seed = self.spec.training.seed
        if this.number == 1 and branch.number == 0:
            return seed
        names = ("soup", str(this.number), str(branch.number))
        return derive(seed, *names) >> (63 - SEED_BITS)

    def merge(
        self,
        this: Round,
        branches: Sequence[Branch],
        results: Sequence[TrialResult],
    ) -> Request | None:
        """Judge the candidates by their branches; return the average that makes the
        next parent. None where every branch failed: the soup is then over."""
        both = list(zip(branches, results, strict=True))
        sound = [each for each in both if each[1].error is None]
        self._drop_failed(both, {branch.candidate for branch, _ in sound})
        if not sound:
            return None
        self._judge(this, sound)
        parts = tuple(result for _, result in sound)
        shares = self._shares([branch for branch, _ in sound])
        self.depth += this.epochs
        training = self.spec.training_for(self.live[0].candidate)
        trial = recipe.trial(
            self.spec,
            self.name + self.suffix,
            [branch.candidate for branch, _ in sound],
            training=training.model_copy(update={"seed": self.spec.training.seed}),
            begun=self.depth,
            merged=tuple(
                Share(trial=part.trial.digest, weight=share)
                for part, share in zip(parts, shares, strict=True)
            ),
        )
        return Request(trial, None, parts)

    def _drop_failed(
        self,
        both: Sequence[tuple[Branch, TrialResult]],
        sound: set[Candidate],
    ) -> None:
        failed = {
            branch.candidate: result.error
            for branch, result in both
            if branch.candidate not in sound
        }
        self.gone += [
            replace(each, error=failed[each.candidate], weight=0.0)
            for each in self.live
            if each.candidate in failed
        ]
        self.live = [each for each in self.live if each.candidate not in failed]

    def _judge(self, this: Round, sound: Sequence[tuple[Branch, TrialResult]]) -> None:
        values: dict[Candidate, list[TrialResult]] = {}
        for branch, result in sound:
            values.setdefault(branch.candidate, []).append(result)
        measured = {
            candidate: np.mean([result.best_U for result in results], axis=0)
            for candidate, results in values.items()
        }
        remember = this.number > IMMATURE
        owners_Q = sound[0][1].owners_Q
        depth = self.depth + this.epochs
        self.live = [
            replace(each, epochs=depth, last_round=this.number)
            if each.candidate in measured
            else each
            for each in judge(self.live, measured, owners_Q, remember=remember)
        ]

    def _shares(self, branches: Sequence[Branch]) -> list[float]:
        """Return each branch's weight; branches of a candidate share its weight."""
        weight = {each.candidate: each.weight for each in self.live}
        candidates = [branch.candidate for branch in branches]
        raw = [weight[each] / candidates.count(each) for each in candidates]
        return [each / sum(raw) for each in raw]

    def end_round(self, parent: TrialResult, keep: int) -> list[Standing]:
        """Take the average as the next parent; returns who was measured. All but the
        best `keep` leave."""
        measured = self.live
        self.gone += [replace(each, weight=0.0) for each in self.live[keep:]]
        self.live = self.live[:keep]
        self.parents.append(parent)
        return measured
