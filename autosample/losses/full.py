"""Softmax over the whole catalogue: the yardstick of every sampled loss."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from autosample.core.bounds import Positive
from autosample.core.ranges import Between
from autosample.losses.listwise import SampledSoftmax

MOST_BYTES = 64 << 20
"""Largest block of scores that is held at once."""


class FullSoftmax(SampledSoftmax):
    """Cross entropy of the positive against all items, those of the user included:
    -ln(e^(s_ui/t) / sum_j e^(s_uj/t)). No negative is drawn, so the sampler that it
    stands beside decides nothing, and a step costs three products with the whole
    catalogue."""

    paper: ClassVar[str] = "Klenitskiy and Vasilev, RecSys 2023, arXiv:2309.07602"
    default_negatives: ClassVar[int] = 1
    of_catalogue: ClassVar[bool] = True
    kind: Literal["full_softmax"] = "full_softmax"  # type: ignore[assignment]
    temperature: Positive = Field(1.0, json_schema_extra=Between(0.05, 5, log=True))
    """The t that every score is divided by."""
    log_q: Literal[False] = Field(False, exclude=True)

    def of_all(self, positive_B: Tensor, rows_BD: Tensor, items_ID: Tensor) -> Tensor:
        """Return the loss of each pair: (B,), for rows of queries and of all items."""
        log_sum_B = log_sum_of_all(rows_BD / self.temperature, items_ID)
        return log_sum_B - positive_B / self.temperature


class _LogSum(torch.autograd.Function):
    """ln sum_i e^<row, item i> for each row, in blocks of rows.

    What is kept of scores is e^(s - m), where m is a row's largest score, so that they
    are gone through once; sums divide the products that follow. Of a single block it is
    kept for the backward pass; of several it is computed again, at the cost of a fourth
    product.
    """

    @staticmethod
    def forward(ctx: Any, rows_BD: Tensor, items_ID: Tensor) -> Tensor:
        blocks = torch.split(rows_BD, max(MOST_BYTES // (4 * len(items_ID)), 1))
        grown = [_grown(block_BD, items_ID) for block_BD in blocks]
        ctx.kept = grown[0] if len(blocks) == 1 else None
        ctx.save_for_backward(rows_BD, items_ID)
        ctx.size = len(blocks[0])
        return torch.cat([each.most_B + each.sums_B.log() for each in grown])

    @staticmethod
    def backward(ctx: Any, gradient_B: Tensor) -> tuple[Tensor, Tensor]:
        rows_BD, items_ID = ctx.saved_tensors
        of_rows, of_items = [], torch.zeros_like(items_ID)
        blocks = torch.split(rows_BD, ctx.size)
        for block_BD, slopes_B in zip(
            blocks, torch.split(gradient_B, ctx.size), strict=True
        ):
            grown = ctx.kept or _grown(block_BD, items_ID)
            shares_B1 = (slopes_B / grown.sums_B)[:, None]
            of_rows.append((grown.terms_BI @ items_ID).mul_(shares_B1))
            of_items.addmm_(grown.terms_BI.T, block_BD * shares_B1)
        return torch.cat(of_rows), of_items


class _Grown(NamedTuple):
    """Exponentials of scores: those of each row's largest score are 1."""

    terms_BI: Tensor
    most_B: Tensor
    sums_B: Tensor


def _grown(rows_BD: Tensor, items_ID: Tensor) -> _Grown:
    scores_BI = rows_BD @ items_ID.T
    most_B1 = scores_BI.amax(1, keepdim=True)
    terms_BI = scores_BI.sub_(most_B1).exp_()
    return _Grown(terms_BI, most_B1[:, 0], terms_BI.sum(1))


def log_sum_of_all(rows_BD: Tensor, items_ID: Tensor) -> Tensor:
    """Return ln sum_i e^<row, item i> over all items, for each row: (B,)."""
    found: Tensor = _LogSum.apply(rows_BD, items_ID)  # type: ignore[no-untyped-call]
    return found
