"""What a study trains: places in a space of candidates, rates and settings."""

from __future__ import annotations

from typing import Any

import pytest

from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.experiment.prepare import prepare
from autosample.experiment.strategies.asha import study_of
from autosample.experiment.strategies.ledger import Ledger
from autosample.experiment.strategies.space import space_of
from autosample.library import make_spec, search
from autosample.samplers import DNS, DNSMN, UniformSampler
from autosample.spec.plan import likely_epochs, plan_retraining
from autosample.spec.search import needs_ray
from autosample.spec.strategies import Asha
from autosample.trials.run import InProcessRunner
from autosample.trials.study import SAMPLER, Study

DATA = Synthetic(users=120, items=80).build().dataset
SAMPLERS = (UniformSampler(), DNS(pool=4))


def study(samplers: tuple[Any, ...] = SAMPLERS, **fields: Any) -> Study:
    spec = make_spec("made", {"candidates": samplers} | fields)
    return study_of(spec, samplers, Asha())


def test_without_tuning_there_is_nothing_to_turn() -> None:
    plain = study()
    assert plain.space.is_list
    assert plain.samples == 2
    trial = plain.trial({SAMPLER: 1})
    assert trial.candidates == (DNS(pool=4),)
    assert trial.training == plain.training


def test_rates_are_looked_for_around_what_suits_the_model() -> None:
    spec = make_spec("made", {"tune": {}})
    usual = spec.resolved_training
    rates = space_of(spec, SAMPLERS).rates
    assert usual.learning_rate is not None
    assert rates["learning_rate"].low == usual.learning_rate / 4
    assert rates["learning_rate"].high == usual.learning_rate * 4
    given = {"learning_rate": {"low": 0.01, "high": 0.02}, "sampler": False}
    told = space_of(make_spec("made", {"tune": given}), SAMPLERS)
    assert told.rates["learning_rate"][:2] == (0.01, 0.02)
    assert not any(told.own)


def test_a_place_is_a_training_with_its_rates_and_settings() -> None:
    tuned = study(tune={"samples": 5})
    point = {SAMPLER: 1, "learning_rate": 0.03, "l2": 0.002, "1.pool": 17}
    point |= {
        name: hyperparameter.low for name, hyperparameter in tuned.space.own[1].items()
    } | point
    trial = tuned.trial(point)
    [sampler] = trial.candidates
    assert isinstance(sampler, DNS)
    assert sampler.pool == 17
    assert (trial.training.learning_rate, trial.training.l2) == (0.03, 0.002)
    assert trial.training.epochs == tuned.training.epochs


def test_settings_that_do_not_go_together_are_no_training() -> None:
    tuned = study((DNSMN(),), tune={})
    hyperparameters = tuned.space.hyperparameters(0)
    point = {SAMPLER: 0} | {
        name: hyperparameter.low for name, hyperparameter in hyperparameters.items()
    }
    point |= {"0.pool": 8, "0.top": 64}
    with pytest.raises(ValueError, match="top"):
        tuned.trial(point)


def test_milestones_are_apart_by_the_reduction_and_before_the_end() -> None:
    assert study(training={"epochs": 100}).milestones == (4, 12, 36)
    assert study(training={"epochs": 4}).milestones == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"tune": {"learning_rate": {"low": 1, "high": 0.5}}}, "below low, 1"),
        ({"tune": {"samples": 1}}, "samples"),
        ({"tune": {}, "budget": {"seconds": 9}}, "tune keeps to no budget"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        make_spec("made", fields)


def test_one_process_alone_runs_no_study() -> None:
    spec = make_spec("made", {"strategy": {"kind": "asha"}})
    assert needs_ray(spec)
    split = prepare(spec, DATA)
    ledger = Ledger(spec, InProcessRunner(split))
    with pytest.raises(SpecError, match="run on Ray Tune"):
        ledger.study(study())


def test_without_ray_a_user_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("autosample.trials.local.entry_points", lambda **_: [])
    with pytest.raises(SpecError, match="pip install"):
        search(DATA, strategy={"kind": "asha"})


@pytest.mark.parametrize("strategy", ["race", "asha"])
def test_what_tuning_costs_is_foreseen(strategy: str) -> None:
    fields = {"strategy": {"kind": strategy}}
    plain = make_spec("made", fields)
    tuned = make_spec("made", fields | {"tune": {"samples": 50}})
    assert likely_epochs(tuned) > likely_epochs(plain) + 50
    # The winner is then trained to its end: what is left is the refit.
    assert [each.likely for each in plan_retraining(tuned)] == [tuned.resolved_refit]
