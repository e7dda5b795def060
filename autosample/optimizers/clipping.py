"""Gradient clipping: gradients are shortened to a largest norm, all together.

Pascanu, Mikolov and Bengio, ICML 2013, arXiv:1211.5063.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from autosample.kernels.updates import Sums

EPS = 1e-6
"""Added to the norm before it divides, as torch does."""


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], most: float) -> None:
    """Shorten dense or sparse gradients to a joint norm of at most `most`.

    The norm is never read back, so that the host does not wait for a device.
    """
    parts = [_values(parameter) for parameter in parameters]
    values = [part for part in parts if part is not None]
    if not values:
        return
    norm = torch.stack([part.square().sum() for part in values]).sum().sqrt()
    factor = (most / (norm + EPS)).clamp(max=1.0)
    for part in values:
        part.mul_(factor)


def _values(parameter: nn.Parameter) -> Tensor | None:
    """Return the numbers of a gradient, which are changed in place."""
    grad = parameter.grad
    if grad is None or not grad.is_sparse:
        return grad
    # A row that occurs several times counts once, with the sum of its gradients. Away
    # from the CPU, finding such rows would make the host wait for the device.
    if grad.device.type != "cpu":
        parameter.grad = grad.to_dense()
        return parameter.grad
    parameter.grad = grad.coalesce()
    return parameter.grad._values()


def clip_sums(sums: Sequence[Sums], most: float) -> None:
    """Shorten the gradients of tables' rows to a joint norm of at most `most`."""
    squares = [torch.from_numpy(each.gradients).square().sum() for each in sums]
    factor = min(1.0, most / (float(torch.stack(squares).sum().sqrt()) + EPS))
    if factor < 1:
        for each in sums:
            torch.from_numpy(each.gradients).mul_(factor)
