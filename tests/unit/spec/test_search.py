from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from autosample.core.plugins import kind_of
from autosample.errors import SpecError
from autosample.library import make_spec
from autosample.losses import BPR, LOSSES, Loss, SampledSoftmax
from autosample.models import MODELS, LightGCN, ModelConfig
from autosample.samplers import Sampler, UniformSampler
from autosample.spec import SearchSpec
from autosample.spec.candidates import default_samplers
from autosample.spec.plan import likely_epochs
from autosample.spec.soup import SoupStrategy
from autosample.training.relaxation import Relaxation
from autosample.trials.recipe import loss_of


def test_only_the_data_set_has_no_default() -> None:
    required = [n for n, f in SearchSpec.model_fields.items() if f.is_required()]
    assert required == ["dataset"]


def test_a_spec_survives_json() -> None:
    spec = SearchSpec(dataset="x", model=LightGCN(), loss=SampledSoftmax())
    assert SearchSpec.model_validate_json(spec.model_dump_json()) == spec
    assert SearchSpec.model_validate_json(spec.model_dump_json()).digest == spec.digest


def test_keys_of_earlier_releases_are_understood() -> None:
    old = {"report": ["hit@5"], "strategy": {"kind": "asha", "passes": 6}}
    new = {"report_metrics": ["hit@5"], "strategy": {"kind": "asha", "total_epochs": 6}}
    assert make_spec("x", old) == make_spec("x", new)
    stored = make_spec("x", old).model_dump(mode="json")
    assert stored["report_metrics"] == ["hit@5"]
    assert stored["strategy"]["total_epochs"] == 6


def test_default_candidates_are_a_dozen_with_uniform_among_them() -> None:
    by_name = SearchSpec.model_validate({"dataset": "x", "candidates": "default"})
    assert 10 <= len(by_name.samplers) <= 14
    assert any(isinstance(each, UniformSampler) for each in by_name.samplers)
    assert by_name.all_candidates == SearchSpec(dataset="x").all_candidates
    losses = {loss_of(each, BPR()).kind for each in by_name.all_candidates}
    assert {"bpr", "sl", "infonce", "psl"} <= losses


def test_samplers_by_name_keep_the_loss_fixed() -> None:
    """So do all searches that cannot train candidates apart, or that name a loss."""
    named = {"dataset": "x", "candidates": "samplers"}
    fixed = SearchSpec.model_validate(named).all_candidates
    assert 10 <= len(fixed) <= 14
    assert all(isinstance(each, Sampler) for each in fixed)
    for field in ({"strategy": {"kind": "mixture"}}, {"relaxation": "sampled"}):
        assert SearchSpec.model_validate({"dataset": "x"} | field).samplers == fixed
    under_sl = SearchSpec.model_validate({"dataset": "x", "loss": {"kind": "sl"}})
    assert all(isinstance(each, Sampler) for each in under_sl.all_candidates)


@pytest.mark.parametrize("model", MODELS.all)
def test_default_recipes_go_with_any_model(model: type[ModelConfig]) -> None:
    made = SearchSpec.model_validate(
        {"dataset": "x", "model": {"kind": kind_of(model)}}
    )
    assert len(made.all_candidates) >= 10


def test_a_sequence_model_of_inner_products_gets_no_recipes_of_cosines() -> None:
    model = {"kind": "sasrec", "cosine": False}
    made = SearchSpec.model_validate({"dataset": "x", "model": model})
    losses = {loss_of(each, BPR()) for each in made.all_candidates}
    assert not any(loss.cosine for loss in losses)
    assert len(made.all_candidates) >= 6


@pytest.mark.parametrize("field", [{"biases": True}, {"cosine": False}])
def test_a_model_that_cannot_score_by_cosines_gets_the_other_recipes(
    field: dict[str, bool],
) -> None:
    model = {"kind": "mf"} | field
    made = SearchSpec.model_validate({"dataset": "x", "model": model})
    losses = {loss_of(each, BPR()).kind for each in made.all_candidates}
    assert losses == {"bpr"}
    assert len(made.all_candidates) >= 6


@pytest.mark.parametrize("loss", LOSSES.all, ids=kind_of)
def test_default_candidates_go_with_any_loss(loss: type[Loss]) -> None:
    made = loss(kind=kind_of(loss))
    for relaxation in Relaxation:
        chosen = default_samplers(made, relaxation)
        if relaxation is not Relaxation.INSTANCE:
            assert len(chosen) >= 8 or made.of_catalogue
            SearchSpec(dataset="x", loss=made, relaxation=relaxation)


def test_listwise_losses_get_more_negatives_by_default() -> None:
    for sampler in default_samplers(SampledSoftmax()):
        assert sampler.most_negatives > 1


def test_the_model_fills_in_what_training_leaves_open() -> None:
    spec = make_spec("x", {"model": {"kind": "lightgcn"}, "training": {"l2": 0.5}})
    training = spec.resolved_training
    assert (training.learning_rate, training.l2) == (LightGCN.learning_rate, 0.5)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"epoch": 3}, "epoch: Extra inputs"),
    ({"model": {"kind": "mff"}}, "model: Input tag 'mff'"),
    ({"candidates": [{"kind": "dnx"}]}, r"candidates\.0: Input tag 'dnx'"),
    ({"candidates": []}, "candidates: Tuple should have at least 1"),
    (
        {"candidates": [{"kind": "dns"}, {"kind": "dns", "pool": 32}]},
        "candidate dns is listed twice",
    ),
    ({"candidates": [{"kind": "dns", "pool": 0}]}, "pool"),
    ({"candidates": [{"kind": "dns_mn", "pool": 3}]}, "needs a pool of at least 5"),
    (
        {"candidates": [{"kind": "dns_mn", "negatives": 9}]},
        "cannot keep 9 of the top 5",
    ),
    ({"candidates": [{"kind": "custom", "negatives": 2}]}, "choice.keep"),
    ({"metric": "ndcg"}, "is not a metric"),
    ({"metric": "ndcg@0"}, "is not a metric"),
    ({"report_metrics": ["auc@3"]}, "is not a metric"),
    ({"training": {"epochs": 0}}, r"training\.epochs"),
    ({"training": {"learning_rate": -1}}, r"training\.learning_rate"),
    ({"seeds": [1, 1]}, "a seed is listed twice"),
    ({"split": {"kind": "random", "valid": 1.5}}, r"split\.random\.valid"),
    ({"strategy": {"kind": "race", "rungs": []}}, "rungs"),
    (
        {"strategy": {"kind": "mixture", "final_temperature": 5}},
        "must not exceed",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BAD, ids=[str(b[0]) for b in BAD])
def test_a_bad_field_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make_spec("x", fields)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        SearchSpec(dataset="x").dataset = "y"  # type: ignore[misc]


def test_labels_name_what_is_not_default() -> None:
    labels = [s.label for s in SearchSpec(dataset="x", loss=SampledSoftmax()).samplers]
    assert labels[0] == "uniform(negatives=8)"
    assert len(set(labels)) == len(labels)


def test_efforts_train_more_and_more_and_can_be_overridden() -> None:
    planned = []
    for effort in ("quick", "standard", "thorough"):
        spec = make_spec("x", {"strategy": {"kind": "soup", "effort": effort}})
        planned.append(likely_epochs(spec))
    assert planned == sorted(planned)
    assert planned[-1] > 1.5 * planned[0]
    own = {"kind": "soup", "effort": "quick", "finals": 3}
    resolved = make_spec("x", {"strategy": own}).resolved_strategy
    assert isinstance(resolved, SoupStrategy)
    assert (resolved.num_finals, resolved.most_extra) == (3, 1)
