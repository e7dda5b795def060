"""Optimisers with running means of gradients, which step single rows of tables exactly
as if all rows took every step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from autosample.kernels.memory import zeros
from autosample.kernels.moments import (
    Lag,
    Moments,
    Pace,
    refresh,
    step_rows,
)
from autosample.kernels.updates import Sums
from autosample.optimizers.base import TableOptimizer, as_table, bare

LONGEST = 2048
"""Steps after which all rows are brought up to date at once, so that the series of
factors stay short."""


class Lags:
    """What the steps since all rows were up to date do to rows without gradients."""

    def __init__(self, beta_first: float, beta_second: float) -> None:
        powers = np.arange(LONGEST + 1)
        self._fades = _powers(beta_first, powers)
        self._shrinks = _powers(beta_second, powers)
        self._quotients = (beta_first / beta_second**0.5) ** powers
        self._moves = np.zeros(LONGEST + 1)
        self._keeps = np.ones(LONGEST + 1)
        self.reset()

    def reset(self) -> None:
        """Begin anew: all rows are up to date."""
        self.now = 0
        self._moves[:1], self._keeps[:1] = 0, 1
        self._lag: Lag | None = None

    def count(self, pace: Pace) -> None:
        """Count a step, which rows without gradient take too."""
        before = self.now + 1
        moves, keeps = self._moves[:before], self._keeps[:before]
        moves *= pace.keep
        moves += pace.rate * self._quotients[before:0:-1]
        keeps *= pace.keep
        self.now, self._lag = before, None
        self._moves[before], self._keeps[before] = 0, 1

    def lag(self) -> Lag:
        """Return the series of factors, as kernels take them."""
        if self._lag is None:
            end = self.now + 1
            self._lag = Lag(
                self._moves[:end].astype(np.float32),
                self._keeps[:end].astype(np.float32),
                self._fades[:end],
                self._shrinks[:end],
            )
        return self._lag


def _powers(base: float, powers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return powers of a number below one, with those too small for a float as zero."""
    values = np.power(np.float64(base), powers)
    values[values < np.finfo(np.float32).tiny] = 0
    return values.astype(np.float32)


class RowMoments(TableOptimizer):
    """Adam, AdamW and momentum on rows of tables on the CPU.

    One step is first = beta_first first + gain g, then second = beta_second second +
    (1 - beta_second) g^2, then table = (1 - lr decay) table - lr first / sqrt(second),
    where both moments are corrected for their start at zero if `adaptive`. Without it
    there is no second moment.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        betas: tuple[float, float],
        eps: float = 1e-8,
        decay: float = 0.0,
        adaptive: bool = True,
    ) -> None:
        """`decay` is the weight decay, decoupled from the gradients; 0 is none."""
        super().__init__(parameters, {"lr": lr, "eps": eps, "decay": decay})
        self.betas, self.adaptive = betas, adaptive
        self.lags = Lags(betas[0], betas[1] if adaptive else 1.0)
        self._clocks: dict[nn.Parameter, Tensor] = {}

    _load_state_dict = bare(torch.optim.Optimizer.load_state_dict)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load moments, which must have been stored after `finish`."""
        self._load_state_dict(state_dict)
        self._clocks.clear()
        self.lags.reset()

    def refresh(self, parameter: nn.Parameter, ids: Tensor) -> None:
        if self.lags.now:
            moments = self._moments(parameter)
            refresh(moments, ids.numpy(), self.lags.lag(), self._eps(self._steps()))

    def finish(self) -> None:
        if self.lags.now:
            for parameter in self._parameters():
                self.refresh(parameter, torch.arange(len(as_table(parameter))))
                self._clocks[parameter].zero_()
            self.lags.reset()

    def step_sums(self, parameter: nn.Parameter, sums: Sums) -> None:
        step_rows(self._moments(parameter), sums.ids, sums.gradients, self._pace())

    def advance(self) -> None:
        pace = self._pace()
        for parameter in self._parameters():
            self._moments(parameter)
            self.state[parameter]["step"] += 1
        self.lags.count(pace)
        if self.lags.now == LONGEST:
            self.finish()

    def _parameters(self) -> list[nn.Parameter]:
        return [each for group in self.param_groups for each in group["params"]]

    def _steps(self) -> int:
        """Return how many steps have been taken; all parameters take them together."""
        state = self.state[self._parameters()[0]]
        return int(state["step"]) if "step" in state else 0

    def _eps(self, steps: int) -> np.float32:
        eps: float = self.param_groups[0]["eps"]
        return np.float32(eps * (1 - self.betas[1] ** steps) ** 0.5)

    def _pace(self) -> Pace:
        """Return the factors of the step that comes next."""
        group, (first, second) = self.param_groups[0], self.betas
        rate, gain, step = group["lr"], 1.0, self._steps() + 1
        if self.adaptive:
            rate *= (1 - second**step) ** 0.5 / (1 - first**step)
            gain = 1 - first
        return Pace(
            *map(
                np.float32,
                (
                    rate,
                    1 - group["lr"] * group["decay"],
                    first,
                    gain,
                    second,
                    1 - second,
                    self._eps(step),
                ),
            )
        )

    def _moments(self, parameter: nn.Parameter) -> Moments:
        state, table = self.state[parameter], as_table(parameter.detach())
        if "first" not in state:
            rows, width = table.shape
            state["step"] = torch.tensor(0)
            state["first"] = zeros(rows, width)
            state["second"] = zeros(rows if self.adaptive else 0, width)
        if parameter not in self._clocks:
            self._clocks[parameter] = torch.zeros(len(table), dtype=torch.int32)
        return Moments(
            table.numpy(),
            state["first"].numpy(),
            state["second"].numpy(),
            self._clocks[parameter].numpy(),
        )
