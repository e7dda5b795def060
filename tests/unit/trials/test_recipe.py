"""Recipes: candidates that say how they are trained."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from autosample.errors import SpecError
from autosample.experiment.strategies import recipe as trials
from autosample.library import make_spec
from autosample.losses import BPR, BSL, SL
from autosample.optimizers import Adam
from autosample.samplers import DNS, CustomSampler, UniformSampler
from autosample.spec import SearchSpec
from autosample.spec.candidates import baseline_of
from autosample.trials.recipe import Recipe, is_baseline, parse_recipe

SOFT: dict[str, Any] = {
    "sampler": {"kind": "uniform", "shared": True},
    "negatives": 40,
    "loss": {"kind": "sl", "temperature": 0.2},
    "optimizer": {"kind": "adam"},
    "learning_rate": 0.03,
    "l2": 0.0,
}


def spec(*candidates: Any, **fields: Any) -> SearchSpec:
    return make_spec("made", {"candidates": list(candidates)} | fields)


def test_a_bare_sampler_stays_a_sampler_under_the_specs_loss() -> None:
    made = spec({"kind": "dns", "pool": 4}, loss={"kind": "hinge"})
    assert made.all_candidates == (DNS(pool=4),)
    trial = trials.trial(made, "one", made.all_candidates)
    assert trial.loss == made.loss
    assert trial.training == made.resolved_training


def test_a_recipe_brings_its_own_loss_optimizer_and_rates() -> None:
    made = spec(SOFT, {"kind": "uniform"})
    [mine, bare] = made.all_candidates
    trial = trials.trial(made, "one", [mine])
    assert trial.candidates == (UniformSampler(shared=True, negatives=40),)
    assert trial.loss == SL(temperature=0.2)
    assert trial.model.cosine
    training = trial.training
    assert training.optimizer == Adam()
    assert (training.learning_rate, training.l2) == (0.03, 0.0)
    other = trials.trial(made, "other", [bare])
    assert other.loss == BPR()
    assert not other.model.cosine
    assert other.training == made.resolved_training


def test_negatives_beside_the_sampler_are_the_samplers() -> None:
    custom = {"sampler": {"kind": "custom", "pool": 64}, "negatives": 16}
    made = Recipe.model_validate(custom)
    assert isinstance(made.sampler, CustomSampler)
    assert made.sampler.most_negatives == 16
    again = Recipe.model_validate_json(made.model_dump_json())
    assert again == made


def test_a_spec_with_recipes_survives_json() -> None:
    made = spec(SOFT, {"kind": "uniform"})
    assert SearchSpec.model_validate_json(made.model_dump_json()) == made


def test_rates_of_the_spec_do_not_reach_a_recipe_of_another_loss() -> None:
    """A rate that suits the spec's loss says nothing about another one."""
    own = {name: SOFT[name] for name in ("sampler", "negatives", "loss")}
    made = spec(own, {"kind": "uniform"}, training={"learning_rate": 7.0, "l2": 0.5})
    [mine, bare] = made.all_candidates
    assert made.training_for(bare).learning_rate == 7.0
    usual = spec(own).training_for(mine)
    assert made.training_for(mine) == usual
    assert usual.learning_rate != 7.0


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (SOFT | {"negatives": 4}, "at least 8 negatives"),
        (SOFT | {"sampler": {"kind": "nothing"}}, "nothing"),
        (SOFT | {"loss": {"kind": "sl", "temperature": 0}}, "temperature"),
        (SOFT | {"learning_rate": -1}, "learning_rate"),
        (SOFT | {"batch": 3}, "batch"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(
    candidate: dict[str, Any], said: str
) -> None:
    with pytest.raises((SpecError, ValidationError), match=said):
        spec(candidate)


def test_a_mixture_takes_losses_that_score_alike_and_refuses_others() -> None:
    mixture = {"strategy": {"kind": "mixture"}}
    with pytest.raises((SpecError, ValidationError), match="inner products"):
        spec(SOFT, {"kind": "uniform"}, **mixture)
    faster = SOFT | {"learning_rate": 0.1, "negatives": 8}
    with pytest.raises((SpecError, ValidationError), match="one learning rate"):
        spec(SOFT, faster, **mixture)
    other = SOFT | {"loss": {"kind": "bsl", "temperature": 0.1}}
    made = spec(SOFT, other, **mixture)
    trial = trials.trial(made, "both", made.all_candidates)
    assert trial.losses == (SL(temperature=0.2), BSL(temperature=0.1))
    assert trials.trial(made, "one", made.all_candidates[:1]).losses is None


def test_losses_score_alike_where_the_model_is_told_to_score_by_cosines() -> None:
    same = {name: SOFT[name] for name in ("optimizer", "learning_rate", "l2")}
    under_bpr = same | {"sampler": {"kind": "uniform"}, "loss": {"kind": "bpr"}}
    model = {"kind": "mf", "cosine": True}
    assert spec(SOFT, under_bpr, model=model).mixture_refusal is None
    assert spec(SOFT, under_bpr).mixture_refusal is not None


def test_the_baseline_is_plain_uniform_sampling_under_the_specs_loss() -> None:
    mine = Recipe.model_validate(SOFT)
    assert is_baseline(UniformSampler())
    assert not is_baseline(mine)
    assert baseline_of(BPR(), mine) == UniformSampler()
    assert baseline_of(BPR(), DNS(negatives=2)) == UniformSampler(negatives=2)


def test_the_label_tells_recipes_apart() -> None:
    mine = Recipe.model_validate(SOFT)
    assert mine.label == (
        "uniform(negatives=40, shared=True) + sl(temperature=0.2) + adam"
        " + learning_rate=0.03 + l2=0"
    )


def test_a_recipe_is_read_back_from_its_json() -> None:
    mine = Recipe.model_validate(SOFT)
    assert parse_recipe(mine.model_dump_json()) == mine
    with pytest.raises(SpecError, match=r"not a valid recipe: .*lossy"):
        parse_recipe('{"sampler": {"kind": "uniform"}, "lossy": 1}')
