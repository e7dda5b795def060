"""Mixture weights learned by the one-step-unrolled gradient (DARTS: Liu et al., ICLR
2019, arXiv:1806.09055; for samplers: Lyu et al., 2023, arXiv:2311.03526).

A step of size r on sum_k a_k L_k changes the validation loss V by
-r <grad V, sum_k a_k grad L_k>, so dV/da_k = -r <grad V, grad L_k>. The inner product
is the slope of L_k along grad V. It is estimated by a central difference on the same
negatives, which takes two forward passes and works for every model.

V is the loss of validation pairs against uniform negatives, a distribution that does
not depend on the weights: descending on the mixture's own loss would choose the sampler
with the easiest negatives.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from autosample.core.seeds import derive, next_seed, seeded
from autosample.core.tensors import State
from autosample.core.types import Pairs, Queries
from autosample.losses import Loss
from autosample.samplers import Observed, UniformSampler
from autosample.training.settings import WeightLearning
from autosample.training.supernet import Supernet
from autosample.training.trainer import Trainer

SHIFT = 0.01
"""Step of the central difference, as a multiple of 1 / |grad V| (as in DARTS)."""


class LearnedWeights:
    """Weights softmax(logits / temperature), with logits updated every few steps."""

    fixed = False

    def __init__(
        self,
        settings: WeightLearning,
        candidates: int,
        observed: Observed,
        loss: Loss,
        steps: int,
    ) -> None:
        self.settings, self.steps, self.step = settings, max(steps, 1), 0
        self.logits_K = torch.nn.Parameter(torch.zeros(candidates))
        self.optimizer = torch.optim.Adam([self.logits_K], settings.learning_rate)
        uniform = UniformSampler(negatives=loss.default_negatives)
        self.reference = Supernet([uniform], observed, loss)

    @property
    def temperature(self) -> float:
        """Temperature of the softmax, which falls geometrically with the steps."""
        first, last = self.settings.temperature, self.settings.final_temperature
        return first * float((last / first) ** min(self.step / self.steps, 1.0))

    def current(self) -> Tensor:
        return torch.softmax(self.logits_K.detach() / self.temperature, 0)

    def observe(self, trainer: Trainer, pairs: Pairs, rng: Generator) -> None:
        self.step += 1
        if self.step % self.settings.every:
            return
        gain_K = self._slopes(trainer, pairs, rng)
        scale = gain_K.abs().max()
        if not torch.isfinite(scale) or scale == 0:
            return
        # dV/da_k = -gain_k up to a factor: its size depends on step sizes alone.
        weights_K = torch.softmax(self.logits_K / self.temperature, 0)
        self.optimizer.zero_grad()
        (-(gain_K / scale) * weights_K).sum().backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _slopes(self, trainer: Trainer, pairs: Pairs, rng: Generator) -> Tensor:
        """Return <grad V, grad L_k>: (K,)."""
        gradients = self._valid_gradients(trainer, len(pairs.items_B), rng)
        norm = torch.stack([g.square().sum() for g in gradients]).sum().sqrt()
        if not torch.isfinite(norm) or norm == 0:
            return torch.zeros_like(self.logits_K)
        shift = SHIFT / float(norm)
        seed = next_seed(rng)
        parameters = list(trainer.model.parameters())
        bases = [parameter.detach().clone() for parameter in parameters]
        sides = []
        with torch.no_grad():
            for by in (shift, -shift):
                for parameter, base, along in zip(
                    parameters, bases, gradients, strict=True
                ):
                    torch.add(base, along, alpha=by, out=parameter)
                sides.append(self._losses(trainer, pairs, seed))
            for parameter, base in zip(parameters, bases, strict=True):
                parameter.copy_(base)  # shifting back would round
        return (sides[0] - sides[1]) / (2 * shift)

    def _valid_gradients(
        self, trainer: Trainer, size: int, rng: Generator
    ) -> list[Tensor]:
        valid = trainer.split.valid
        device = trainer.device
        drawn = torch.randint(valid.num_pairs, (size,), generator=rng, device=device)
        at = drawn.cpu().numpy()
        pairs = Pairs(
            Queries.of_users(
                self.reference.observed.history,
                torch.from_numpy(valid.users_E[at]).to(device),
            ),
            torch.from_numpy(valid.items_E[at].astype(np.int64)).to(device),
        )
        self.reference.mixer = trainer.supernet.mixer  # the loss may have a memory
        one = torch.ones(1, device=device)
        loss = self.reference.step(trainer.model(), pairs, one, rng).pairs_B.mean()
        gradients = torch.autograd.grad(loss, list(trainer.model.parameters()))
        return [g.coalesce().to_dense() if g.is_sparse else g for g in gradients]

    def _losses(self, trainer: Trainer, pairs: Pairs, seed: int) -> Tensor:
        """Return each candidate's loss on a batch: (K,); chance is set by a seed."""
        # Both sides of the difference start from the same seed, for dropout as well.
        dropout = seeded(derive(seed, "dropout"), trainer.device)
        scorer, one = trainer.model(dropout), torch.ones(1, device=trainer.device)
        losses = []
        for k in range(len(self.logits_K)):
            again = seeded(seed, trainer.device)
            alone = trainer.supernet.only(k)
            losses.append(
                pairs.weigh(alone.step(scorer, pairs, one, again).pairs_B).mean()
            )
        return torch.stack(losses).cpu()

    def state(self) -> State:
        moments = self.optimizer.state.get(self.logits_K, {})
        state = {"logits": self.logits_K.detach(), "step": torch.tensor(self.step)}
        return state | {f"adam.{name}": tensor for name, tensor in moments.items()}

    def load(self, state: State) -> None:
        self.logits_K.data.copy_(state["logits"])
        self.step = int(state["step"])
        moments = {
            name.removeprefix("adam."): tensor.clone()
            for name, tensor in state.items()
            if name.startswith("adam.")
        }
        if moments:
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict(
                {"state": {0: moments}, "param_groups": groups}
            )
