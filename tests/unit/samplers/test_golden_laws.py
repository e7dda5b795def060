"""What is drawn follows laws that a second implementation worked out."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from autosample.bundle.negatives import Negatives
from autosample.samplers import parse_sampler
from tests.unit.samplers.reference import GOLDEN, golden

TOLD = json.loads(GOLDEN.read_text())
DRAWS = 40_000
FEW = 4_000
SIGMAS = 5.0


def test_the_golden_file_is_what_the_reference_says() -> None:
    assert GOLDEN.read_text() == golden()


@pytest.mark.parametrize("case", TOLD["laws"], ids=lambda case: case["sampler"]["kind"])
def test_draws_follow_the_golden_law(case: dict[str, Any]) -> None:
    users, items = torch.tensor(TOLD["observed_pairs"]).T
    sizes = len(TOLD["user_rows"]), len(TOLD["item_rows"])
    negatives = Negatives.of_pairs(
        parse_sampler(json.dumps(case["sampler"])), users, items,
        num_users=sizes[0], num_items=sizes[1], seed=11,
    )  # fmt: skip
    negatives.start(torch.tensor(TOLD["user_rows"]), torch.tensor(TOLD["item_rows"]))
    for user, law in enumerate(case["by_user"]):
        positive = int(items[users == user][0])
        # Of a mixture a batch is drawn by one of its parts, so each is a batch.
        size = 1 if case["sampler"]["kind"] == "mixture" else DRAWS
        batch = torch.full((size,), user)
        drawn = [
            negatives(batch, torch.full_like(batch, positive)).items[:, 0]
            for _ in range(FEW if size == 1 else 1)
        ]
        counts = torch.bincount(torch.cat(drawn), minlength=sizes[1])
        total = int(counts.sum())
        for item, chance in enumerate(law):
            spread = (total * chance * (1 - chance)) ** 0.5
            assert abs(int(counts[item]) - total * chance) <= SIGMAS * spread
