"""A trial: one training as a function of its settings."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import torch
from pydantic import (
    AliasChoices,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)

from autosample.core.config import Config
from autosample.core.seeds import derive
from autosample.data.splits import Split
from autosample.losses import LossSpec
from autosample.models import Model, ModelSpec, build
from autosample.samplers import SamplerSpec
from autosample.training import Training
from autosample.training.relaxation import Relaxation
from autosample.training.settings import WeightLearning


class Start(StrEnum):
    """What a trial takes from the trial that it starts from."""

    PARAMETERS = "parameters"
    OPTIMIZER = "parameters and optimiser"
    EVERYTHING = "everything: it goes on"


SEED_BITS = 53
"""Bits of the seed of a training, which JSON's numbers hold exactly."""


class Share(Config):
    """A part of an average: a trial, and how much it counts."""

    trial: str
    """Digest of the trial."""
    weight: PositiveFloat
    """Its weight; those of all parts sum to 1."""


class Trial(Config):
    """All settings that a training depends on, beside the data.

    A trial with `merged` trains nothing: its parameters are the weighted mean of those
    of other trials, one for each of its candidates.
    """

    name: str
    """Name shown to people; not part of the digest."""
    model: ModelSpec
    loss: LossSpec
    # Left out of JSON where all have `loss`: older trials keep their digests.
    losses: tuple[LossSpec, ...] | None = Field(
        None, exclude_if=lambda losses: losses is None
    )
    """Loss of each candidate of a supernet, all for cosines or all for inner products;
    None: all have `loss`."""
    candidates: tuple[SamplerSpec, ...]
    """One sampler for an ordinary training, several for a supernet."""
    relaxation: Relaxation = Relaxation.LOSS
    mixture: WeightLearning | None = None
    """How the mixture weights of a supernet are learned; None: they stay equal."""
    training: Training
    metric: str
    stop_early: bool = True
    start: str | None = None
    """Digest of the trial that it starts from; None: fresh parameters."""
    start_with: Start = Start.PARAMETERS
    seconds: NonNegativeFloat | None = None
    """Seconds of training after which no epoch begins; None: no limit."""
    own_epochs: PositiveInt | None = Field(
        None, validation_alias=AliasChoices("own_epochs", "passes")
    )
    """Most epochs of its own, not counting those of the trial that it starts from;
    None: no limit but `training.epochs`."""
    with_validation: bool = Field(
        False, validation_alias=AliasChoices("with_validation", "whole")
    )
    """Whether to train on the validation pairs too; the last epoch is then the best."""
    # Left out of JSON where it is false: older trials keep their digests.
    with_test: bool = Field(False, exclude_if=lambda with_test: not with_test)
    """Whether to train on the test pairs too."""
    # Left out of JSON where they are not used: older trials keep their digests.
    begun: NonNegativeInt = Field(0, exclude_if=lambda begun: begun == 0)
    """Epochs behind the parameters that it starts from, where those count: schedules
    and curricula go on from there."""
    average_from: PositiveInt | None = Field(
        None, exclude_if=lambda average_from: average_from is None
    )
    """Epoch, counted as `begun` is, from which on the result is the mean of the
    parameters after each epoch; None: it is as `training.average` says."""
    merged: tuple[Share, ...] = Field((), exclude_if=lambda merged: not merged)
    """Trials whose parameters are averaged; empty: it trains."""

    @cached_property
    def digest(self) -> str:
        """Digest of all fields but the name; equal trials on equal data give equal
        results."""
        return sha256(self.model_dump_json(exclude={"name"}).encode()).hexdigest()[:32]

    @property
    def sources(self) -> tuple[str, ...]:
        """Digests of the trials whose results it needs."""
        start = () if self.start is None else (self.start,)
        return start + tuple(share.trial for share in self.merged)

    def training_split(self, split: Split) -> Split:
        """Return the split that this trial trains on: as it is, or with validation
        pairs, and perhaps test pairs, among the training pairs."""
        if not self.with_validation:
            return split
        refit = split.with_test if self.with_test else split.with_validation
        if self.model.reads_history:
            return refit
        # The order of a user's pairs means nothing to this model, but with the seed it
        # decides which pairs share a batch. Sorted by item, as the pairs of a refit
        # always were, a seed gives the bytes that it gave before.
        return replace(refit, train=refit.train.by_item)


def fresh_model(trial: Trial, split: Split) -> Model:
    """Build the trial's model with the initial parameters of its seed."""
    rng = torch.Generator().manual_seed(derive(trial.training.seed, "parameters"))
    return build(trial.model, split.train, rng)
