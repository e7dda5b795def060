"""Trials that train nothing: the average of other trials' models, ranked once.

Averages of models that were trained from common parameters: Wortsman et al., ICML 2022,
arXiv:2203.05482.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from autosample.core.tensors import State
from autosample.data.splits import Split
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.training import Epoch
from autosample.training.average import average_states
from autosample.training.trainer import under
from autosample.trials.checkpoints import Checkpoints
from autosample.trials.result import TrialResult, load_result
from autosample.trials.runner import OnEpoch, Request
from autosample.trials.trial import fresh_model


def run_merge(
    request: Request, split: Split, on_epoch: OnEpoch, checkpoints: Checkpoints
) -> TrialResult:
    """Average the best parameters of a request's parts, and rank the validation users.

    Its history is one epoch that trained on no pair. What samplers have learned is kept
    as the heaviest part that learned it has it.
    """
    trial = request.trial
    stored = load_result(trial, checkpoints)
    if stored is not None:
        return stored[0]
    began = time.perf_counter()
    states = [part.load_state() for part in request.parts]
    weights = [share.weight for share in trial.merged]
    mean = average_states([under(state, "best.") for state in states], weights)
    state = _rank(request, split, mean, states[0]) | _samplers(states, weights)
    metric = float(state["best"])
    losses = [part.history[-1].loss for part in request.parts]
    epoch = Epoch(
        number=max(trial.begun, 1),
        loss=float(np.average(losses, weights=weights)),
        metric=metric,
        best=metric,
        seconds=time.perf_counter() - began,
        pair_updates=0,
        weights=tuple(weights),
    )
    result = TrialResult.of(trial, state, (epoch,))
    checkpoints.save(trial.digest, result.to_bytes(done=True))
    on_epoch(trial, epoch)
    return result


def _rank(request: Request, split: Split, mean: State, part: State) -> State:
    """Return the checkpoint of a model with these parameters, without samplers.

    A refit ranks nothing, and keeps what its first part knows.
    """
    trial = request.trial
    split = trial.training_split(split)
    metric = Metric(trial.metric)
    cases = cases_of(split, "valid", most_users=trial.training.valid_users)
    ranking = Ranking(cases, k=metric.k)
    state = {f"model.{name}": tensor for name, tensor in mean.items()}
    state |= {f"best.{name}": tensor.clone() for name, tensor in mean.items()}
    state["counts"] = torch.tensor([trial.begun, 0])
    if not len(cases):
        known = ("values", "best_values", "best", "owners")
        return state | {name: part[name] for name in known if name in part}
    model = fresh_model(trial, split)
    model.load_state_dict(mean)
    model.to(trial.training.device)
    with torch.no_grad():
        values_U = ranking.hits(model()).values(metric)
    state["values"] = torch.from_numpy(values_U)
    state["best_values"] = torch.from_numpy(values_U.copy())
    state["best"] = torch.tensor([values_U.mean()], dtype=torch.float64)
    if ranking.cases.clusters_Q is not None:
        state["owners"] = torch.from_numpy(ranking.cases.clusters_Q)
    return state


def _samplers(states: list[State], weights: list[float]) -> State:
    """Return what the samplers of all parts have learned."""
    learned: State = {}
    for at in np.argsort(weights, kind="stable"):
        for prefix in ("sampler.", "best_sampler."):
            own = under(states[at], prefix)
            learned |= {prefix + name: tensor for name, tensor in own.items()}
    return learned
