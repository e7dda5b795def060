"""Any sampler, in a loop that knows nothing of AutoSample but this."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn
from torch.nn.functional import logsigmoid

from autosample.bundle.negatives import Negatives
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.errors import SpecError
from autosample.evaluation.cases import make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.models.mf import TableScorer
from autosample.samplers import (
    DNS,
    MixGCFSampler,
    MixtureSampler,
    PopularitySampler,
    Sampler,
    SamplerSpec,
    UniformSampler,
)
from autosample.spec.catalogue import catalogue

SPLIT = RandomSplit().apply(
    Synthetic(users=200, items=120, pairs_per_user=12).build().dataset, seed=0
)
TRAIN = SPLIT.train
USERS = torch.from_numpy(TRAIN.users_E.astype(np.int64))
ITEMS = torch.from_numpy(TRAIN.items_E.astype(np.int64))


def negatives(sampler: Sampler, seed: int = 0) -> Negatives:
    sizes = {"num_users": TRAIN.num_users, "num_items": TRAIN.num_items}
    return Negatives.of_pairs(sampler, USERS, ITEMS, **sizes, seed=seed)


def tables(seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    sizes = TRAIN.num_users, TRAIN.num_items
    users, items = (torch.randn(size, 8, generator=rng) for size in sizes)
    return users, items


def sampler_of(kind: str) -> Sampler:
    found: Sampler = TypeAdapter(SamplerSpec).validate_python({"kind": kind})
    return found


KINDS = [entry.kind for entry in catalogue()["samplers"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_sampler_draws_unobserved_items_or_says_why_not(kind: str) -> None:
    sampler = sampler_of(kind)
    if any(part.synthesis is not None for part in sampler.all_parts):
        with pytest.raises(SpecError, match="belong to no item"):
            negatives(sampler)
        return
    draw = negatives(sampler)
    draw.start(*tables(), epoch=3, epochs=10)
    drawn = draw(USERS[:64], ITEMS[:64])
    assert drawn.items.shape == drawn.weights.shape
    assert len(drawn.items) == 64
    seen = set(zip(USERS.tolist(), ITEMS.tolist(), strict=True))
    for user, row, weights in zip(
        USERS[:64].tolist(), drawn.items.tolist(), drawn.weights.tolist(), strict=True
    ):
        for item, weight in zip(row, weights, strict=True):
            assert weight == 0 or (user, item) not in seen


def test_the_same_seed_draws_the_same() -> None:
    one, two = negatives(DNS(pool=8), 5), negatives(DNS(pool=8), 5)
    for each in (one, two):
        each.start(*tables())
    assert torch.equal(one(USERS, ITEMS).items, two(USERS, ITEMS).items)


def test_hard_negatives_are_hard_and_popular_ones_popular() -> None:
    users, items = tables()
    means = []
    for sampler in (UniformSampler(), DNS(pool=32)):
        draw = negatives(sampler)
        draw.start(users, items)
        chosen = draw(USERS, ITEMS).items[:, 0]
        means.append(float((users[USERS] * items[chosen]).sum(1).mean()))
    assert means[1] > means[0] + 1
    popular = negatives(PopularitySampler(alpha=1.0))(USERS, ITEMS).items[:, 0]
    uniform = negatives(UniformSampler())(USERS, ITEMS).items[:, 0]
    counts = torch.from_numpy(TRAIN.popularity_I.astype(np.float32))
    assert counts[popular].mean() > counts[uniform].mean()


def test_a_mixture_draws_from_its_parts_by_their_shares() -> None:
    mixed = MixtureSampler(
        samplers=(UniformSampler(negatives=1), UniformSampler(negatives=3)),
        weights=(1, 3),
    )
    draw = negatives(mixed)
    widths = [draw(USERS[:4], ITEMS[:4]).items.shape[1] for _ in range(2000)]
    share = widths.count(3) / 2000
    assert abs(share - 0.75) < 5 * (0.75 * 0.25 / 2000) ** 0.5


def test_a_plain_loop_learns_with_it() -> None:
    """BPR by hand, beside uniform scores: well above chance."""
    torch.manual_seed(0)
    users = nn.Embedding(TRAIN.num_users, 16)
    items = nn.Embedding(TRAIN.num_items, 16)
    for table in (users, items):
        nn.init.normal_(table.weight, std=0.1)
    adam = torch.optim.Adam([*users.parameters(), *items.parameters()], 0.02)
    draw = negatives(DNS(pool=4))
    before = _ndcg(users, items)
    for epoch in range(15):
        draw.start(users.weight, items.weight, epoch=epoch, epochs=15)
        order = torch.randperm(len(USERS), generator=draw.rng)
        for at in torch.split(order, 256):
            rows = users(USERS[at])
            positive = (rows * items(ITEMS[at])).sum(1, keepdim=True)
            drawn = draw(USERS[at], ITEMS[at])
            negative = (rows[:, None] * items(drawn.items)).sum(2)
            loss = -(logsigmoid(positive - negative) * drawn.weights).sum(1).mean()
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
    assert _ndcg(users, items) > 2 * before


def _ndcg(users: nn.Embedding, items: nn.Embedding) -> float:
    hits = Ranking(make_cases(SPLIT.valid, SPLIT.train), k=20).hits(
        TableScorer(users.weight.detach(), items.weight.detach())
    )
    return float(hits.values(Metric("ndcg@20")).mean())


def test_made_negatives_are_refused() -> None:
    with pytest.raises(SpecError, match="mixgcf"):
        negatives(MixGCFSampler())
