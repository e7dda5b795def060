"""Steps where a GPU would take them: nothing waits for the host, nothing stays on it.

No GPU is needed to see that. With kernels off, a CPU runs the operations a GPU would,
and those that read a number back are caught on the way; on torch's `meta` device, which
holds no numbers, whatever is left on the host is refused by torch itself.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from autosample.core import seeds
from autosample.core.plugins import kind_of
from autosample.core.types import START
from autosample.data.order import cut
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.losses import BPR, LOSSES, Loss
from autosample.models import MF, NGCF, LightGCN, ModelConfig, TwoTower, build
from autosample.models import graph as graph_module
from autosample.samplers import DNS, PRESETS, Observed, Sampler, UniformSampler
from autosample.spec.compatibility import sampler_refusal
from autosample.training.steps import Setup
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.supernet import Supernet, equal_weights
from autosample.training.supernet.kept import Kept

SPLIT = RandomSplit().apply(Synthetic(users=60, items=50).build().dataset, seed=0)
READS_BACK = (
    "_local_scalar_dense",
    "nonzero",
    "unique",
    "_unique2",
    "masked_select",
    "repeat_interleave.Tensor",
    "equal.default",
    "lift_fresh",  # a tensor made of Python's numbers: copied over, and waited for
)


class NothingReadBack(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses operations whose answer, or its shape, the host would wait for."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = str(func).removeprefix("aten.")
        if name.startswith(READS_BACK):
            raise AssertionError(f"{name} makes the host wait")
        if name.startswith("index.Tensor") and any(
            each is not None and each.dtype is torch.bool for each in args[1]
        ):
            raise AssertionError("a mask as an index makes the host wait")
        return func(*args, **(kwargs or {}))


def refusing() -> NothingReadBack:
    return NothingReadBack()  # type: ignore[no-untyped-call]


@pytest.fixture
def no_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of a GPU; its generators give seeds without being read back."""
    monkeypatch.setattr("autosample.training.supernet.columns.next_seed", lambda _: 7)
    monkeypatch.setattr(Observed, "kernels", False)


def steps(
    samplers: list[Sampler], loss: Loss, config: ModelConfig, device: str = "cpu"
) -> AutomaticSteps:
    """Return steps at the beginning of a pass, in double so that none is compiled."""
    config = config.model_copy(update={"cosine": loss.cosine})
    rng = torch.Generator().manual_seed(0)
    model = build(config, SPLIT.train, rng).double().to(device)
    supernet = Supernet(samplers, Observed(SPLIT.train, device), loss)
    supernet.begin(START, model, rng)
    with torch.no_grad():
        supernet.kept.build_makers(model().all_items()[:1])
    users_E = torch.from_numpy(SPLIT.train.users_E.copy()).to(device)
    items_E = torch.from_numpy(SPLIT.train.items_E.copy()).to(device)
    optimizer = model.optimizer(0.01)
    if device == "meta" and isinstance(config, LightGCN):
        optimizer = torch.optim.SGD(model.parameters(), 0.01)  # Adam's kernel is fused
    order = model.order(SPLIT.train, 64)
    setup = Setup(model, supernet, optimizer, users_E, items_E, order, 64, 0.01, rng)
    return AutomaticSteps(setup)


def take(taken: AutomaticSteps, count: int, device: str = "cpu") -> Tensor:
    rows = torch.arange(64 * count, device=device)
    candidates = len(taken.setup.supernet.samplers)
    return taken.train(cut(rows, 64), equal_weights(candidates).double().to(device))


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("config", [MF(width=8), LightGCN(width=8, layers=2)])
@pytest.mark.parametrize("sampler", [each() for each in PRESETS], ids=lambda s: s.kind)
def test_no_samplers_step_waits_for_the_host(
    sampler: Sampler, config: ModelConfig
) -> None:
    taken = steps([sampler], BPR(), config)
    take(taken, 1)  # what is built on the way is built
    with refusing():
        take(taken, 2)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(
    "loss", [each(kind=kind_of(each)) for each in LOSSES.all], ids=lambda s: s.kind
)
@pytest.mark.parametrize("config", [TwoTower(width=8, hidden=8), NGCF(width=8)])
def test_no_losss_step_waits_for_the_host(loss: Loss, config: ModelConfig) -> None:
    samplers: list[Sampler] = [
        UniformSampler(negatives=12, shared=True),
        DNS(pool=16, negatives=12),
    ]
    assert all(sampler_refusal(loss, each) is None for each in samplers)
    taken = steps(samplers, loss, config)
    take(taken, 1)
    with refusing():
        take(taken, 2)


def test_reading_back_is_noticed() -> None:
    mask = torch.tensor([True, False])
    for read in (lambda: mask.any().item(), mask.nonzero, lambda: mask[mask]):
        with pytest.raises(AssertionError, match="wait"), refusing():
            read()


WITHOUT_NUMBERS = [
    each()
    for each in PRESETS
    # Cohorts and walks are counted as they are built, which takes numbers; the other
    # two draw exponential noise, which torch has no way to do without a device.
    if kind_of(each) not in ("cohort", "pagerank", "softmax", "srns")
]


@pytest.fixture
def without_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the `meta` device take the CPU's generators, and do without two kernels that
    torch lacks there: a fused Adam and a sparse product."""
    monkeypatch.setattr(Kept, "update", lambda _: None)
    monkeypatch.setattr(
        "autosample.training.supernet.columns.seeded",
        lambda seed, _: seeds.seeded(seed),
    )
    monkeypatch.setattr(
        "autosample.training.supernet.gather.seeded", lambda seed, _: seeds.seeded(seed)
    )
    monkeypatch.setattr(
        graph_module,
        "_product",
        lambda _, nodes, plus, times=1.0: torch.empty_like(nodes),
    )


@pytest.mark.usefixtures("without_numbers")
@pytest.mark.parametrize("config", [MF(width=8), LightGCN(width=8, layers=2)])
@pytest.mark.parametrize("sampler", WITHOUT_NUMBERS, ids=lambda s: s.kind)
def test_nothing_of_a_step_stays_on_the_host(
    sampler: Sampler, config: ModelConfig
) -> None:
    loss = take(steps([sampler], BPR(), config, "meta"), 2, "meta")
    assert loss.device.type == "meta"
