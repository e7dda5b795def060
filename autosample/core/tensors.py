"""Checkpoints: named tensors, stored as safetensors, never pickled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors.torch import load as parse
from safetensors.torch import save as render
from torch import Tensor

State = dict[str, Tensor]


def to_bytes(state: State) -> bytes:
    """Return a checkpoint as safetensors; names are sorted, so bytes repeat."""
    return render({name: state[name].contiguous() for name in sorted(state)})


def from_bytes(raw: bytes) -> State:
    """Read what `to_bytes` wrote."""
    return parse(raw)


def optimizer_state(optimizer: torch.optim.Optimizer) -> State:
    """Flatten an optimiser's tensors to `optimizer.<parameter>.<name>`."""
    return {
        f"optimizer.{index}.{name}": tensor
        for index, values in optimizer.state_dict()["state"].items()
        for name, tensor in values.items()
    }


def load_optimizer(optimizer: torch.optim.Optimizer, state: State) -> None:
    """Restore the tensors that `optimizer_state` returned, if there are any."""
    values: dict[int, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if name.startswith("optimizer."):
            _, index, key = name.split(".", 2)
            values.setdefault(int(index), {})[key] = tensor.clone()
    groups: list[dict[str, Any]] = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": values, "param_groups": groups})


@contextmanager
def usual_torch() -> Iterator[None]:
    """Compute with torch's usual settings, whatever the caller has set: floats of 32
    bits on the CPU by default, and gradients where they are asked for."""
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    torch.set_default_dtype(torch.float32)
    # Any default device, the CPU as well, costs every call.
    is_elsewhere = device.type != "cpu"
    if is_elsewhere:
        torch.set_default_device(None)
    try:
        with torch.inference_mode(mode=False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(dtype)
        if is_elsewhere:
            torch.set_default_device(device)
