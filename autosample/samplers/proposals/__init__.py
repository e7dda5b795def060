"""Proposals. To add one: write its file, then name its config here."""

from typing import Annotated

from pydantic import Field

from autosample.samplers.proposals.base import Proposal, ProposalConfig
from autosample.samplers.proposals.in_batch import InBatchProposal
from autosample.samplers.proposals.popularity import PopularityProposal
from autosample.samplers.proposals.uniform import UniformProposal

ProposalSpec = Annotated[
    UniformProposal | PopularityProposal | InBatchProposal, Field(discriminator="kind")
]

__all__ = [
    "InBatchProposal",
    "PopularityProposal",
    "Proposal",
    "ProposalConfig",
    "ProposalSpec",
    "UniformProposal",
]
