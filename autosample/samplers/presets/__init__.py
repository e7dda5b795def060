"""Samplers under their names in the literature.

Each is a combination of a proposal, a choice and perhaps a synthesis. Defaults are the
published ones, where there are any.
"""

from autosample.samplers.presets.made import ANSSampler, DENSSampler, MixGCFSampler
from autosample.samplers.presets.pooled import (
    AHNS,
    AMNS,
    BNS,
    CNS,
    DNS,
    DNSMN,
    PRIS,
    SIR,
    SRNS,
    WARP,
    ReverseCNS,
    SoftmaxSampler,
    SoftmaxVSampler,
)
from autosample.samplers.presets.proposed import (
    AOBPR,
    AdaSIR,
    CohortSampler,
    InBatchSampler,
    MixedSampler,
    PageRankSampler,
    PopularitySampler,
    UniformSampler,
)

PRESETS = (
    UniformSampler,
    PopularitySampler,
    InBatchSampler,
    MixedSampler,
    CohortSampler,
    PageRankSampler,
    AOBPR,
    AdaSIR,
    DNS,
    DNSMN,
    SoftmaxSampler,
    SoftmaxVSampler,
    SIR,
    PRIS,
    AHNS,
    CNS,
    ReverseCNS,
    BNS,
    WARP,
    SRNS,
    AMNS,
    MixGCFSampler,
    DENSSampler,
    ANSSampler,
)

__all__ = [
    "AHNS",
    "AMNS",
    "AOBPR",
    "BNS",
    "CNS",
    "DNS",
    "DNSMN",
    "PRESETS",
    "PRIS",
    "SIR",
    "SRNS",
    "WARP",
    "ANSSampler",
    "AdaSIR",
    "CohortSampler",
    "DENSSampler",
    "InBatchSampler",
    "MixGCFSampler",
    "MixedSampler",
    "PageRankSampler",
    "PopularitySampler",
    "ReverseCNS",
    "SoftmaxSampler",
    "SoftmaxVSampler",
    "UniformSampler",
]
