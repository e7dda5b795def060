"""Steps by automatic gradients: for any model, on any device."""

from __future__ import annotations

from torch import Tensor

from autosample.core.types import Pairs
from autosample.optimizers import TableOptimizer
from autosample.optimizers.clipping import clip_gradients
from autosample.training.steps.base import Steps


class AutomaticSteps(Steps):
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        setup = self.setup
        if isinstance(setup.optimizer, TableOptimizer):
            setup.optimizer.finish()  # any row may be read
        setup.optimizer.zero_grad(set_to_none=True)
        setup.supernet.kept.zero_grad()
        step = setup.supernet.step(setup.model(setup.rng), pairs, weights_K, setup.rng)
        setup.objective(step, pairs).backward()  # type: ignore[no-untyped-call]
        if setup.clip is not None:
            clip_gradients(setup.model.parameters(), setup.clip)
        setup.optimizer.step()
        setup.supernet.kept.update()
        return pairs.weigh(step.pairs_B.detach()).sum()
