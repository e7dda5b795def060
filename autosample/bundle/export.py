"""The chosen recipe for other people's code: a plain PyTorch loop, and RecBole."""

from __future__ import annotations

from string import Template

from autosample.errors import SpecError
from autosample.losses import BPR, GBCE
from autosample.optimizers import Adam
from autosample.samplers import DNS, PopularitySampler, Sampler, UniformSampler
from autosample.trials.recipe import Candidate, Recipe, loss_of, sampler_of

PYTORCH = Template('''\
"""$label in a plain PyTorch loop of matrix factorisation. Change what you like."""

import torch
from torch.nn.functional import normalize
from torch.utils.data import DataLoader, TensorDataset

from autosample import Negatives, parse_sampler
from autosample.losses import Scored, parse_loss

SAMPLER = parse_sampler("""$sampler""")
LOSS = parse_loss("""$loss""")


def scored(rows):
    """Return rows whose inner products are the scores that the loss needs."""
    return normalize(rows, dim=-1) if LOSS.cosine else rows


def train(users, items, num_users, num_items, *, width=64, epochs=20, seed=0):
    """Train on pairs, two tensors of ids from 0; returns both tables of embeddings."""
    torch.manual_seed(seed)
    user_table = torch.nn.Embedding(num_users, width)
    item_table = torch.nn.Embedding(num_items, width)
    for table in (user_table, item_table):
        torch.nn.init.normal_(table.weight, std=0.1)
    parameters = [*user_table.parameters(), *item_table.parameters()]
    adam = torch.optim.Adam(parameters, lr=$rate)
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
            rows_BD, items_BD = scored(user_table(users_B)), scored(item_table(items_B))
            positive_B = (rows_BD * items_BD).sum(1)
            negative_BN = (rows_BD[:, None] * scored(item_table(drawn_BN))).sum(2)
            loss_B = LOSS(positive_B, Scored(negative_BN, weights_BN))
            adam.zero_grad()
            loss_B.mean().backward()
            adam.step()
    return user_table.weight.detach(), item_table.weight.detach()
''')


def pytorch(candidate: Candidate) -> str:
    """Return a module that trains with a sampler, and with the loss and learning rate
    of a recipe; its `train` is all there is to call.

    A bare sampler is trained by BPR. The optimiser is Adam, whose learning rate is that
    of the recipe if that is meant for Adam. Raises SpecError on a sampler that makes
    embeddings instead of choosing items, and on a loss that needs to know how likely
    each negative was or how many items there are.
    """
    sampler, loss = sampler_of(candidate), loss_of(candidate, BPR())
    if loss.needs_log_q:
        raise SpecError(
            f"{loss.label} corrects for how likely each negative was, which a plain"
            " loop does not know; train it with autosample.search"
        )
    if loss.of_catalogue or isinstance(loss, GBCE):
        raise SpecError(
            f"{loss.label} depends on how many items there are, which a plain loop's"
            " loss does not know; train it with autosample.search"
        )
    if any(part.synthesis is not None for part in sampler.all_parts):
        raise SpecError(
            f"{sampler.label} makes embeddings that belong to no item, which a plain"
            " loop cannot look up; train it with autosample.search"
        )
    return PYTORCH.substitute(
        label=candidate.label,
        sampler=sampler.model_dump_json(exclude_defaults=False),
        loss=loss.model_dump_json(),
        rate=_adams_rate(candidate),
    )


def _adams_rate(candidate: Candidate) -> float:
    """Return a recipe's learning rate if that is meant for Adam, else Adam's usual."""
    if isinstance(candidate, Recipe) and isinstance(candidate.optimizer, Adam):
        return candidate.learning_rate or Adam.learning_rate
    return Adam.learning_rate


def recbole(candidate: Candidate) -> str:
    """Return a sampler as part of a RecBole 1.1+ configuration (YAML).

    RecBole's models bring their losses, most of them BPR; another loss of a recipe is
    stated in a comment, and a rate that is meant for Adam is set.

    RecBole knows two laws, uniform and a power of popularity, and the hardest of a pool
    of either for one negative per pair. Raises SpecError for all other samplers.
    """
    sampler, loss = sampler_of(candidate), loss_of(candidate, BPR())
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
    text = f"# {sampler.label}\ntrain_neg_sample_args:\n{lines}"
    if not isinstance(loss, BPR):
        text = (
            f"# Searched with loss {loss.label}: take a model with that loss.\n{text}"
        )
    if isinstance(candidate, Recipe) and isinstance(candidate.optimizer, Adam):
        text += f"learner: adam\nlearning_rate: {_adams_rate(candidate)}\n"
    return text


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
