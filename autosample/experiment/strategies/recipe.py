"""The trials of a search, made from its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autosample.losses import Loss
from autosample.spec import SearchSpec
from autosample.trials import Request, Start, Trial, TrialResult
from autosample.trials.recipe import Candidate, loss_of, sampler_of


def trial(
    spec: SearchSpec, name: str, candidates: Sequence[Candidate], **changes: Any
) -> Trial:
    """Return a trial with the settings of the spec and of its candidates, which agree
    if there are several; `changes` replace fields of Trial."""
    settings = {
        "name": name,
        "model": spec.model_for(candidates[0]),
        "loss": loss_of(candidates[0], spec.loss),
        "losses": _losses(spec, candidates),
        "candidates": tuple(sampler_of(candidate) for candidate in candidates),
        "relaxation": spec.relaxation,
        "training": spec.training_for(candidates[0]),
        "metric": spec.metric,
    }
    return Trial(**(settings | changes))


def _losses(
    spec: SearchSpec, candidates: Sequence[Candidate]
) -> tuple[Loss, ...] | None:
    """Return the loss of each candidate; None where all have the same."""
    losses = tuple(loss_of(candidate, spec.loss) for candidate in candidates)
    return losses if len(set(losses)) > 1 else None


def ordinary(
    spec: SearchSpec,
    candidate: Candidate,
    seed: int,
    rates: Mapping[str, Any] | None = None,
) -> Request:
    """Return an ordinary training of one candidate: from fresh parameters to early
    stopping, at its usual learning rate and l2 unless `rates` has others."""
    changes = {"seed": seed, **(rates or {})}
    training = spec.training_for(candidate).model_copy(update=changes)
    name = f"{candidate.label}, seed {seed}"
    return Request(trial(spec, name, [candidate], training=training))


def retraining(
    spec: SearchSpec,
    candidate: Candidate,
    start: TrialResult,
    start_with: Start = Start.EVERYTHING,
    **changes: Any,
) -> Request:
    """Return the training of a winner that starts from a result of the search, and ends
    by early stopping; `changes` replace fields of Trial."""
    name, digest = f"retrain {candidate.label}", start.trial.digest
    start_fields = {"start": digest, "start_with": start_with}
    return Request(trial(spec, name, [candidate], **start_fields, **changes), start)
