"""Steps by automatic gradients: for any model, on any device."""

from __future__ import annotations

from torch import Tensor

from autosample.core.types import Pairs
from autosample.training.steps.base import Steps


class AutomaticSteps(Steps):
    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        course = self.course
        course.optimizer.zero_grad(set_to_none=True)
        course.supernet.kept.zero_grad()
        step = course.supernet.step(course.model(), pairs, weights_K, course.rng)
        course.objective(step).backward()  # type: ignore[no-untyped-call]
        course.optimizer.step()
        course.supernet.kept.update()
        return step.pairs_B.detach().sum()
