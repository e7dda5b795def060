"""How often scores of half the bits choose another negative.

`python -m benchmarks.precision --data gowalla`: trains MF for a few epochs, draws pools
of 32 and tells in which share of pairs the hardest item is another one when rows are
rounded to bfloat16 (products summed in float32, as tensor cores do).
"""

from __future__ import annotations

import argparse

import torch

from autosample.core.seeds import seeded
from autosample.core.types import (
    Pairs,
    Queries,
    Tabled,
)
from autosample.data.splits import Split
from autosample.losses import BPR
from autosample.models import MF, Model
from autosample.samplers import DNS, Observed, UniformSampler
from autosample.training.supernet import Supernet
from autosample.trials import Request, Trial
from autosample.trials.run import InProcessRunner
from benchmarks.data import dataset, pairs_rule

POOL, PAIRS = 32, 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="gowalla")
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    data = dataset(arguments.data)
    split = pairs_rule(arguments.data).apply(data, 0)
    for sampler in (UniformSampler(), DNS(pool=POOL)):
        trial = Trial.model_validate(
            {
                "name": sampler.label,
                "model": MF(cosine=False),
                "loss": BPR(),
                "candidates": (sampler,),
                "training": {
                    "epochs": arguments.epochs,
                    "learning_rate": MF.learning_rate,
                    "l2": MF.l2,
                },
                "metric": "ndcg@20",
                "stop_early": False,
            }
        )
        [result] = InProcessRunner(split).run([Request(trial)], lambda *_: None)
        with torch.no_grad():
            changed = share_changed(result.best_model(split), split)
        print(f"trained on {sampler.label}: another hardest of {POOL} in {changed:.2%}")


def share_changed(model: Model, split: Split) -> float:
    """Return the share of pairs whose hardest item depends on the precision."""
    rng = seeded(0)
    rows_B = torch.randint(split.train.num_pairs, (PAIRS,), generator=rng)
    observed = Observed(split.train)
    history = observed.history
    net = Supernet([UniformSampler(negatives=POOL)], observed, BPR())
    items_B = history.items_E[rows_B].long()
    pairs = Pairs(Queries.of_pairs(history, rows_B), items_B)
    scorer = model()
    context = net.context(scorer, pairs, scorer.queries(pairs.queries))
    [chosen] = net.choose(context, rng)
    pool_BM = chosen.pool.items
    full_BM = context.score(pool_BM)
    assert isinstance(scorer, Tabled)
    tables = scorer.tables()
    assert tables is not None
    halved = [each.bfloat16().float() for each in tables]
    users_BD, items_BMD = halved[0][pairs.queries.users_B], halved[1][pool_BM]
    half_BM = torch.einsum("bd,bmd->bm", users_BD, items_BMD)
    return float((full_BM.argmax(1) != half_BM.argmax(1)).double().mean())


if __name__ == "__main__":
    main()
