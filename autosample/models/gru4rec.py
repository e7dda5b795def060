"""A recurrent network over a user's last items (Hidasi et al., ICLR 2016,
arXiv:1511.06939; Hidasi and Karatzoglou, CIKM 2018, arXiv:1706.03847).

As in the official code the items that are read and ranked share their rows. Unlike it,
whole windows are trained at once, with gradients through all their steps, and items
have no bias.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn.functional import embedding

from autosample.core.bounds import Layers
from autosample.data.interactions import Interactions
from autosample.models.dropout import drop
from autosample.models.sequence import SequenceConfig, SequenceModel, item_table
from autosample.models.windows import Windows
from autosample.optimizers import Adam


class GRU4Rec(SequenceConfig):
    """Inner products of items and of the state that a recurrent network has reached
    after the user's last item."""

    paper: ClassVar[str] = "Hidasi et al., ICLR 2016, arXiv:1511.06939"
    learning_rate: ClassVar[float] = 0.002
    adam: ClassVar[Adam] = Adam()
    kind: Literal["gru4rec"] = "gru4rec"
    layers: Layers = 1
    """Recurrent layers."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """Share of the embeddings and of the states that is set to zero in training,
    rounded to 1/256."""

    def build(self, train: Interactions, rng: Generator) -> Recurrent:
        return Recurrent(self, train.num_items, rng)


class Recurrent(SequenceModel):
    """Gated recurrent units over packed windows."""

    def __init__(self, config: GRU4Rec, num_items: int, rng: Generator) -> None:
        width = config.width
        super().__init__(config, item_table(rng, num_items, width))
        self.dropout, self.layers = config.dropout, config.layers
        # Of each layer: weights of the input and of the state, and a shift of both.
        # The global generator, from which nn.GRU would draw them, is left alone.
        shapes = [(3 * width, width), (3 * width, width), (3 * width,), (3 * width,)]
        self.weights = nn.ParameterList()
        for shape in shapes * config.layers:
            weight = torch.empty(shape)
            nn.init.uniform_(weight, -(width**-0.5), width**-0.5, generator=rng)
            self.weights.append(nn.Parameter(weight))

    def encode(self, windows: Windows, rng: Generator | None) -> Tensor:
        rows_TD = embedding(windows.items_T, self.inputs, sparse=True)
        blocks = windows.blocks()
        padded = blocks.padded(drop(rows_TD, self.dropout, rng))
        return drop(
            blocks.unpadded([self._through(each) for each in padded]), self.dropout, rng
        )

    def _through(self, rows_STD: Tensor) -> Tensor:
        """Return the last layer's state after each item; padding comes last, so that no
        item's state depends on it."""
        start = rows_STD.new_zeros(self.layers, len(rows_STD), rows_STD.shape[2])
        states_STD, _ = torch.gru(
            rows_STD,
            start,
            list(self.weights),
            True,  # has_biases
            self.layers,
            0.0,  # dropout between layers, which would draw from the global generator
            False,  # train
            False,  # bidirectional
            True,  # batch_first
        )
        return states_STD
