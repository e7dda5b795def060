"""The chosen sampler for other people's code: a plain PyTorch loop, and RecBole."""

from __future__ import annotations

from string import Template

from autosample.errors import SpecError
from autosample.samplers import DNS, PopularitySampler, Sampler, UniformSampler

PYTORCH = Template('''\
"""$label in a plain PyTorch loop: matrix factorisation by BPR. Change what you like."""

import torch
from torch.nn.functional import logsigmoid
from torch.utils.data import DataLoader, TensorDataset

from autosample import Negatives, parse_sampler

SAMPLER = parse_sampler("""$sampler""")


def train(users, items, num_users, num_items, *, width=64, epochs=20, seed=0):
    """Train on pairs, two tensors of ids from 0; returns both tables of embeddings."""
    torch.manual_seed(seed)
    user_table = torch.nn.Embedding(num_users, width)
    item_table = torch.nn.Embedding(num_items, width)
    for table in (user_table, item_table):
        torch.nn.init.normal_(table.weight, std=0.1)
    parameters = [*user_table.parameters(), *item_table.parameters()]
    adam = torch.optim.Adam(parameters, lr=0.01)
    negatives = Negatives.of_pairs(
        SAMPLER, users, items, num_users=num_users, num_items=num_items, seed=seed
    )

    def with_negatives(pairs):
        """Collate: pairs of a batch, their negatives (B, N) and weights (B, N)."""
        users_B, items_B = (torch.stack(each) for each in zip(*pairs))
        return users_B, items_B, *negatives(users_B, items_B)

    batches = DataLoader(
        TensorDataset(users, items), 1024, shuffle=True, collate_fn=with_negatives
    )
    for epoch in range(epochs):
        # Hard negatives follow the model: they look at its tables as they stand.
        negatives.start(
            user_table.weight, item_table.weight, epoch=epoch, epochs=epochs
        )
        for users_B, items_B, drawn_BN, weights_BN in batches:
            rows_BD = user_table(users_B)
            positive_B1 = (rows_BD * item_table(items_B)).sum(1, keepdim=True)
            negative_BN = (rows_BD[:, None] * item_table(drawn_BN)).sum(2)
            loss_B = -(logsigmoid(positive_B1 - negative_BN) * weights_BN).sum(1)
            adam.zero_grad()
            loss_B.mean().backward()
            adam.step()
    return user_table.weight.detach(), item_table.weight.detach()
''')


def pytorch(sampler: Sampler) -> str:
    """Return a module that trains with a sampler; its `train` is all there is to call.

    Raises SpecError on a sampler that makes embeddings instead of choosing items.
    """
    if any(part.synthesis is not None for part in sampler.all_parts):
        raise SpecError(
            f"{sampler.label} makes embeddings that belong to no item, which a plain"
            " loop cannot look up; train it with autosample.search"
        )
    return PYTORCH.substitute(
        label=sampler.label, sampler=sampler.model_dump_json(exclude_defaults=False)
    )


def recbole(sampler: Sampler) -> str:
    """Return a sampler as part of a RecBole 1.1+ configuration (YAML).

    RecBole knows two laws, uniform and a power of popularity, and the hardest of a pool
    of either for one negative per pair. Raises SpecError for all other samplers.
    """
    laws = {
        UniformSampler: _uniform,
        PopularitySampler: _popularity,
        DNS: _hardest,
    }
    arguments = next(
        (write(sampler) for kind, write in laws.items() if type(sampler) is kind), None
    )
    if arguments is None:
        raise SpecError(
            f"RecBole's configuration cannot express {sampler.label}: it has uniform,"
            " popularity and dns with one negative alone; export to pytorch instead, or"
            " search with --candidates uniform,popularity,dns"
        )
    lines = "".join(f"  {name}: {value}\n" for name, value in arguments.items())
    return f"# {sampler.label}\ntrain_neg_sample_args:\n{lines}"


Args = dict[str, object]


def _args(distribution: str, count: int, alpha: float = 1.0, pool: int = 0) -> Args:
    return {
        "distribution": distribution,
        "sample_num": count,
        "alpha": alpha,
        "dynamic": pool > 0,
        "candidate_num": pool,
    }


def _uniform(sampler: Sampler) -> Args | None:
    assert isinstance(sampler, UniformSampler)
    # RecBole draws for each pair, so a batch that shares its negatives is another law.
    return None if sampler.shared else _args("uniform", sampler.negatives)


def _popularity(sampler: Sampler) -> Args | None:
    assert isinstance(sampler, PopularitySampler)
    return _args("popularity", sampler.negatives, sampler.alpha)


def _hardest(sampler: Sampler) -> Args | None:
    """One negative, the hardest of its pool; of several RecBole draws a pool for each,
    which is not the best few of one."""
    assert isinstance(sampler, DNS)
    if sampler.negatives > 1 or sampler.guard:
        return None
    return _args("uniform", 1, pool=sampler.pool)
