"""The interface of optimisers, and of those that step single rows of tables."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import Tensor, nn

from autosample.core.config import Config
from autosample.kernels.updates import (
    Columns,
    Links,
    Sums,
    sum_links,
    sum_rows,
)
from autosample.optimizers.clipping import clip_sums

Method = TypeVar("Method", bound=Callable[..., object])


def bare(method: Method) -> Method:
    """Return a method without the wrappers that `functools.wraps` recorded on it."""
    return cast(Method, inspect.unwrap(method))


class OptimizerConfig(Config, ABC):
    """Settings of an optimiser, as a search spec names them."""

    paper: ClassVar[str] = ""
    """Source of the optimiser, for the catalogue."""
    learning_rate: ClassVar[float]
    """Default of `training.learning_rate` where a spec names this optimiser."""
    kind: str

    @abstractmethod
    def build(
        self, parameters: Iterable[nn.Parameter], learning_rate: float, *, tables: bool
    ) -> torch.optim.Optimizer:
        """Return the optimiser of some parameters.

        `tables` says that all parameters are tables on the CPU of which kernels step
        the rows that a batch uses. A TableOptimizer is then the fastest; other
        optimisers must take the sparse gradients of such tables.
        """


class TableOptimizer(torch.optim.Optimizer, ABC):
    """Steps the rows of tables that a batch uses, at a cost that depends on the batch
    and not on the table. Rows that are read must have been refreshed before."""

    # Torch wraps these methods so that its compiler leaves them alone. The wrappers
    # load that compiler, which costs a process 1.7 seconds, and we compile nothing.
    add_param_group = bare(torch.optim.Optimizer.add_param_group)
    zero_grad = bare(torch.optim.Optimizer.zero_grad)
    state_dict = bare(torch.optim.Optimizer.state_dict)
    load_state_dict = bare(torch.optim.Optimizer.load_state_dict)

    def __init__(
        self, parameters: Iterable[nn.Parameter], defaults: dict[str, Any]
    ) -> None:
        super().__init__(parameters, defaults)
        # Scratch memory of kernels, all zero between steps: a number per row.
        self._uses: dict[nn.Parameter, Tensor] = {}

    def refresh(self, parameter: nn.Parameter, ids: Tensor) -> None:
        """Bring the rows of some ids up to date, which are about to be read."""

    def finish(self) -> None:
        """Bring all rows up to date, before the whole tables are read or stored."""

    def step_links(
        self,
        users: nn.Parameter,
        items: nn.Parameter,
        links: Links,
        columns: Columns,
        clip: float | None = None,
    ) -> None:
        """Take one step along a batch's gradients, whose norm is clipped if asked."""
        of_users, of_items = sum_links(
            users.detach().numpy(),
            self.uses(users),
            items.detach().numpy(),
            self.uses(items),
            links,
            columns,
        )
        if clip is not None:
            clip_sums([of_users, of_items], clip)
        self.step_sums(users, of_users)
        self.step_sums(items, of_items)
        self.advance()

    @abstractmethod
    def step_sums(self, parameter: nn.Parameter, sums: Sums) -> None:
        """Step distinct rows, which are up to date, along their gradients."""

    def advance(self) -> None:
        """Count a step, after all rows with a gradient have been stepped."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step along the parameters' gradients, sparse or dense."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self.step_sums(parameter, self._sums(parameter))
        self.advance()

    def _sums(self, parameter: nn.Parameter) -> Sums:
        grad = parameter.grad
        assert grad is not None
        if not grad.is_sparse:
            rows = as_table(grad.contiguous())
            ids = torch.arange(len(rows))
            self.refresh(parameter, ids)
            return Sums(ids.numpy(), rows.numpy())
        ids = grad._indices()[0]
        self.refresh(parameter, ids)
        values = grad._values().contiguous().numpy()
        sums: Sums = sum_rows(self.uses(parameter), ids.numpy(), values)
        return sums

    def uses(self, parameter: nn.Parameter) -> Any:
        """Return the scratch space of a table: (rows,), all zero between calls."""
        if parameter not in self._uses:
            self._uses[parameter] = torch.zeros(len(parameter), dtype=torch.int32)
        return self._uses[parameter].numpy()


def as_table(tensor: Tensor) -> Tensor:
    """Return a parameter or its gradient as rows; a vector is one row."""
    return tensor.reshape(1, -1) if tensor.dim() == 1 else tensor.flatten(1)


def taking_sparse(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return an optimiser of torch that takes dense gradients only, so that it takes
    sparse ones as well."""
    optimizer.register_step_pre_hook(_densify)
    return optimizer


def _densify(optimizer: torch.optim.Optimizer, *_: Any) -> None:
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.to_dense()
