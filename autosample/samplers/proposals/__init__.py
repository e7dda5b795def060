"""Proposals: the distributions that pools of items are drawn from.

To add one, write its file and name its configuration here.
"""

from typing import Annotated

from pydantic import Field

from autosample.samplers.proposals.base import Prepared, Proposal, ProposalConfig
from autosample.samplers.proposals.cohort import CohortProposal
from autosample.samplers.proposals.in_batch import InBatchProposal, MixedProposal
from autosample.samplers.proposals.pagerank import PageRankProposal
from autosample.samplers.proposals.per_sequence import PerSequenceProposal
from autosample.samplers.proposals.popularity import PopularityProposal
from autosample.samplers.proposals.rank import RankProposal
from autosample.samplers.proposals.resampled import ResampledProposal
from autosample.samplers.proposals.uniform import UniformProposal
from autosample.samplers.proposals.variance import VarianceProposal

ProposalSpec = Annotated[
    UniformProposal
    | PopularityProposal
    | InBatchProposal
    | MixedProposal
    | CohortProposal
    | PageRankProposal
    | RankProposal
    | ResampledProposal
    | VarianceProposal
    | PerSequenceProposal,
    Field(discriminator="kind"),
]

PROPOSALS: tuple[type[ProposalConfig], ...] = (
    UniformProposal,
    PopularityProposal,
    InBatchProposal,
    MixedProposal,
    CohortProposal,
    PageRankProposal,
    RankProposal,
    ResampledProposal,
    VarianceProposal,
    PerSequenceProposal,
)

__all__ = [
    "PROPOSALS",
    "CohortProposal",
    "InBatchProposal",
    "MixedProposal",
    "PageRankProposal",
    "PerSequenceProposal",
    "PopularityProposal",
    "Prepared",
    "Proposal",
    "ProposalConfig",
    "ProposalSpec",
    "RankProposal",
    "ResampledProposal",
    "UniformProposal",
    "VarianceProposal",
]
