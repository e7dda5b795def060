"""The samplers a search compares where the spec leaves them open."""

from __future__ import annotations

from autosample.compatibility import relaxation_refusal, sampler_refusal
from autosample.losses import Loss
from autosample.relaxation import Relaxation
from autosample.samplers import (
    AHNS,
    AOBPR,
    DNS,
    DNSMN,
    WARP,
    InBatchSampler,
    MixGCFSampler,
    PopularitySampler,
    ReverseCNS,
    Sampler,
    SoftmaxSampler,
    UniformSampler,
)

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
    - reverse_cns: hardness that follows the passes
    - warp: the rank as a weight, where the loss is a sum over negatives
    - mixgcf: made, not found

    Left out: those that cost much more than a step of dns (ans, whole-pool weights),
    that need minutes to prepare (pagerank), or that only show after dozens of passes
    (srns, dens), and near-twins of one of the above (sir, softmax_v, pris, adasir, bns,
    cns, mixed, amns, cohort).
    """
    count = loss.default_negatives
    pool = max(POOL, 2 * count)
    few = {"negatives": count}
    found: list[Sampler] = [
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
    return tuple(
        each
        for each in dict.fromkeys(found)
        if sampler_refusal(loss, each) is None
        and relaxation_refusal(relaxation, loss, (each,)) is None
    )
