"""A trial: one training as a function of its settings."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

import torch
from pydantic import AliasChoices, Field, NonNegativeFloat, PositiveInt

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


class Trial(Config):
    """All settings that a training depends on, beside the data."""

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

    @cached_property
    def digest(self) -> str:
        """Digest of all fields but the name; equal trials on equal data give equal
        results."""
        return sha256(self.model_dump_json(exclude={"name"}).encode()).hexdigest()[:32]

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
