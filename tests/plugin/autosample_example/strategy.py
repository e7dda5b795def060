"""A strategy that trains all candidates equally long, once."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import PositiveInt

from autosample.errors import SearchFailed
from autosample.evaluation.significance import estimate
from autosample.experiment.strategies import (
    CandidateReport,
    Ledger,
    PlannedEpochs,
    PluginStrategy,
    SearchResult,
    Trainee,
    recipe,
)
from autosample.spec import SearchSpec
from autosample.trials import Request


class Sprint(PluginStrategy):
    """Train every candidate for a few epochs, and go on with the best."""

    paper: ClassVar[str] = "none: an example"
    kind: Literal["sprint"] = "sprint"
    epochs: PositiveInt = 5
    """Epochs of each candidate."""

    def planned_epochs(self, spec: SearchSpec) -> list[PlannedEpochs]:
        """Return one short training per candidate."""
        count = len(spec.all_candidates)
        return [PlannedEpochs(Trainee.EACH, count, self.epochs, self.epochs)]

    def shorten(self, ratio: float) -> Self:
        """Return a copy with this share of the epochs."""
        return self.model_copy(update={"epochs": max(int(self.epochs * ratio), 1)})

    def search(self, ledger: Ledger) -> SearchResult:
        """Train all candidates, and choose by the validation metric."""
        spec, candidates = ledger.spec, ledger.spec.all_candidates
        limits = {"own_epochs": self.epochs, "stop_early": False}
        trials = [recipe.trial(spec, c.label, [c], **limits) for c in candidates]
        results = ledger.run([Request(trial) for trial in trials])
        reports = tuple(
            CandidateReport.of(
                candidate,
                metric=None if result.error else estimate(result.last_U),
                epochs=len(result.history),
                error=result.error,
            )
            for candidate, result in zip(candidates, results, strict=True)
        )
        sound = [at for at, result in enumerate(results) if result.error is None]
        if not sound:
            raise SearchFailed(f"every candidate failed: {results[0].error}")
        best, *others = sorted(sound, key=lambda at: -results[at].last_U.mean())
        chosen = candidates[best]
        return SearchResult(
            chosen=chosen,
            candidates=reports,
            final_training=recipe.retraining(spec, chosen, results[best]),
            trace=tuple(ledger.trace),
            cost=ledger.cost,
            runner_up=candidates[others[0]] if others else None,
        )
