"""Schedules of the learning rate, which is the same within an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import cos, pi
from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import EpochCount
from autosample.core.config import Config
from autosample.core.types import Moment


class Schedule(Config, ABC):
    """A factor of the learning rate for each epoch."""

    paper: ClassVar[str] = ""
    """Source of the schedule, for the catalogue."""
    kind: str

    warmup: int = Field(0, ge=0, le=10_000)
    """Epochs in which the rate rises linearly from its first part to the whole."""

    def factor(self, moment: Moment) -> float:
        """Return the factor of the learning rate in the epoch that begins: 0 to 1."""
        if moment.epoch < self.warmup:
            return (moment.epoch + 1) / (self.warmup + 1)
        rest = Moment(moment.epoch - self.warmup, max(moment.planned - self.warmup, 1))
        return self.after_warmup(rest)

    @abstractmethod
    def after_warmup(self, moment: Moment) -> float:
        """Return the factor, with epochs counted from the end of the warm-up."""


class Constant(Schedule):
    """The same learning rate in every epoch, after the warm-up if there is one."""

    kind: Literal["constant"] = "constant"

    def after_warmup(self, moment: Moment) -> float:
        return 1.0


class Cosine(Schedule):
    """Falls along half a cosine, from the whole rate to `final` of it."""

    paper: ClassVar[str] = "Loshchilov and Hutter, ICLR 2017, arXiv:1608.03983"
    kind: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, lt=1)
    """Part of the learning rate that would be reached after the last epoch."""

    def after_warmup(self, moment: Moment) -> float:
        share = moment.share(moment.planned)
        return self.final + (1 - self.final) * (1 + cos(pi * share)) / 2


class Step(Schedule):
    """Is multiplied by `gamma` after every `every` epochs."""

    kind: Literal["step"] = "step"
    every: EpochCount = 20
    """Epochs between two falls."""
    gamma: float = Field(0.5, gt=0, lt=1)
    """What the rate is multiplied by."""

    def after_warmup(self, moment: Moment) -> float:
        return float(self.gamma ** (moment.epoch // self.every))
