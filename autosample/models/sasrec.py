"""Self-attention over a user's last items (Kang and McAuley, ICDM 2018,
arXiv:1808.09781), with the later variants of its blocks as settings."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor, nn
from torch.nn.functional import (
    embedding,
    layer_norm,
    scaled_dot_product_attention,
    silu,
)

from autosample.core.bounds import Layers
from autosample.data.interactions import Interactions
from autosample.models.dropout import drop
from autosample.models.sequence import SequenceConfig, SequenceModel, item_table, xavier
from autosample.models.windows import Blocks, Windows
from autosample.optimizers import Adam

Norm = Literal["pre", "post", "ligr"]


class SASRec(SequenceConfig):
    """Inner products of items and of the state that self-attention has reached after
    the user's last item."""

    paper: ClassVar[str] = "Kang and McAuley, ICDM 2018, arXiv:1808.09781"
    learning_rate: ClassVar[float] = 0.004
    adam: ClassVar[Adam] = Adam(beta2=0.98)
    kind: Literal["sasrec"] = "sasrec"
    layers: Layers = 2
    """Blocks of attention and a small network."""
    heads: int = Field(1, ge=1, le=64)
    """Parts of a state that attend on their own; they divide the width."""
    dropout: float = Field(0.4, ge=0, lt=1)
    """Share of the embeddings' and the blocks' outputs that is set to zero in
    training, rounded to 1/256. The weights of attention are never dropped."""
    norm: Norm = "pre"
    """Where layers are normalised: `pre` before each part of a block, `post` after it,
    as in the first transformers; `ligr`: before it, and each part passes a learned gate
    (Borisyuk et al., 2025, arXiv:2502.03417; so used by eSASRec, arXiv:2508.06450)."""
    tied: bool = True
    """Whether the items that are read and those that are ranked share their rows."""
    scale: bool = False
    """Whether item rows are multiplied by the root of the width as they are read."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide width {self.width}")
        return self

    def build(self, train: Interactions, rng: Generator) -> SelfAttention:
        return SelfAttention(self, train.num_items, rng)


class SelfAttention(SequenceModel):
    """Blocks of causal attention over packed windows."""

    def __init__(self, config: SASRec, num_items: int, rng: Generator) -> None:
        tables = [
            item_table(rng, num_items, config.width) for _ in range(2 - config.tied)
        ]
        super().__init__(config, *tables)
        self.dropout, self.norm = config.dropout, config.norm
        self.factor = config.width**0.5 if config.scale else 1.0
        self.ages = nn.Parameter(xavier(rng, config.length, config.width))
        make = Gated if config.norm == "ligr" else Plain
        self.parts = nn.ModuleList(make(config, rng) for _ in range(config.layers))
        self.last = Normal(config.width) if config.norm == "pre" else None

    def encode(self, windows: Windows, rng: Generator | None) -> Tensor:
        rows_TD = embedding(windows.items_T, self.inputs, sparse=True) * self.factor
        rows_TD = rows_TD + embedding(windows.ages_T, self.ages)
        states_TD = drop(rows_TD, self.dropout, rng)
        blocks = windows.blocks()
        for part in self.parts:
            states_TD = part(states_TD, blocks, rng)
        return states_TD if self.last is None else self.last(states_TD)


class Normal(nn.Module):
    """Each row, shifted and scaled to mean 0 and variance 1, then by what is learned
    (Ba, Kiros and Hinton, 2016, arXiv:1607.06450)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, rows_TD: Tensor) -> Tensor:
        shape = list(self.scale.shape)
        return layer_norm(rows_TD, shape, self.scale, self.shift, 1e-8)


class Attention(nn.Module):
    """Causal attention within each window (Vaswani et al., NeurIPS 2017,
    arXiv:1706.03762)."""

    def __init__(self, config: SASRec, rng: Generator) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.inward = nn.Parameter(
            torch.cat([xavier(rng, width, width) for _ in range(3)], 1)
        )
        self.inward_shift = nn.Parameter(torch.zeros(3 * width))
        self.outward = nn.Parameter(xavier(rng, width, width))
        self.outward_shift = nn.Parameter(torch.zeros(width))

    def forward(self, rows_TD: Tensor, blocks: Blocks) -> Tensor:
        asked = torch.addmm(self.inward_shift, rows_TD, self.inward)  # (T, 3 D)
        mixed = blocks.unpadded([self._attend(each) for each in blocks.padded(asked)])
        return torch.addmm(self.outward_shift, mixed, self.outward)

    def _attend(self, asked_STX: Tensor) -> Tensor:
        """Return what the items of a block have gathered: (S, T, D)."""
        windows, slots, _ = asked_STX.shape
        by_head = asked_STX.view(windows, slots, 3, self.heads, -1)
        query, key, value = by_head.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = scaled_dot_product_attention(query, key, value, is_causal=True)
        return mixed.transpose(1, 2).reshape(windows, slots, -1)


class Plain(nn.Module):
    """Attention, then a network of one hidden layer of the same width, each added to
    what it reads."""

    def __init__(self, config: SASRec, rng: Generator) -> None:
        super().__init__()
        width = config.width
        self.dropout, self.is_pre = config.dropout, config.norm == "pre"
        self.attention = Attention(config, rng)
        self.before, self.between = Normal(width), Normal(width)
        self.inward = nn.Parameter(xavier(rng, width, width))
        self.inward_shift = nn.Parameter(torch.zeros(width))
        self.outward = nn.Parameter(xavier(rng, width, width))
        self.outward_shift = nn.Parameter(torch.zeros(width))

    def forward(self, rows_TD: Tensor, blocks: Blocks, rng: Generator | None) -> Tensor:
        if self.is_pre:
            rows_TD = rows_TD + self._mixed(self.before(rows_TD), blocks, rng)
            return rows_TD + self._through(self.between(rows_TD), rng)
        rows_TD = self.before(rows_TD + self._mixed(rows_TD, blocks, rng))
        made_TD: Tensor = self.between(rows_TD + self._through(rows_TD, rng))
        return made_TD

    def _mixed(self, rows_TD: Tensor, blocks: Blocks, rng: Generator | None) -> Tensor:
        return drop(self.attention(rows_TD, blocks), self.dropout, rng)

    def _through(self, rows_TD: Tensor, rng: Generator | None) -> Tensor:
        hidden = torch.relu(torch.addmm(self.inward_shift, rows_TD, self.inward))
        hidden = drop(hidden, self.dropout, rng)
        made = torch.addmm(self.outward_shift, hidden, self.outward)
        return drop(made, self.dropout, rng)


class Gated(nn.Module):
    """Attention, then a gated network of four times the width, each of which passes a
    gate that the row itself opens."""

    def __init__(self, config: SASRec, rng: Generator) -> None:
        super().__init__()
        width = config.width
        self.dropout = config.dropout
        self.attention = Attention(config, rng)
        self.before, self.between = Normal(width), Normal(width)
        self.first_gate = nn.Parameter(xavier(rng, width, width))
        self.second_gate = nn.Parameter(xavier(rng, width, width))
        self.inward = nn.Parameter(
            torch.cat([xavier(rng, width, 4 * width) for _ in range(2)], 1)
        )
        self.outward = nn.Parameter(xavier(rng, 4 * width, width))

    def forward(self, rows_TD: Tensor, blocks: Blocks, rng: Generator | None) -> Tensor:
        mixed = drop(self.attention(self.before(rows_TD), blocks), self.dropout, rng)
        rows_TD = rows_TD + torch.sigmoid(rows_TD @ self.first_gate) * mixed
        made = drop(self._through(self.between(rows_TD)), self.dropout, rng)
        return rows_TD + torch.sigmoid(rows_TD @ self.second_gate) * made

    def _through(self, rows_TD: Tensor) -> Tensor:
        """Return the gated network's output (Shazeer, 2020, arXiv:2002.05202)."""
        gate, value = (rows_TD @ self.inward).chunk(2, dim=1)
        return (silu(gate) * value) @ self.outward
