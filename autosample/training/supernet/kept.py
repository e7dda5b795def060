"""The parts of a supernet that are built once: shared proposals, and makers that learn.

What lasts from pass to pass is named by the settings it belongs to, so that a candidate
finds its own in the checkpoint of any supernet it was part of.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import torch
from torch import Generator, Tensor

from autosample.core.config import Config
from autosample.core.tensors import (
    State,
    load_optimizer,
    optimizer_state,
)
from autosample.core.types import Scorer
from autosample.samplers import Observed, Parts
from autosample.samplers.proposals import Prepared, Proposal, ProposalConfig
from autosample.samplers.synthesis import Maker, Synthesis

LEARNING_RATE = 1e-3
"""Of the makers' parameters, by Adam, as DENS and ANS have it."""


class Kept:
    """Built proposals and makers, each once however many candidates use it."""

    def __init__(
        self, parts: Iterable[Parts], observed: Observed, rng: Generator
    ) -> None:
        self.observed, self._rng = observed, rng
        self.proposals: dict[ProposalConfig, Proposal] = {}
        self._syntheses: dict[Synthesis, None] = {}
        self._makers: dict[Synthesis, Maker] = {}
        self._optimizers: dict[Synthesis, torch.optim.Optimizer] = {}
        for part in parts:
            if part.proposal not in self.proposals:
                self.proposals[part.proposal] = part.proposal.build(observed)
            if part.synthesis is not None:
                self._syntheses[part.synthesis] = None

    @property
    def followers(self) -> dict[ProposalConfig, Prepared]:
        """Proposals that follow the model."""
        built = self.proposals.items()
        return {config: each for config, each in built if isinstance(each, Prepared)}

    def prepare(self, scorer: Scorer, rng: Generator) -> None:
        """Bring proposals that follow the model up to date: before each pass."""
        for proposal in self.followers.values():
            proposal.prepare(scorer, rng)

    def maker(self, synthesis: Synthesis, like: Tensor) -> Maker:
        """Return the maker of a synthesis, built to fit rows like these."""
        if synthesis not in self._makers:
            maker = synthesis.build(like, self._rng)
            self._makers[synthesis] = maker
            parameters = list(maker.parameters())
            if parameters:
                adam = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
                self._optimizers[synthesis] = adam
        return self._makers[synthesis]

    @property
    def learns(self) -> bool:
        """Whether any synthesis has parameters."""
        return any(synthesis.gated for synthesis in self._syntheses)

    def build_makers(self, like: Tensor) -> None:
        """Build all makers, so that a checkpoint has somewhere to go."""
        for synthesis in self._syntheses:
            self.maker(synthesis, like)

    @property
    def makers(self) -> tuple[Maker, ...]:
        return tuple(self._makers.values())

    def zero_grad(self) -> None:
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)

    def update(self) -> None:
        """Let the makers learn from the gradients they have."""
        for optimizer in self._optimizers.values():
            optimizer.step()

    def parameters(self) -> State:
        """Return what makers have learned, by name; empty where none learns."""
        return {
            f"{synthesis.kind}.{_name(synthesis)}.{name}": tensor.detach()
            for synthesis, maker in self._makers.items()
            for name, tensor in maker.state_dict().items()
        }

    def load_parameters(self, learned: State) -> None:
        """Take back what `parameters` gave; makers must have been built."""
        for synthesis, maker in self._makers.items():
            start = f"{synthesis.kind}.{_name(synthesis)}."
            names = {name: f"{start}{name}" for name in maker.state_dict()}
            maker.load_state_dict({n: learned[full] for n, full in names.items()})

    def state(self) -> State:
        """Return all that lasts, for a checkpoint."""
        state: State = {}
        for config, proposal in self.followers.items():
            state |= _under(config, proposal.state())
        for synthesis, maker in self._makers.items():
            state |= _under(synthesis, dict(maker.state_dict()))
            if synthesis in self._optimizers:
                state |= _under(synthesis, optimizer_state(self._optimizers[synthesis]))
        return state

    def load(self, state: State) -> None:
        """Take back what is there for these parts; makers must have been built."""
        state = {name: each.to(self.observed.device) for name, each in state.items()}
        for config, proposal in self.followers.items():
            proposal.load(_mine(config, state))
        for synthesis, maker in self._makers.items():
            mine = _mine(synthesis, state)
            own = {n: t for n, t in mine.items() if not n.startswith("optimizer.")}
            if own:
                maker.load_state_dict(own)
            if synthesis in self._optimizers and mine:
                load_optimizer(self._optimizers[synthesis], mine)


def _name(config: Config) -> str:
    return sha256(config.model_dump_json().encode()).hexdigest()[:12]


def _under(config: Config, state: State) -> State:
    return {f"{_name(config)}.{name}": tensor for name, tensor in state.items()}


def _mine(config: Config, state: State) -> State:
    start = f"{_name(config)}."
    return {n.removeprefix(start): t for n, t in state.items() if n.startswith(start)}
