"""The chosen recipe of a model that reads histories, for other people's code."""

from __future__ import annotations

from string import Template

from autosample.errors import SpecError
from autosample.losses import BPR, FullSoftmax
from autosample.models import GRU4Rec, ModelConfig, SASRec
from autosample.samplers import UniformSampler
from autosample.trials.recipe import Candidate, Recipe, loss_of, sampler_of

PYTORCH = Template('''\
"""$label in a plain PyTorch loop of SASRec. Change what you like."""

import torch
from torch import nn
from torch.nn.functional import normalize

from autosample import Negatives, parse_sampler
from autosample.losses import Scored, parse_loss

SAMPLER = parse_sampler("""$sampler""")
LOSS = parse_loss("""$loss""")
LENGTH = $length


def scored(rows):
    """Return rows whose inner products are the scores that the loss needs."""
    return normalize(rows, dim=-1) if LOSS.cosine else rows


class SASRec(nn.Module):
    def __init__(self, num_items, width=$width, layers=$layers, dropout=$dropout):
        super().__init__()
        self.items = nn.Embedding(num_items + 1, width, padding_idx=num_items)
        self.ages = nn.Embedding(LENGTH, width)
        for table in (self.items, self.ages):
            nn.init.xavier_normal_(table.weight)
        block = nn.TransformerEncoderLayer(
            width, $heads, width, dropout, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            block, layers, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, windows):
        """Return the state after each place of windows (B, LENGTH), padded at their
        ends, where no item looks: (B, LENGTH, width)."""
        counts = (windows != self.items.padding_idx).sum(1, keepdim=True)
        ages = (counts - 1 - torch.arange(LENGTH)).clamp(min=0)
        mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
        states = self.dropout(self.items(windows) + self.ages(ages))
        return self.blocks(states, mask=mask, is_causal=True)


def train(sequences, num_items, *, epochs=20, batch=128, seed=0):
    """Train on lists of ids from 0 to num_items - 1, each in time order."""
    torch.manual_seed(seed)
    model = SASRec(num_items)
    adam = torch.optim.Adam(model.parameters(), lr=$rate, betas=(0.9, 0.98))
    windows = torch.full((len(sequences), LENGTH + 1), num_items)
    for user, items in enumerate(sequences):
        last = torch.tensor(items[-LENGTH - 1 :])
        windows[user, : len(last)] = last
    users = torch.cat([torch.full((len(s),), u) for u, s in enumerate(sequences)])
    negatives = Negatives.of_pairs(
        SAMPLER,
        users,
        torch.tensor([item for items in sequences for item in items]),
        num_users=len(sequences),
        num_items=num_items,
        seed=seed,
    )
    for _ in range(epochs):
        for rows in torch.randperm(len(sequences)).split(batch):
            labels = windows[rows, 1:]
            real = labels != num_items
            inputs = windows[rows, :-1].where(real, num_items)
            states = scored(model(inputs)[real])
            users_B = rows[:, None].expand_as(labels)[real]
            drawn_BN, weights_BN = negatives(users_B, labels[real])
            positive_B = (states * scored(model.items(labels[real]))).sum(1)
            rows_BND = scored(model.items(drawn_BN))
            negative_BN = (states[:, None] * rows_BND).sum(2)
            loss_B = LOSS(positive_B, Scored(negative_BN, weights_BN))
            adam.zero_grad()
            loss_B.mean().backward()
            adam.step()
    return model
''')


def pytorch(candidate: Candidate, model: ModelConfig) -> str:
    """Return a module that trains SASRec with a recipe; its `train` is all there is to
    call.

    Raises SpecError on another model, and on samplers that look at scores, which change
    from step to step.
    """
    if not isinstance(model, SASRec) or model.norm != "pre" or not model.tied:
        raise SpecError(
            f"a plain loop is written for sasrec with norm pre and tied rows, not for"
            f" {model.label}; train it with autosample.search"
        )
    sampler, loss = sampler_of(candidate), loss_of(candidate, BPR())
    if any(part.needs_scores or part.synthesis for part in sampler.all_parts):
        raise SpecError(
            f"{sampler.label} looks at the scores of every step, which a plain loop of"
            " sequences does not pass to it; train it with autosample.search"
        )
    rate = candidate.learning_rate if isinstance(candidate, Recipe) else None
    return PYTORCH.substitute(
        label=candidate.label,
        sampler=sampler.model_dump_json(exclude_defaults=False),
        loss=loss.model_dump_json(),
        length=model.length,
        width=model.width,
        layers=model.layers,
        heads=model.heads,
        dropout=model.dropout,
        rate=rate or model.learning_rate,
    )


def recbole(candidate: Candidate, model: ModelConfig) -> str:
    """Return a model and its loss as a RecBole 1.1+ configuration (YAML).

    RecBole's sequential models know two losses: BPR with one uniform negative, and
    cross entropy over all items. Raises SpecError for others.
    """
    sampler, loss = sampler_of(candidate), loss_of(candidate, BPR())
    one = isinstance(loss, BPR) and sampler == UniformSampler()
    if not one and not isinstance(loss, FullSoftmax):
        raise SpecError(
            f"RecBole's sequential models know BPR with one uniform negative and cross"
            f" entropy over all items (full_softmax) alone, not {candidate.label};"
            " export to pytorch instead"
        )
    if one:
        drawn = "train_neg_sample_args:\n  distribution: uniform\n  sample_num: 1\n"
    else:
        drawn = "train_neg_sample_args: ~\n"
    settings = _settings(model)
    lines = "".join(f"{name}: {value}\n" for name, value in settings.items())
    return f"# {candidate.label}\n{lines}loss_type: {'BPR' if one else 'CE'}\n{drawn}"


def _settings(model: ModelConfig) -> dict[str, object]:
    if isinstance(model, SASRec):
        return {
            "model": "SASRec",
            "hidden_size": model.width,
            "inner_size": model.width,
            "n_layers": model.layers,
            "n_heads": model.heads,
            "hidden_dropout_prob": model.dropout,
            "attn_dropout_prob": 0.0,
            "hidden_act": "relu",
            "MAX_ITEM_LIST_LENGTH": model.length,
            "learning_rate": model.learning_rate,
        }
    if isinstance(model, GRU4Rec):
        return {
            "model": "GRU4Rec",
            "embedding_size": model.width,
            "hidden_size": model.width,
            "num_layers": model.layers,
            "dropout_prob": model.dropout,
            "MAX_ITEM_LIST_LENGTH": model.length,
            "learning_rate": model.learning_rate,
        }
    raise SpecError(f"RecBole has no model like {model.label} that we know of")
