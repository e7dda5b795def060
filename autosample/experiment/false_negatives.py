"""How often a sampler's negatives are items the user did like.

Nobody knows all that a user likes; the validation pairs are a part of it that sampling
never excludes. So the share of negatives that are validation pairs is a lower bound,
and beside uniform sampling's it tells how far hardness has drifted into false ones.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import NonNegativeFloat

from autosample.core.config import Config
from autosample.core.seeds import derive, seeded
from autosample.core.types import (
    Moment,
    Pairs,
    Queries,
)
from autosample.data.splits import Split
from autosample.evaluation.significance import Estimate, estimate
from autosample.models import Model
from autosample.samplers import Observed
from autosample.training.supernet import Supernet
from autosample.training.supernet.columns import ChosenSlots
from autosample.trials import TrialResult

DRAWS, PAIRS = 400_000, 20_000
"""Negatives drawn, and training pairs they are drawn for, at most."""


class FalseNegatives(Config):
    """Share of negatives that are held-out positives of their user."""

    sampler: Estimate
    """Of the sampler with the trained model, over training pairs."""
    uniform: NonNegativeFloat
    """Of uniform sampling, exactly."""


@torch.no_grad()
def false_negatives(result: TrialResult, model: Model, split: Split) -> FalseNegatives:
    """Draw for some random training pairs, as the best epoch of a training did.

    `model` has the parameters of that epoch.
    """
    trial = result.trial
    [sampler] = trial.candidates
    rng = seeded(derive(trial.training.seed, "false negatives"))
    train = split.train
    count = min(PAIRS, max(DRAWS // sampler.most_negatives, 1))
    rows_B = torch.randperm(train.num_pairs, generator=rng)[:count]
    observed = Observed(train)
    pairs = Pairs(
        Queries.of_pairs(observed.history, rows_B),
        observed.history.items_E[rows_B].long(),
    )
    users = pairs.queries.users_B.numpy()
    net = Supernet([sampler], observed, trial.loss, rng=rng)
    net.kept.build_makers(model().all_items()[:1])
    net.kept.load_parameters(result.best_sampler())
    scorer = model()
    moment = Moment(max(result.best_epoch - 1, 0), trial.training.epochs)
    net.begin(moment, lambda: scorer, rng)
    context = net.context(scorer, pairs, scorer.queries(pairs.queries))
    shares = net.leaves.shares_J.tolist()
    share_B = np.zeros(len(users))
    for chosen, share in zip(net.choose(context, rng), shares, strict=True):
        share_B += share * _false(chosen, users, split)
    left_B = train.num_items - train.distinct.degrees_U[users]
    valid = split.valid.distinct
    # Where repeats are kept, a validation pair may have been trained on as well: it is
    # then never drawn.
    trained_E = train.contains(valid.users_E, valid.items_E[:, None].astype(np.int64))
    drawable_U = valid.take(~trained_E[:, 0]).degrees_U
    return FalseNegatives(
        sampler=estimate(share_B),
        uniform=float((drawable_U[users] / left_B).mean()),
    )


def _false(
    chosen: ChosenSlots,
    users: np.ndarray,
    split: Split,
) -> np.ndarray:
    """Return the weighed share of each pair's negatives that are validation pairs."""
    items = chosen.items
    items_BN = (items[..., 0] if items.dim() == 3 else items).numpy()
    weights_BN = chosen.weights.double().numpy()
    false_BN = split.valid.contains(users, items_BN)
    total_B = np.maximum(weights_BN.sum(1), 1e-12)
    return np.asarray((false_BN * weights_BN).sum(1) / total_B)
