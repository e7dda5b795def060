"""The trials of a search, made from its spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.trials import Request, Start, Trial, TrialResult


def trial(
    spec: SearchSpec, name: str, samplers: Sequence[Sampler], **changes: Any
) -> Trial:
    """Return a trial with the spec's settings; `changes` replace fields of Trial."""
    settings = {
        "name": name,
        "model": spec.resolved_model,
        "loss": spec.loss,
        "candidates": tuple(samplers),
        "relaxation": spec.relaxation,
        "training": spec.resolved_training,
        "metric": spec.metric,
    }
    return Trial(**(settings | changes))


def ordinary(
    spec: SearchSpec,
    sampler: Sampler,
    seed: int,
    rates: Mapping[str, float] | None = None,
) -> Request:
    """Return an ordinary training of one sampler: from fresh parameters to early
    stopping, at the spec's learning rate and l2 unless `rates` has others."""
    changes = {"seed": seed, **(rates or {})}
    training = spec.resolved_training.model_copy(update=changes)
    name = f"{sampler.label}, seed {seed}"
    return Request(trial(spec, name, [sampler], training=training))


def retraining(
    spec: SearchSpec,
    sampler: Sampler,
    start: TrialResult,
    start_with: Start = Start.EVERYTHING,
    **changes: Any,
) -> Request:
    """Return the training of a winner that starts from a result of the search, and ends
    by early stopping; `changes` replace fields of Trial."""
    name, digest = f"retrain {sampler.label}", start.trial.digest
    start_fields = {"start": digest, "start_with": start_with}
    return Request(trial(spec, name, [sampler], **start_fields, **changes), start)
