"""What is exported runs, and draws by the same law."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import TypeAdapter

from autosample.bundle.export import pytorch, recbole
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.evaluation.cases import make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.models.mf import TableScorer
from autosample.samplers import (
    AOBPR,
    DNS,
    DNSMN,
    MixGCFSampler,
    PopularitySampler,
    Sampler,
    SamplerSpec,
    UniformSampler,
    parse_sampler,
)
from autosample.spec.catalogue import catalogue
from autosample.trials.recipe import Recipe

SPLIT = RandomSplit().apply(
    Synthetic(users=150, items=100, pairs_per_user=12).build().dataset, seed=0
)
TRAIN = SPLIT.train
PAIRS = [
    torch.from_numpy(ids.astype(np.int64)) for ids in (TRAIN.users_E, TRAIN.items_E)
]
KINDS = [entry.kind for entry in catalogue()["samplers"]]


def train(code: str, **settings: Any) -> tuple[torch.Tensor, torch.Tensor]:
    module: dict[str, Any] = {}
    exec(compile(code, "exported.py", "exec"), module)
    sizes = TRAIN.num_users, TRAIN.num_items
    found: tuple[torch.Tensor, torch.Tensor] = module["train"](
        *PAIRS, *sizes, **settings
    )
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_exported_loop_runs_as_it_is(kind: str) -> None:
    sampler: Sampler = TypeAdapter(SamplerSpec).validate_python({"kind": kind})
    if any(part.synthesis is not None for part in sampler.all_parts):
        with pytest.raises(SpecError, match="plain loop"):
            pytorch(sampler)
        return
    users, items = train(pytorch(sampler), width=8, epochs=1)
    assert users.isfinite().all()
    assert items.isfinite().all()


def test_an_exported_loop_learns_and_repeats_itself() -> None:
    code = pytorch(DNS(pool=4))
    first, again = (train(code, width=16, epochs=25) for _ in range(2))
    assert all(torch.equal(*each) for each in zip(first, again, strict=True))
    hits = Ranking(make_cases(SPLIT.valid, TRAIN), k=20).hits(TableScorer(*first))
    untrained = Ranking(make_cases(SPLIT.valid, TRAIN), k=20).hits(
        TableScorer(*train(code, width=16, epochs=0))
    )
    metric = Metric("ndcg@20")
    assert hits.values(metric).mean() > 2 * untrained.values(metric).mean()


SOFT = Recipe.model_validate(
    {
        "sampler": {"kind": "uniform", "shared": True},
        "negatives": 24,
        "loss": {"kind": "sl", "temperature": 0.2},
        "optimizer": {"kind": "adam"},
        "learning_rate": 0.03,
    }
)


def test_an_exported_recipe_carries_its_loss_and_its_rate() -> None:
    code = pytorch(SOFT)
    assert "lr=0.03" in code
    module: dict[str, Any] = {}
    exec(compile(code, "exported.py", "exec"), module)
    assert module["LOSS"] == SOFT.loss
    users, items = train(code, width=16, epochs=25)
    unit = torch.nn.functional.normalize
    hits = Ranking(make_cases(SPLIT.valid, TRAIN), k=20).hits(
        TableScorer(unit(users), unit(items))
    )
    plain = Ranking(make_cases(SPLIT.valid, TRAIN), k=20).hits(
        TableScorer(*train(code, width=16, epochs=0))
    )
    metric = Metric("ndcg@20")
    assert hits.values(metric).mean() > 2 * plain.values(metric).mean()


def test_recbole_is_told_of_a_recipes_loss_and_rate() -> None:
    own = SOFT.model_copy(update={"sampler": UniformSampler(negatives=24)})
    told = recbole(own)
    assert "sl(temperature=0.2)" in told
    assert yaml.safe_load(told)["learning_rate"] == 0.03


@pytest.mark.parametrize(
    ("sampler", "args"),
    [
        (UniformSampler(negatives=3), ("uniform", 3, 1.0, False, 0)),
        (PopularitySampler(alpha=0.5), ("popularity", 1, 0.5, False, 0)),
        (DNS(pool=16), ("uniform", 1, 1.0, True, 16)),
    ],
)
def test_recbole_is_told_what_it_can_do(
    sampler: Sampler, args: tuple[object, ...]
) -> None:
    names = ("distribution", "sample_num", "alpha", "dynamic", "candidate_num")
    told = yaml.safe_load(recbole(sampler))
    assert told == {"train_neg_sample_args": dict(zip(names, args, strict=True))}


@pytest.mark.parametrize(
    "sampler",
    [
        AOBPR(),
        DNSMN(),
        MixGCFSampler(),
        DNS(pool=16, negatives=2),
        DNS(pool=16, guard=0.2),
        UniformSampler(negatives=16, shared=True),
    ],
    ids=lambda sampler: sampler.label,
)
def test_what_recbole_cannot_express_is_said_to_be_so(sampler: Sampler) -> None:
    with pytest.raises(SpecError, match="cannot express"):
        recbole(sampler)


def test_a_sampler_comes_back_from_its_json() -> None:
    sampler = DNS(pool=7)
    assert parse_sampler(sampler.model_dump_json()) == sampler
    with pytest.raises(SpecError, match=r"not a valid sampler: .*dnx"):
        parse_sampler('{"kind": "dnx"}')
