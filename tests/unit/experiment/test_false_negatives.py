"""The share of negatives that are held-out positives, against what must come out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autosample.data.interactions import Interactions
from autosample.data.splits import RandomSplit, Split
from autosample.data.synthetic import Synthetic
from autosample.experiment.false_negatives import false_negatives
from autosample.losses import BPR
from autosample.models import MF
from autosample.samplers import DNS, PRESETS, Sampler, UniformSampler
from autosample.trials import Request, Trial
from autosample.trials.run import InProcessRunner

SPLIT = RandomSplit().apply(Synthetic(users=150, items=60).build().dataset, seed=0)


def trained(sampler: Sampler, split: Split = SPLIT, **training: Any) -> Any:
    known = {"epochs": 8, "learning_rate": 0.1, "l2": 0.01}
    trial = Trial.model_validate(
        {
            "name": "t",
            "model": MF(width=8, cosine=False),
            "loss": BPR(),
            "candidates": (sampler,),
            "training": known | training,
            "metric": "ndcg@10",
        }
    )
    [result] = InProcessRunner(split).run([Request(trial)], lambda *_: None)
    return false_negatives(result, result.best_model(split), split)


def test_uniform_draws_validation_pairs_as_often_as_they_are_left() -> None:
    found = trained(UniformSampler(negatives=16))
    half = found.sampler.high - found.sampler.mean  # 1.96 standard errors
    assert abs(found.sampler.mean - found.uniform) < 5 / 1.96 * half
    users = SPLIT.train.users_E
    left = SPLIT.train.num_items - SPLIT.train.degrees_U[users]
    assert found.uniform == pytest.approx(np.mean(SPLIT.valid.degrees_U[users] / left))


@pytest.mark.parametrize("pool", [2, 32])
def test_hard_negatives_are_liked_more_often(pool: int) -> None:
    found = trained(DNS(pool=pool))
    assert found.sampler.low > found.uniform


@pytest.mark.parametrize("sampler", [each() for each in PRESETS], ids=lambda s: s.kind)
def test_every_sampler_can_be_asked(sampler: Sampler) -> None:
    found = trained(sampler, epochs=1)
    assert 0 <= found.sampler.mean <= 1


def test_a_validation_pair_that_was_trained_on_is_no_false_negative() -> None:
    """Where repeats are kept, it may be both; no sampler draws it."""
    again = Interactions.from_pairs(
        SPLIT.train.users_E, SPLIT.train.items_E, num_users=SPLIT.train.num_users,
        num_items=SPLIT.train.num_items, repeats=True,
    )  # fmt: skip
    found = trained(
        UniformSampler(), replace(SPLIT, valid=again.merged(SPLIT.valid)), epochs=1
    )
    assert found.uniform == pytest.approx(trained(UniformSampler(), epochs=1).uniform)
