"""Searches among recipes: every strategy takes them, and the report says what won."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import autosample
from autosample.bundle.archive import manifest_of
from autosample.bundle.recommender import load
from autosample.data.synthetic import Synthetic
from autosample.experiment.audit import audit
from autosample.experiment.forecast import forecast
from autosample.experiment.prepare import prepare
from autosample.library import make_spec
from autosample.losses import SL
from autosample.spec.plan import Trainee, plan_search

DATA = (
    Synthetic(users=150, items=120, pairs_per_user=15, clusters=10, loyalty=6.0)
    .build()
    .dataset
)
SOFT: dict[str, Any] = {
    "sampler": {"kind": "uniform", "shared": True},
    "negatives": 64,
    "loss": {"kind": "sl", "temperature": 0.2},
    "optimizer": {"kind": "adam"},
    "learning_rate": 0.02,
    "l2": 0.0,
}
# So small a rate learns nothing, so that the recipe above must win.
SLOW = {"sampler": {"kind": "dns", "pool": 4}, "learning_rate": 1e-6}
FIELDS: dict[str, Any] = {
    "candidates": [SLOW, SOFT],
    "training": {"epochs": 10, "patience": 4},
}


@pytest.mark.parametrize(
    "strategy",
    [
        {"kind": "race", "rungs": [{"epochs": 4, "keep": 1}]},
        {"kind": "race", "warmup": 1, "rungs": [{"epochs": 4, "keep": 1}]},
        {"kind": "exhaustive"},
    ],
    ids=["race", "race with warm-up", "exhaustive"],
)
def test_the_better_recipe_wins_and_the_bundle_says_what_it_is(
    strategy: dict[str, Any], tmp_path: Path
) -> None:
    found = autosample.search(DATA, strategy=strategy, seeds=[0], **FIELDS)
    report = found.report
    assert report.recipe is not None
    assert report.recipe.loss == SL(temperature=0.2)
    assert report.chosen == report.recipe.sampler
    assert report.chosen_label == report.recipe.label
    found.save(tmp_path / "bundle")
    stored = json.loads((tmp_path / "bundle" / "recipe.json").read_text())
    assert stored["learning_rate"] == 0.02
    read = load(tmp_path / "bundle")
    assert read.recipe is not None
    assert read.recipe.loss == SL(temperature=0.2)
    config = json.loads((tmp_path / "bundle" / "config.json").read_text())
    assert config["model"]["cosine"]


def test_a_race_that_cannot_warm_up_counts_no_epochs_of_a_warm_up() -> None:
    race = {"kind": "race", "warmup": 3, "rungs": [{"epochs": 4, "keep": 1}]}
    report = autosample.search(DATA, strategy=race, **FIELDS).report
    assert {each.epochs for each in report.candidates} == {4}
    spec = make_spec("made", FIELDS | {"strategy": race})
    assert Trainee.SUPERNET not in {each.trainee for each in plan_search(spec)}
    assert "supernet" not in forecast(spec, prepare(spec, DATA)).epoch_seconds


def test_a_recipe_is_verified_against_uniform_sampling_under_the_specs_loss() -> None:
    rungs = [{"epochs": 2, "keep": 1}]
    report = autosample.search(
        DATA,
        strategy={"kind": "race", "rungs": rungs},
        verify=True,
        seeds=[0, 1],
        **FIELDS,
    ).report
    assert report.verification is not None
    assert report.verification.uniform is not None
    assert report.verification.gain is not None


def test_an_audit_trains_every_recipe_under_every_seed() -> None:
    rungs = [{"epochs": 2, "keep": 1}]
    spec = make_spec(
        "made", FIELDS | {"strategy": {"kind": "race", "rungs": rungs}, "seeds": [0, 1]}
    )
    found = audit(spec, DATA)
    names = {each.name for each in found.candidates}
    assert names == {each.label for each in spec.all_candidates}
    assert all(each.truth is not None for each in found.candidates)


def test_a_bundle_of_an_earlier_version_has_no_recipe(tmp_path: Path) -> None:
    found = autosample.search(
        DATA, candidates=[{"kind": "uniform"}], training={"epochs": 2}
    )
    found.save(tmp_path / "bundle")
    manifest = tmp_path / "bundle" / "manifest.json"
    (tmp_path / "bundle" / "recipe.json").unlink()
    manifest.unlink()
    manifest.write_text(json.dumps(manifest_of(tmp_path / "bundle")))
    assert load(tmp_path / "bundle").recipe is None
