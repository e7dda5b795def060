"""What is built from settings and changes while a model is trained."""

from __future__ import annotations

from typing import ClassVar

from torch import nn


class Learner(nn.Module):
    """A part of a sampler, or a loss, that has parameters or a memory.

    Its parameters learn from the gradients of the training loss, its buffers are the
    memory; both are part of checkpoints. One with the methods `is_due` and `renew` is
    computed anew from the model before those epochs for which it is due.
    """

    ascends: ClassVar[bool] = False
    """Whether parameters are changed to raise the training loss, as an adversary's are.
    False: to lower it."""

    def update(self) -> None:
        """Renew the memory; called once after each training step, and nowhere else.

        What is computed before it may be computed several times in a step.
        """
