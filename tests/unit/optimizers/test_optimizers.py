"""Each optimiser takes the steps of torch's own, on whole tables and on single rows."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

import pytest
import torch
from torch import Tensor, nn

from autosample.core.tensors import load_optimizer, optimizer_state
from autosample.core.types import Moment
from autosample.optimizers import (
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    OptimizerConfig,
    Schedule,
    Step,
    TableOptimizer,
)
from autosample.optimizers.clipping import clip_gradients
from autosample.optimizers.moments import LONGEST, RowMoments

Torchs = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

CASES: list[tuple[OptimizerConfig, float, Torchs]] = [
    (Adagrad(), 0.1, lambda ps: torch.optim.Adagrad(ps, 0.1, eps=1e-8)),
    (Adam(), 0.02, lambda ps: torch.optim.Adam(ps, 0.02)),
    (
        Adam(beta1=0.5, beta2=0.9, eps=1e-6),
        0.02,
        lambda ps: torch.optim.Adam(ps, 0.02, (0.5, 0.9), 1e-6),
    ),
    (
        Adam(beta1=0.9, beta2=0.5),
        0.02,
        lambda ps: torch.optim.Adam(ps, 0.02, (0.9, 0.5)),
    ),
    (Adam(eps=0.01), 0.02, lambda ps: torch.optim.Adam(ps, 0.02, eps=0.01)),
    (
        Adam(weight_decay=0.1),
        0.02,
        lambda ps: torch.optim.Adam(ps, 0.02, weight_decay=0.1),
    ),
    (
        AdamW(weight_decay=0.5),
        0.02,
        lambda ps: torch.optim.AdamW(ps, 0.02, weight_decay=0.5),
    ),
    (SGD(), 0.1, lambda ps: torch.optim.SGD(ps, 0.1)),
    (SGD(momentum=0.9), 0.1, lambda ps: torch.optim.SGD(ps, 0.1, 0.9)),
    (
        SGD(momentum=0.5, weight_decay=0.1),
        0.1,
        lambda ps: torch.optim.SGD(ps, 0.1, 0.5, weight_decay=0.1),
    ),
]
cases = pytest.mark.parametrize(
    ("config", "rate", "theirs"), CASES, ids=[repr(config) for config, *_ in CASES]
)


class Race:
    """The same tables under an optimiser of ours and under torch's."""

    def __init__(self, config: OptimizerConfig, rate: float, theirs: Torchs) -> None:
        self.rng = torch.Generator().manual_seed(0)
        starts = [torch.randn(rows, 3, generator=self.rng) for rows in (40, 25)]
        self.ours = [nn.Parameter(start.clone()) for start in starts]
        self.torchs = [nn.Parameter(start.clone()) for start in starts]
        self.mine = config.build(self.ours, rate, tables=True)
        self.other = theirs(self.torchs)

    def run(
        self, steps: int, *, sparse: bool = True, clip: float | None = None
    ) -> None:
        for _ in range(steps):
            # Rows of low number are used often, the others seldom, some twice.
            ids = [
                (torch.rand(6, generator=self.rng) ** 3 * len(table)).long()
                for table in self.ours
            ]
            aims = [torch.randn(6, 3, generator=self.rng) for _ in ids]
            if isinstance(self.mine, TableOptimizer):
                for table, used in zip(self.ours, ids, strict=True):
                    self.mine.refresh(table, used)
            self._step(self.ours, self.mine, ids, aims, sparse=sparse, clip=clip)
            self._step(self.torchs, self.other, ids, aims, sparse=False, clip=clip)

    def _step(
        self,
        tables: list[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        ids: list[Tensor],
        aims: list[Tensor],
        *,
        sparse: bool,
        clip: float | None,
    ) -> None:
        optimizer.zero_grad()
        rows = [
            nn.functional.embedding(used, table, sparse=sparse)
            for table, used in zip(tables, ids, strict=True)
        ]
        loss = sum(
            ((row - aim) ** 2).sum() for row, aim in zip(rows, aims, strict=True)
        )
        loss.backward()  # type: ignore[union-attr]
        if clip is not None and tables is self.ours:
            clip_gradients(tables, clip)
        elif clip is not None:
            nn.utils.clip_grad_norm_(tables, clip)
        optimizer.step()

    def finish(self) -> None:
        if isinstance(self.mine, TableOptimizer):
            self.mine.finish()

    def assert_equal(self) -> None:
        self.finish()
        for ours, theirs in zip(self.ours, self.torchs, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_every_optimizer_is_raced_against_torchs() -> None:
    raced = {type(config) for config, _, _ in CASES}
    assert raced == {each for each in OPTIMIZERS.all if _is_own(each)}


def _is_own(config: type[OptimizerConfig]) -> bool:
    return config.__module__.startswith("autosample.")


@cases
def test_rows_with_a_gradient_take_torchs_steps(
    config: OptimizerConfig, rate: float, theirs: Torchs
) -> None:
    """So do the rows without one, in which the moments live on."""
    race = Race(config, rate, theirs)
    race.run(150)
    race.assert_equal()
    race.run(50)
    race.assert_equal()


@cases
def test_dense_gradients_take_torchs_steps(
    config: OptimizerConfig, rate: float, theirs: Torchs
) -> None:
    race = Race(config, rate, theirs)
    race.run(20, sparse=False)
    race.assert_equal()


@cases
def test_clipped_gradients_take_torchs_steps(
    config: OptimizerConfig, rate: float, theirs: Torchs
) -> None:
    race = Race(config, rate, theirs)
    race.run(20, clip=1.5)
    race.assert_equal()


@cases
def test_a_changed_learning_rate_counts_from_the_next_step(
    config: OptimizerConfig, rate: float, theirs: Torchs
) -> None:
    race = Race(config, rate, theirs)
    for factor in (1.0, 0.5, 0.1):
        for optimizer in (race.mine, race.other):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        race.run(20)
    race.assert_equal()


@cases
def test_a_stored_optimizer_goes_on_to_the_same_bytes(
    config: OptimizerConfig, rate: float, theirs: Torchs
) -> None:
    whole = Race(config, rate, theirs)
    whole.run(30)
    whole.finish()
    resumed = Race(config, rate, theirs)
    resumed.rng.set_state(whole.rng.get_state())
    for table, stored in zip(resumed.ours, whole.ours, strict=True):
        table.data.copy_(stored.data)
    load_optimizer(resumed.mine, optimizer_state(whole.mine))
    for race in (whole, resumed):
        race.run(30)
        race.finish()
    for ours, stored in zip(resumed.ours, whole.ours, strict=True):
        assert torch.equal(ours, stored)


def test_rows_idle_for_longer_than_the_series_take_all_their_steps() -> None:
    """Momentum of .999 still moves a row after thousands of steps."""
    race = Race(
        SGD(momentum=0.999), 0.001, lambda ps: torch.optim.SGD(ps, 0.001, 0.999)
    )
    race.run(1)
    for optimizer in (race.mine, race.other):
        optimizer.zero_grad(set_to_none=False)
    zeros = [torch.zeros_like(table) for table in race.ours]
    assert isinstance(race.mine, RowMoments)
    for _ in range(LONGEST + 100):
        for table in race.ours:
            table.grad = None
        race.mine.step()
        for table, zero in zip(race.torchs, zeros, strict=True):
            table.grad = zero
        race.other.step()
    race.assert_equal()


def test_a_row_costs_memory_only_as_often_as_it_is_used() -> None:
    """Rows that were never used have no moments, and are not moved by any step."""
    table = nn.Parameter(torch.ones(50, 2))
    optimizer = Adam().build([table], 0.1, tables=True)
    assert isinstance(optimizer, RowMoments)
    ids = torch.tensor([3, 7])
    for _ in range(5):
        optimizer.refresh(table, ids)
        optimizer.zero_grad()
        nn.functional.embedding(ids, table, sparse=True).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    optimizer.finish()
    moved = (table != 1).any(1).nonzero()[:, 0]
    assert moved.tolist() == [3, 7]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (Constant(), [1, 1, 1, 1, 1, 1]),
        (Constant(warmup=3), [1 / 4, 2 / 4, 3 / 4, 1, 1, 1]),
        (Cosine(), [(1 + cos(pi * e / 6)) / 2 for e in range(6)]),
        (Cosine(final=0.2), [0.2 + 0.4 * (1 + cos(pi * e / 6)) for e in range(6)]),
        (
            Cosine(warmup=2),
            [1 / 3, 2 / 3, *((1 + cos(pi * e / 4)) / 2 for e in range(4))],
        ),
        (Step(every=2, gamma=0.1), [1, 1, 0.1, 0.1, 0.01, 0.01]),
    ],
    ids=repr,
)
def test_a_schedule_gives_the_factor_of_its_formula(
    schedule: Schedule, expected: list[float]
) -> None:
    factors = [schedule.factor(Moment(epoch, 6)) for epoch in range(6)]
    assert factors == pytest.approx(expected)
