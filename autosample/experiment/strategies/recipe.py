"""From a spec to its trials: which trainings it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autosample.samplers import Sampler
from autosample.spec import SearchSpec
from autosample.trials import Request, Trial


def trial(
    spec: SearchSpec, name: str, samplers: Sequence[Sampler], **changes: Any
) -> Trial:
    """Return a training with the spec's settings; `changes` are fields of Trial."""
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
