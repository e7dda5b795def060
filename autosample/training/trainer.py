"""The training loop of search, retraining and verification."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import nan
from typing import Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from autosample.core.seeds import (
    derive,
    seeded,
)
from autosample.core.tensors import (
    State,
    load_optimizer,
    optimizer_state,
)
from autosample.core.types import Moment, Pairs
from autosample.data.order import Batch
from autosample.data.splits import Split
from autosample.errors import TrainingDiverged
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric, Values
from autosample.evaluation.ranking import Ranking
from autosample.kernels.jit import compiles
from autosample.models.base import Model
from autosample.training.average import Average
from autosample.training.settings import Training
from autosample.training.steps import Setup, steps_for
from autosample.training.steps.tables import tables_in_training
from autosample.training.supernet import Supernet


@dataclass(frozen=True)
class Epoch:
    """Record of one epoch."""

    number: int
    """Number of the epoch, from 1."""
    loss: float
    """Mean loss per pair, without the l2 penalty."""
    metric: float
    """Mean validation metric per user, after the epoch."""
    best: float
    """Best validation metric of all epochs so far."""
    seconds: float
    """Duration of the epoch and its validation."""
    pair_updates: int
    """Number of pairs that were trained on."""
    weights: tuple[float, ...]
    """Mixture weights at the end of the epoch, one per candidate."""


class MixtureWeights(Protocol):
    """Source of the mixture weights of each step."""

    fixed: bool
    """Whether the weights never change, so that `observe` need not be called."""

    def current(self) -> Tensor:
        """Return the weights, which are not negative and sum to 1: (K,)."""
        ...

    def observe(self, trainer: Trainer, pairs: Pairs, rng: Generator) -> None:
        """Learn from a batch, before the model's step on it."""
        ...

    def state(self) -> State:
        """Return everything that a checkpoint must hold, by name."""
        ...

    def load(self, state: State) -> None:
        """Load what `state` returned."""
        ...


class FixedWeights:
    """Mixture weights that never change."""

    fixed = True

    def __init__(self, weights_K: Tensor) -> None:
        self._weights_K = weights_K

    def current(self) -> Tensor:
        return self._weights_K

    def observe(self, trainer: Trainer, pairs: Pairs, rng: Generator) -> None:
        """Do nothing."""

    def state(self) -> State:
        return {}

    def load(self, state: State) -> None:
        """Do nothing."""


class Trainer:
    """A model in training: everything that changes from step to step."""

    def __init__(
        self,
        model: Model,
        supernet: Supernet,
        split: Split,
        settings: Training,
        metric: Metric,
        average: Average | None = None,
    ) -> None:
        """`average` is what is ranked and kept in place of the latest parameters."""
        assert settings.learning_rate is not None
        assert settings.l2 is not None
        self.model, self.supernet, self.settings = model, supernet, settings
        self.split, self.metric, self.average = split, metric, average
        self.device = torch.device(settings.device)
        model.to(self.device)
        self.optimizer = optimizer_of(model, settings)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.rng = seeded(derive(settings.seed, "negatives"), self.device)
        self.order_rng = seeded(derive(settings.seed, "order"))
        train = split.train
        self.order = model.order(train, settings.batch_size)
        owners_E = np.repeat(
            np.arange(train.num_users, dtype=np.int32), train.degrees_U
        )
        self.users_E = torch.from_numpy(owners_E).to(self.device)
        self.items_E = torch.from_numpy(train.items_E.copy()).to(self.device)
        cases = cases_of(split, "valid", most_users=settings.valid_users)
        self.ranking = Ranking(cases, k=metric.k)
        if supernet.kept.learns:
            with torch.no_grad():
                supernet.kept.build_makers(model().all_items()[:1])
        self.steps = steps_for(
            Setup(
                model,
                supernet,
                self.optimizer,
                self.users_E,
                self.items_E,
                self.order,
                settings.batch_size,
                settings.l2,
                self.rng,
                settings.clip,
            )
        )
        self._begin_records()

    def _begin_records(self) -> None:
        """Set up what is recorded of the epochs."""
        self.epoch, self.stale = 0, 0
        self.keeps_last = self.average is not None and self.average.since is not None
        self.best = -1.0
        self.best_model: State = {}
        self.best_sampler: State = {}
        self.values_U: Values = np.zeros(0)
        self.best_values_U: Values = np.zeros(0)
        self.plain_U: Values = np.zeros(0)
        """Values of the best epoch of the parameters before they are averaged."""
        self.plain_epoch = -self.settings.patience
        self.owners_Q = self.ranking.cases.clusters_Q

    def epochs(
        self, weights: MixtureWeights, *, stop_early: bool = True
    ) -> Iterator[Epoch]:
        """Train, and yield the record of each epoch; stop iterating to stop training.

        The parameters with the best validation metric are in `best_model`. Raises
        TrainingDiverged if the loss of an epoch is not a finite number.
        """
        while self.epoch < self.settings.epochs:
            since = min(self.stale, self.epoch - self.plain_epoch)
            if stop_early and since >= self.settings.patience:
                return
            began = time.perf_counter()
            loss = self._train_once(weights)
            self.epoch += 1
            self.evaluate()
            yield Epoch(
                number=self.epoch,
                loss=loss,
                metric=float(self.values_U.mean()) if len(self.values_U) else nan,
                best=self.best,
                seconds=time.perf_counter() - began,
                pair_updates=self.order.num_rows,
                weights=tuple(weights.current().tolist()),
            )

    def _train_once(self, weights: MixtureWeights) -> float:
        self.begin()
        loss = float(self.train_on(self.batches(), weights)) / self.order.num_rows
        if not np.isfinite(loss):
            raise TrainingDiverged(
                f"the loss became {loss} in epoch {self.epoch + 1} at learning rate"
                f" {self.settings.learning_rate:g}; lower it, or raise l2"
            )
        return loss

    def begin(self) -> None:
        """Prepare the samplers for the next epoch."""
        moment = Moment(self.epoch, self.settings.epochs)
        self._set_rates(moment)
        with torch.no_grad():
            self.supernet.begin(moment, self.model, self.rng)

    def _set_rates(self, moment: Moment) -> None:
        """Set the learning rate of the epoch that begins."""
        schedule = self.settings.schedule
        factor = 1.0 if schedule is None else schedule.factor(moment)
        for rate, group in zip(self._rates, self.optimizer.param_groups, strict=True):
            group["lr"] = rate * factor

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of an epoch, in a new order each time."""
        return self.order.batches(self.order_rng, self.device)

    def train_on(self, batches: Iterable[Batch], weights: MixtureWeights) -> Tensor:
        """Train on batches in order; returns the weighted sum of their losses."""
        sums: list[Tensor] = []
        weights_K = self._current(weights)
        size = self.steps.batches if weights.fixed else 1
        remaining = iter(batches)
        while group := list(islice(remaining, size)):
            if not weights.fixed:
                self.steps.finish()  # it reads any row
                weights.observe(self, self.pairs(group[0]), self.rng)
                weights_K = self._current(weights)
            sums.append(self.steps.train(group, weights_K))
        self.steps.finish()
        return torch.stack(sums).sum()

    def _current(self, weights: MixtureWeights) -> Tensor:
        return weights.current().to(self.device)

    def step(self, pairs: Pairs, weights_K: Tensor) -> Tensor:
        """Train on some pairs; returns the weighted sum of their losses."""
        loss = self.steps.step(pairs, weights_K)
        self.steps.finish()
        return loss

    def pairs(self, batch: Batch) -> Pairs:
        """Return the training pairs of a batch of rows."""
        return self.steps.setup.pairs(batch)

    def evaluate(self) -> None:
        """Rank the validation users, and copy the parameters if they are the best.

        Without validation users the latest parameters count as the best.
        """
        if self.average is None:
            self._evaluate()
            return
        if not self.keeps_last:
            self._rank_latest()
        self.average.add(self.model, self.epoch)
        with self.average.within(self.model):
            self._evaluate()

    def _rank_latest(self) -> None:
        """Rank by the latest parameters too, so that a training that is averaged can be
        compared with one that is not."""
        if len(self.ranking.cases) == 0:
            return
        with torch.no_grad():
            values_U = self.ranking.hits(self.model()).values(self.metric)
        if not len(self.plain_U) or values_U.mean() > self.plain_U.mean():
            self.plain_U = values_U
            self.plain_epoch = self.epoch

    def _evaluate(self) -> None:
        if len(self.ranking.cases) == 0:
            self._keep()
            return
        with torch.no_grad():
            hits = self.ranking.hits(self.model())
        self.values_U = hits.values(self.metric)
        metric = float(self.values_U.mean())
        if metric > self.best or self.keeps_last:
            self.best, self.best_values_U = metric, self.values_U
            self._keep()
        else:
            self.stale += 1

    def _keep(self) -> None:
        self.stale = 0
        self.best_model = _copy(self.model.state_dict())
        self.best_sampler = _copy(self.supernet.kept.parameters())

    def state(self, weights: MixtureWeights) -> State:
        """Return a checkpoint, from which training continues to the same bytes.

        Its tensors are not copies: store them before the next step changes them.
        """
        state = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        state |= {f"best.{name}": tensor for name, tensor in self.best_model.items()}
        state |= {f"best_sampler.{n}": t for n, t in self.best_sampler.items()}
        if self.average is not None:
            average = self.average.state()
            state |= {f"average.{name}": tensor for name, tensor in average.items()}
            if len(self.plain_U):
                state["plain_values"] = torch.from_numpy(self.plain_U.copy())
                state["plain_epoch"] = torch.tensor([self.plain_epoch])
        state |= {f"sampler.{n}": t for n, t in self.supernet.kept.state().items()}
        state |= optimizer_state(self.optimizer)
        state |= {f"weights.{name}": t for name, t in weights.state().items()}
        state["rng.negatives"] = self.rng.get_state()
        state["rng.order"] = self.order_rng.get_state()
        state["counts"] = torch.tensor([self.epoch, self.stale])
        state["values"] = torch.from_numpy(self.values_U)
        state["best_values"] = torch.from_numpy(self.best_values_U.copy())
        if self.owners_Q is not None:
            state["owners"] = torch.from_numpy(self.owners_Q)
        state["best"] = torch.tensor([self.best], dtype=torch.float64)
        return state

    def start_from(self, state: State, *, with_optimizer: bool, begun: int = 0) -> None:
        """Load another training's parameters and samplers, and its optimiser's state if
        asked to; `begun` is the number of epochs that count as done."""
        self.epoch = begun
        self.model.load_state_dict(under(state, "model."))
        self.supernet.kept.load(under(state, "sampler."))
        if with_optimizer:
            load_optimizer(self.optimizer, state)
        if len(self.ranking.cases) == 0:
            self._load_values(state)

    def load(self, state: State, weights: MixtureWeights) -> None:
        """Load a checkpoint."""
        self.model.load_state_dict(under(state, "model."))
        self.best_model = under(state, "best.")
        self.best_sampler = under(state, "best_sampler.")
        if self.average is not None:
            self.average.load(under(state, "average."))
            if "plain_values" in state:
                self.plain_U = state["plain_values"].numpy().copy()
                self.plain_epoch = int(state["plain_epoch"])
        self.supernet.kept.load(under(state, "sampler."))
        load_optimizer(self.optimizer, state)
        weights.load(under(state, "weights."))
        self.rng.set_state(state["rng.negatives"])
        self.order_rng.set_state(state["rng.order"])
        self.epoch, self.stale = state["counts"].tolist()
        self._load_values(state)

    def _load_values(self, state: State) -> None:
        """Load what was ranked last. A refit ranks nothing, and keeps it."""
        self.values_U = state["values"].numpy().copy()
        self.best_values_U = state["best_values"].numpy().copy()
        if "owners" in state:
            self.owners_Q = state["owners"].numpy().copy()
        self.best = float(state["best"])


def optimizer_of(model: Model, settings: Training) -> torch.optim.Optimizer:
    """Return the optimiser that the settings name, or else the model's own."""
    assert settings.learning_rate is not None
    if settings.optimizer is None:
        return model.optimizer(settings.learning_rate)
    compiled = all(compiles(parameter) for parameter in model.parameters())
    by_row = bool(model.lagging) or tables_in_training(model) is not None
    return settings.optimizer.build(
        model.parameters(), settings.learning_rate, tables=compiled and by_row
    )


def _copy(state: Mapping[str, Tensor]) -> State:
    return {name: tensor.clone() for name, tensor in state.items()}


def under(state: State, prefix: str) -> State:
    """Return the tensors whose names begin with a prefix, named without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}
