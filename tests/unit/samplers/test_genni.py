"""GenNi's curriculum, and its two ends: uniform draws and the hardest item."""

import torch

from autosample.core.types import Moment
from autosample.samplers import GenNi, Observed
from autosample.samplers.pool import ScoredPool
from autosample.testing import toys

DRAWS = 4000


def chosen(power: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the items drawn for user 3, who has none, from the whole catalogue, and
    their scores."""
    parts = GenNi(power=power, pool=6).parts
    users = torch.full((DRAWS,), 3)
    pairs = toys.batch(users, torch.zeros(DRAWS, dtype=torch.long))
    context = toys.context(toys.scorer(), pairs)
    rng = torch.Generator().manual_seed(0)
    pool = parts.proposal.build(Observed(toys.TRAIN)).draw(context, 6, rng)
    pool = type(pool)(torch.arange(6)[None])
    scores = context.score(pool.items)
    slots = parts.choice.choose(ScoredPool(pool, scores, context), rng).slots
    return slots[:, 0], scores[0]


def test_it_begins_with_uniform_negatives() -> None:
    sampler = GenNi(warm=2)
    kinds = [sampler.leaves(Moment(epoch, 50))[0].parts for epoch in range(4)]
    assert [parts.choice.kind for parts in kinds] == ["first"] * 2 + ["softmax"] * 2
    assert GenNi(warm=0).leaves(Moment(0, 50))[0].parts.choice.kind == "softmax"


def test_a_small_power_draws_uniformly_and_a_large_one_the_hardest() -> None:
    items, _ = chosen(1e-6)
    counts = items.bincount(minlength=6).double()
    expected = torch.full((6,), DRAWS / 6).double()
    # Five degrees of freedom: above 25.7 once in ten thousand.
    assert ((counts - expected) ** 2 / expected).sum() < 25.7
    items, scores = chosen(1e6)
    assert (items == scores.argmax()).all()


def test_draws_follow_the_softmax_to_the_power() -> None:
    items, scores = chosen(2.0)
    expected = torch.softmax(2 * scores.double(), 0) * DRAWS
    counts = items.bincount(minlength=6).double()
    assert ((counts - expected) ** 2 / expected).sum() < 25.7
