"""Samplers composed by the user: any parts, mixtures, and schedules over epochs."""

from __future__ import annotations

from itertools import accumulate
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    model_validator,
)

from autosample.core.bounds import DrawCount, EpochCount, Positive
from autosample.core.config import Config, parse_json
from autosample.core.plugins import Registry
from autosample.core.ranges import Between
from autosample.core.types import Moment
from autosample.samplers.base import Leaf, Parts, Preset, Sampler
from autosample.samplers.choices import ChoiceSpec, Hardest
from autosample.samplers.presets import PRESETS, UniformSampler
from autosample.samplers.presets.pooled import DNS, PoolRange
from autosample.samplers.proposals import ProposalSpec, UniformProposal
from autosample.samplers.synthesis import SynthesisSpec

MOST_LEAVES = 16
"""Most leaves of a composed sampler; each costs as much as a sampler of its own."""

SAMPLERS: Registry[Sampler] = Registry(
    "samplers",
    Sampler,  # type: ignore[type-abstract]
    lambda: (*PRESETS, CustomSampler, MixtureSampler, ScheduleSampler),
)

SamplerSpec = Annotated[Sampler, SAMPLERS]


class CustomSampler(Preset):
    """Any proposal, choice and synthesis, combined freely."""

    helps: ClassVar[str] = "Combinations that no other sampler offers."
    kind: Literal["custom"] = "custom"
    negatives: DrawCount = 1
    """Always 1; `choice.keep` sets the number of negatives for each pair."""
    proposal: ProposalSpec = UniformProposal()
    pool: DrawCount = Field(32, json_schema_extra=PoolRange)
    """Number of items proposed for each pair."""
    choice: ChoiceSpec = Hardest()
    synthesis: SynthesisSpec | None = None
    guard: float = Field(0.0, ge=0, lt=1, json_schema_extra=Between(0, 0.4))
    """Share of the pool, its highest-scored items, left out as likely false
    negatives."""

    @model_validator(mode="before")
    @classmethod
    def _has_one_count(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("negatives", 1) != 1:
            raise ValueError("write choice.keep instead of negatives")
        return data

    @property
    def parts(self) -> Parts:
        return Parts(self.proposal, self.pool, self.choice, self.synthesis, self.guard)


class Composed(Sampler):
    """A sampler made of other samplers."""

    @model_validator(mode="after")
    def _is_no_crowd(self) -> Self:
        leaves = len(self.all_parts)
        if leaves > MOST_LEAVES:
            raise ValueError(f"{self.kind} of {leaves} samplers; at most {MOST_LEAVES}")
        return self


class MixtureSampler(Composed):
    """Several samplers at once; the loss is the weighted sum of their losses."""

    helps: ClassVar[str] = (
        "Where a search finds two samplers that are better together than alone."
    )
    kind: Literal["mixture"] = "mixture"
    samplers: Annotated[tuple[SamplerSpec, ...], Field(min_length=2)] = (
        UniformSampler(),
        DNS(),
    )
    """The samplers that are mixed, at least two."""
    weights: tuple[Positive, ...] | None = None
    """One positive weight per sampler, in any unit; null for equal weights."""

    @model_validator(mode="after")
    def _has_a_weight_for_each(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.samplers):
            raise ValueError(
                f"{len(self.weights)} weights for {len(self.samplers)} samplers"
            )
        return self

    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        weights = self.weights or (1.0,) * len(self.samplers)
        return tuple(
            Leaf(weight / sum(weights) * leaf.share, leaf.parts)
            for weight, sampler in zip(weights, self.samplers, strict=True)
            for leaf in sampler.leaves(moment)
        )

    @property
    def all_parts(self) -> tuple[Parts, ...]:
        return tuple(parts for sampler in self.samplers for parts in sampler.all_parts)


class ScheduleStage(Config):
    """A sampler and the number of epochs that it is used for."""

    sampler: SamplerSpec = UniformSampler()
    """The sampler of this stage."""
    epochs: EpochCount = 10
    """Number of epochs of this stage; the last stage lasts until training ends."""


class ScheduleSampler(Composed):
    """Several samplers in turn, each for a number of epochs."""

    helps: ClassVar[str] = (
        "Where hard negatives help only after some epochs of uniform ones."
    )
    kind: Literal["schedule"] = "schedule"
    stages: Annotated[tuple[ScheduleStage, ...], Field(min_length=2)] = Field(
        default_factory=lambda: (ScheduleStage(), ScheduleStage(sampler=DNS()))
    )
    """The stages in order, at least two. A training planned for fewer epochs than all
    stages together goes through all of them in proportion."""

    def leaves(self, moment: Moment) -> tuple[Leaf, ...]:
        ends = list(accumulate(stage.epochs for stage in self.stages))
        at = moment.epoch * max(1.0, ends[-1] / moment.planned)
        current = next(
            (stage for stage, end in zip(self.stages, ends, strict=True) if at < end),
            self.stages[-1],
        )
        return current.sampler.leaves(moment)

    @property
    def all_parts(self) -> tuple[Parts, ...]:
        return tuple(
            parts for stage in self.stages for parts in stage.sampler.all_parts
        )


def parse_sampler(text: str) -> Sampler:
    """Return the sampler that JSON text describes, as `sampler.json` in a bundle does.

    Raises SpecError, in one line, where the text is not a valid sampler.
    """
    sampler: Sampler = parse_json(SamplerSpec, text, "sampler")
    return sampler
