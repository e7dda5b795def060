"""Every preset, and a few products nobody has named, keep the contract."""

from autosample.samplers import (
    DNS,
    DNSMN,
    SAMPLERS,
    CustomSampler,
    InBatchSampler,
    MixGCFSampler,
    PopularitySampler,
    SoftmaxSampler,
    UniformSampler,
)
from autosample.samplers.choices import Hardest, Softmax, Top
from autosample.samplers.proposals import InBatchProposal, PopularityProposal
from autosample.samplers.synthesis import MixGCF
from autosample.testing.samplers import SamplerContract


class TestUniform(SamplerContract):
    sampler = UniformSampler(negatives=3)


class TestPopularity(SamplerContract):
    sampler = PopularitySampler(alpha=0.5, negatives=2)


class TestInBatch(SamplerContract):
    sampler = InBatchSampler(negatives=7)


class TestDNS(SamplerContract):
    sampler = DNS(pool=4)


class TestDNSMN(SamplerContract):
    sampler = DNSMN(pool=6, top=3, negatives=2)


class TestSoftmax(SamplerContract):
    sampler = SoftmaxSampler(pool=5, tau=0.3, negatives=2)


class TestMixGCF(SamplerContract):
    sampler = MixGCFSampler(pool=4)


class TestHardestOfPopular(SamplerContract):
    sampler = CustomSampler(proposal=PopularityProposal(), pool=5, choice=Hardest())


class TestTopOfBatch(SamplerContract):
    sampler = CustomSampler(
        proposal=InBatchProposal(), pool=9, choice=Top(top=5, keep=2)
    )


class TestMixedSoftmaxOfBatch(SamplerContract):
    sampler = CustomSampler(
        proposal=InBatchProposal(), pool=9, choice=Softmax(keep=2), synthesis=MixGCF()
    )


def test_every_registered_sampler_runs_the_contract() -> None:
    tested = {
        type(suite.sampler)
        for suite in SamplerContract.__subclasses__()
        if suite.__module__ == __name__
    }
    assert tested == set(SAMPLERS)
