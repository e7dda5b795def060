"""Negative samplers. To add one: write its preset or parts, then name it here."""

from typing import Annotated

from pydantic import Field

from autosample.samplers.base import Parts, Sampler
from autosample.samplers.observed import Observed
from autosample.samplers.presets import (
    DNS,
    DNSMN,
    CustomSampler,
    InBatchSampler,
    MixGCFSampler,
    PopularitySampler,
    SoftmaxSampler,
    UniformSampler,
)

SamplerSpec = Annotated[
    UniformSampler
    | PopularitySampler
    | InBatchSampler
    | DNS
    | DNSMN
    | SoftmaxSampler
    | MixGCFSampler
    | CustomSampler,
    Field(discriminator="kind"),
]

SAMPLERS: tuple[type[Sampler], ...] = (
    UniformSampler,
    PopularitySampler,
    InBatchSampler,
    DNS,
    DNSMN,
    SoftmaxSampler,
    MixGCFSampler,
    CustomSampler,
)

__all__ = [
    "DNS",
    "DNSMN",
    "SAMPLERS",
    "CustomSampler",
    "InBatchSampler",
    "MixGCFSampler",
    "Observed",
    "Parts",
    "PopularitySampler",
    "Sampler",
    "SamplerSpec",
    "SoftmaxSampler",
    "UniformSampler",
]
