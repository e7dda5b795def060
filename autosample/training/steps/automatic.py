"""Steps by automatic gradients: for any model, on any device."""

from __future__ import annotations

from torch import Tensor

from autosample.core.types import Pairs, Refresh, Scorer
from autosample.optimizers import TableOptimizer
from autosample.optimizers.clipping import clip_gradients
from autosample.training.steps.base import Steps


class AutomaticSteps(Steps):
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        self.finish()  # any row may be read
        return self._step(self.setup.model(self.setup.rng), pairs, weights_K)

    def finish(self) -> None:
        if isinstance(self.setup.optimizer, TableOptimizer):
            self.setup.optimizer.finish()

    def _step(
        self,
        scorer: Scorer,
        pairs: Pairs,
        weights_K: Tensor,
        refresh: Refresh | None = None,
    ) -> Tensor:
        """Train on a batch with a scorer, whose rows `refresh` brings up to date."""
        setup = self.setup
        setup.optimizer.zero_grad(set_to_none=True)
        setup.supernet.kept.zero_grad()
        step = setup.supernet.step(scorer, pairs, weights_K, setup.rng, refresh)
        setup.objective(step, pairs).backward()  # type: ignore[no-untyped-call]
        if setup.clip is not None:
            clip_gradients(setup.model.parameters(), setup.clip)
        setup.optimizer.step()
        setup.supernet.kept.update()
        return pairs.weigh(step.pairs_B.detach()).sum()
