"""The parts of a supernet that are built once, and those of them that learn.

The state of each is stored under a name that depends on its settings alone, so that a
candidate finds its own parts in the checkpoint of any supernet it belonged to.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from autosample.core.config import Config
from autosample.core.learner import Learner
from autosample.core.tensors import (
    State,
    load_optimizer,
    optimizer_state,
)
from autosample.core.types import Moment, Scorer
from autosample.data.interactions import Interactions
from autosample.losses import Loss, Scored
from autosample.samplers import Observed, Parts
from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.pool import ScoredPool
from autosample.samplers.proposals import Prepared, Proposal, ProposalConfig
from autosample.samplers.synthesis import Maker, Synthesis

LEARNING_RATE = 1e-3
"""Learning rate of Adam for the parameters of learners, as in DENS and ANS."""


@runtime_checkable
class Learnable(Protocol):
    """Settings of a choice or a loss that learns."""

    def build(self, train: Interactions, rng: Generator) -> Learner:
        """Return what is used in place of these settings, and does what they do."""
        ...


Part = ProposalConfig | Choice | Synthesis | Loss


class Chooser(Protocol):
    """A choice, or what it builds."""

    def choose(self, pool: ScoredPool, rng: Generator) -> Chosen: ...


class Mixer(Protocol):
    """A loss, or what it builds."""

    def mix(
        self, positive_B: Tensor, negatives: list[Scored], weights: Tensor
    ) -> Tensor: ...


@runtime_checkable
class ByUser(Protocol):
    """What a loss builds that differs from user to user."""

    def of(self, users_B: Tensor) -> Mixer:
        """Return the loss of pairs of these users."""
        ...


@runtime_checkable
class Renewed(Protocol):
    """What is computed anew from the model before some epochs."""

    def is_due(self, moment: Moment) -> bool:
        """Tell whether `renew` is to be called before an epoch."""
        ...

    def renew(self, scorer: Scorer, known: Observed, rng: Generator) -> None:
        """Compute it anew, without gradients."""
        ...


class Kept:
    """Everything that is built, once however many candidates use it."""

    def __init__(
        self,
        parts: Iterable[Parts],
        observed: Observed,
        rng: Generator,
        losses: Iterable[Loss] = (),
    ) -> None:
        """`rng` is where the initial parameters of learners come from."""
        self.observed, self._rng = observed, rng
        self.proposals: dict[ProposalConfig, Proposal] = {}
        self._syntheses: dict[Synthesis, None] = {}
        self._learners: dict[Part, Learner] = {}
        self._optimizers: dict[Part, torch.optim.Optimizer] = {}
        for part in parts:
            if part.proposal not in self.proposals:
                proposal = part.proposal.build(observed)
                self.proposals[part.proposal] = proposal
                if isinstance(proposal, Learner):
                    self._add(part.proposal, proposal)
            if part.synthesis is not None:
                self._syntheses[part.synthesis] = None
            self._build(part.choice)
        for loss in losses:
            self._build(loss)

    def _build(self, config: Choice | Loss) -> None:
        if isinstance(config, Learnable) and config not in self._learners:
            learner = config.build(self.observed.train, self._rng)
            self._add(config, learner.to(self.observed.device))

    def _add(self, config: Part, learner: Learner) -> None:
        self._learners[config] = learner
        parameters = list(learner.parameters())
        if parameters:
            self._optimizers[config] = torch.optim.Adam(
                parameters, LEARNING_RATE, fused=True, maximize=learner.ascends
            )

    @property
    def followers(self) -> dict[ProposalConfig, Prepared]:
        """The proposals that `prepare` renews from the model."""
        return {
            config: proposal
            for config, proposal in self.proposals.items()
            if isinstance(proposal, Prepared)
        }

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Bring proposals that follow the model up to date; called at each epoch."""
        for proposal in self.followers.values():
            proposal.prepare(scorer, rng)

    def due(self, moment: Moment) -> list[Renewed]:
        """Return what is to be computed anew before an epoch."""
        learners = self._learners.values()
        return [
            each
            for each in learners
            if isinstance(each, Renewed) and each.is_due(moment)
        ]

    def maker(self, synthesis: Synthesis, like: Tensor) -> Maker:
        """Return the maker of a synthesis, built at first to fit rows like these."""
        if synthesis not in self._learners:
            self._add(synthesis, synthesis.build(like, self._rng))
        maker = self._learners[synthesis]
        assert isinstance(maker, Maker)
        return maker

    def chooser(self, choice: Choice) -> Chooser:
        """Return the choice, or what it has built if it learns."""
        if not isinstance(choice, Learnable):
            return choice
        chooser: Chooser = self._learners[choice]  # type: ignore[assignment]
        return chooser

    def mixer(self, loss: Loss) -> Mixer:
        """Return the loss, or what it has built if it learns."""
        if not isinstance(loss, Learnable):
            return loss
        mixer: Mixer = self._learners[loss]  # type: ignore[assignment]
        return mixer

    @property
    def learns(self) -> bool:
        """Whether any synthesis has parameters."""
        return any(synthesis.gated for synthesis in self._syntheses)

    def build_makers(self, like: Tensor) -> None:
        """Build all makers, so that a checkpoint can be loaded into them."""
        for synthesis in self._syntheses:
            self.maker(synthesis, like)

    @property
    def makers(self) -> tuple[Maker, ...]:
        """The makers that have been built."""
        built = self._learners.values()
        return tuple(learner for learner in built if isinstance(learner, Maker))

    def zero_grad(self) -> None:
        """Forget the gradients of all learners."""
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def update(self) -> None:
        """Let learners learn from the gradients they have, and renew their memories."""
        for optimizer in self._optimizers.values():
            optimizer.step()
        for learner in self._learners.values():
            learner.update()

    def parameters(self) -> State:
        """Return what the parts of samplers have learned, by name."""
        return {
            _prefix(part) + name: tensor.detach()
            for part, learner in self._learners.items()
            if not isinstance(part, Loss)
            for name, tensor in learner.state_dict().items()
        }

    def load_parameters(self, learned: State) -> None:
        """Load what `parameters` returned; makers must have been built."""
        for part, learner in self._learners.items():
            if not isinstance(part, Loss):
                names = learner.state_dict()
                learner.load_state_dict({n: learned[_prefix(part) + n] for n in names})

    def state(self) -> State:
        """Return everything that a checkpoint must hold, by name."""
        state: State = {}
        for config, proposal in self.followers.items():
            state |= _under(config, proposal.state())
        for part, learner in self._learners.items():
            state |= _under(part, dict(learner.state_dict()))
            if part in self._optimizers:
                state |= _under(part, optimizer_state(self._optimizers[part]))
        return state

    def load(self, state: State) -> None:
        """Load what is there for these parts; makers must have been built."""
        device = self.observed.device
        state = {name: tensor.to(device) for name, tensor in state.items()}
        for config, proposal in self.followers.items():
            proposal.load(_own(config, state))
        for part, learner in self._learners.items():
            own = _own(part, state)
            values = {n: t for n, t in own.items() if not n.startswith("optimizer.")}
            if values:
                learner.load_state_dict(values)
            if part in self._optimizers and own:
                load_optimizer(self._optimizers[part], own)


def _prefix(part: Part) -> str:
    return f"{part.kind}.{_name(part)}."


def _name(config: Config) -> str:
    return sha256(config.model_dump_json().encode()).hexdigest()[:12]


def _under(config: Config, state: State) -> State:
    return {f"{_name(config)}.{name}": tensor for name, tensor in state.items()}


def _own(config: Config, state: State) -> State:
    start = f"{_name(config)}."
    return {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
