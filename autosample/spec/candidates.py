"""The samplers a search compares where the spec leaves them open."""

from __future__ import annotations

from autosample.losses import Loss
from autosample.samplers import (
    AHNS,
    AMNS,
    AOBPR,
    DNS,
    DNSMN,
    WARP,
    CustomSampler,
    InBatchSampler,
    MixedSampler,
    MixGCFSampler,
    PopularitySampler,
    ReverseCNS,
    Sampler,
    SoftmaxSampler,
    UniformSampler,
)
from autosample.samplers.choices import (
    AdaptiveHardness,
    Choice,
    Growing,
    Hardest,
    Softmax,
    SoftmaxV,
    Top,
)
from autosample.samplers.proposals import UniformProposal
from autosample.samplers.synthesis import MixGCF
from autosample.spec.compatibility import relaxation_refusal, sampler_refusal
from autosample.training.relaxation import Relaxation

MANY = 16
"""Negatives of a pair from which pools are shared by the batch."""
POOL = 32
"""Of all that choose from a uniform pool: one draw and one scoring serve them."""


def default_candidates(
    loss: Loss, relaxation: Relaxation = Relaxation.LOSS
) -> tuple[Sampler, ...]:
    """Return a dozen samplers that differ in kind, as far as the loss can use them.

    - uniform: what all others must beat
    - popularity, in_batch: the two directions of popularity bias a proposal can take
    - dns at two pools, dns_mn, softmax: hardness in four degrees, from the hardest of
      32 to a soft draw; which one wins is the question most searches come down to
    - aobpr: hard without scoring, so cheap on a large catalogue
    - ahns: hardness that follows each positive
    - reverse_cns: hardness that follows the epochs
    - warp: the rank as a weight, where the loss is a sum over negatives
    - mixgcf: made, not found

    For losses of dozens of negatives the same kinds, from pools that a batch shares.

    Left out: those that cost much more than a step of dns (ans, whole-pool weights),
    that need minutes to prepare (pagerank), or that only show after dozens of epochs
    (srns, dens), and near-twins of one of the above (sir, softmax_v, pris, adasir, bns,
    cns, mixed, amns, cohort).
    """
    few = loss.default_negatives
    found = _many(few) if few >= MANY else _few(few)
    return tuple(
        each
        for each in dict.fromkeys(found)
        if sampler_refusal(loss, each) is None
        and relaxation_refusal(relaxation, loss, (each,)) is None
    )


def _few(count: int) -> list[Sampler]:
    """Return candidates whose pools are drawn for each pair."""
    pool = max(POOL, 2 * count)
    few = {"negatives": count}
    return [
        UniformSampler(**few),
        PopularitySampler(**few),
        InBatchSampler(),
        DNS(pool=max(pool // 4, 2 * count), **few),
        DNS(pool=pool, **few),
        DNSMN(pool=pool, top=max(4, 2 * count), **few),
        SoftmaxSampler(pool=pool, **few),
        AOBPR(**few),
        AHNS(pool=pool, **few),
        ReverseCNS(pool=pool, **few),
        WARP(pool=pool),
        MixGCFSampler(pool=pool, **few),
    ]


def _many(count: int) -> list[Sampler]:
    """Return candidates for losses that take dozens: pools are shared by the batch, so
    that scores are a matrix product. Hardness is how much of a pool is left out."""
    choices: list[Choice] = [
        Hardest(keep=count),
        Top(top=2 * count, keep=count),
        Softmax(keep=count, tau=0.2),
        SoftmaxV(whole=True),
        AdaptiveHardness(keep=count),
        Growing(keep=count),
    ]
    shared = UniformProposal(shared=True)
    return [
        UniformSampler(negatives=count, shared=True),
        InBatchSampler(negatives=count),
        MixedSampler(negatives=count),
        AMNS(pool=4 * count, negatives=count),
        CustomSampler(proposal=shared, pool=2 * count, choice=Hardest(keep=count)),
        *(
            CustomSampler(proposal=shared, pool=4 * count, choice=choice)
            for choice in choices
        ),
        CustomSampler(
            proposal=shared,
            pool=2 * count,
            choice=Hardest(keep=count),
            synthesis=MixGCF(),
        ),
    ]


def uniform_like(sampler: Sampler) -> UniformSampler:
    """Return plain uniform sampling of as many negatives as a sampler draws."""
    count = sampler.most_negatives
    return UniformSampler(negatives=count, shared=count >= MANY)
