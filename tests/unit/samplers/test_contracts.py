"""Every sampler of the catalogue, and products nobody has named, keep the contract."""

import pytest

from autosample.core.plugins import kind_of
from autosample.losses import SampledSoftmax
from autosample.samplers import (
    AOBPR,
    CNS,
    DNSMN,
    PRESETS,
    SAMPLERS,
    SIR,
    SRNS,
    WARP,
    AdaSIR,
    CohortSampler,
    CustomSampler,
    DENSSampler,
    InBatchSampler,
    MixtureSampler,
    PageRankSampler,
    PopularitySampler,
    Sampler,
    ScheduleSampler,
    ScheduleStage,
    SoftmaxVSampler,
    UniformSampler,
)
from autosample.samplers.choices import (
    Bayesian,
    Growing,
    Hardest,
    Importance,
    Softmax,
    SoftmaxV,
    Top,
)
from autosample.samplers.proposals import (
    CohortProposal,
    InBatchProposal,
    MixedProposal,
    PopularityProposal,
    RankProposal,
    ResampledProposal,
    UniformProposal,
)
from autosample.samplers.synthesis import ANS, DENS, MixGCF
from autosample.testing.samplers import SamplerContract

SMALL: dict[type[Sampler], Sampler] = {
    UniformSampler: UniformSampler(negatives=3),
    PopularitySampler: PopularitySampler(alpha=0.5, negatives=2),
    InBatchSampler: InBatchSampler(negatives=7),
    DNSMN: DNSMN(pool=6, top=3, negatives=2),
    SoftmaxVSampler: SoftmaxVSampler(pool=5, whole=True),
    SIR: SIR(pool=7, negatives=3),
    SRNS: SRNS(memory=4, renewed=6, negatives=2),
    PageRankSampler: PageRankSampler(start=0.2, stop=1.0, negatives=2),
    MixtureSampler: MixtureSampler(
        samplers=(CNS(pool=5), DENSSampler(), MixtureSampler()), weights=(1, 2, 3)
    ),
    ScheduleSampler: ScheduleSampler(
        stages=(
            ScheduleStage(sampler=UniformSampler(), epochs=4),
            ScheduleStage(sampler=AdaSIR(draws=9, memory=5, negatives=2), epochs=4),
            ScheduleStage(sampler=WARP(pool=4)),
        )
    ),
}
"""Where the defaults would say little on a toy; others run as they are."""

NAMELESS: list[Sampler] = [
    UniformSampler(shared=True, negatives=9),
    AOBPR(scale=1.0, negatives=2),
    CohortSampler(cohorts=2, negatives=3),
    CustomSampler(proposal=PopularityProposal(), pool=5, choice=Hardest()),
    CustomSampler(proposal=InBatchProposal(), pool=9, choice=Top(top=5, keep=2)),
    CustomSampler(
        proposal=InBatchProposal(), pool=9, choice=Softmax(keep=2), synthesis=MixGCF()
    ),
    CustomSampler(
        proposal=UniformProposal(shared=True), pool=8, synthesis=DENS(), guard=0.2
    ),
    CustomSampler(
        proposal=MixedProposal(), pool=8, choice=SoftmaxV(keep=2), synthesis=ANS()
    ),
    CustomSampler(proposal=CohortProposal(), pool=6, choice=Importance(whole=True)),
    CustomSampler(proposal=RankProposal(), pool=6, choice=Bayesian(keep=2), guard=0.3),
    CustomSampler(
        proposal=ResampledProposal(
            source=PopularityProposal(alpha=-0.5), draws=8, memory=6
        ),
        pool=4,
        choice=Growing(course=8),
    ),
]


def suite(sampler: Sampler, **changes: object) -> type[SamplerContract]:
    return type(sampler.kind, (SamplerContract,), {"sampler": sampler, **changes})


for _config in SAMPLERS.all:
    _kind = kind_of(_config)
    _small = SMALL.get(_config, _config(kind=_kind))
    globals()[f"Test_{_kind}"] = suite(_small)
for _at, _sampler in enumerate(NAMELESS):
    globals()[f"TestNameless{_at}"] = suite(_sampler)


class TestInBatchWithItsLogQ(SamplerContract):
    sampler = InBatchSampler(negatives=6)
    loss = SampledSoftmax(log_q=True)


def test_presets_have_a_paper_and_say_when_they_help() -> None:
    for preset in PRESETS:
        assert preset.paper
        assert preset.helps.endswith((".", "cheap many."))
        assert preset.__doc__


@pytest.mark.parametrize("config", SAMPLERS.all, ids=kind_of)
def test_every_sampler_runs_the_contract(config: type[Sampler]) -> None:
    mine = globals()[f"Test_{kind_of(config)}"]
    assert issubclass(mine, SamplerContract)
    assert type(mine.sampler) is config
