"""The candidates that a search compares where its spec names none."""

from __future__ import annotations

from collections.abc import Sequence

from autosample.losses import (
    BPR,
    PSL,
    SL,
    BPRMax,
    InfoNCE,
    Loss,
    SampledSoftmax,
)
from autosample.models import ModelConfig
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
from autosample.spec.compatibility import (
    model_refusal,
    relaxation_refusal,
    sampler_refusal,
)
from autosample.training.relaxation import Relaxation
from autosample.trials.recipe import Candidate, Recipe, loss_of, sampler_of

MANY = 16
"""Negatives per pair from which on the pairs of a batch share their pools."""
SOFT = 1000
"""Negatives of recipes with a softmax loss, as in the papers on them."""
POOL = 32
"""Size of every uniform pool, so that one draw and one scoring serve all of them."""


def default_samplers(
    loss: Loss, relaxation: Relaxation = Relaxation.LOSS
) -> tuple[Sampler, ...]:
    """Return a dozen samplers that differ in kind, without those the loss cannot use.

    - uniform: the baseline
    - popularity, in_batch: two proposals that are biased towards popular items
    - dns with two pools, dns_mn, softmax: four degrees of hardness, from the hardest of
      32 to a soft draw; most searches decide between these
    - aobpr: hard negatives without scoring, so cheap on a large catalogue
    - ahns: hardness that depends on the positive
    - reverse_cns: hardness that changes over the epochs
    - warp: weights by rank, where the loss is a sum over negatives
    - mixgcf: negatives that are synthesised

    Losses of dozens of negatives get the same kinds, with pools that a batch shares; a
    loss of the whole catalogue, which uses none, gets uniform alone.

    Left out are samplers whose step costs much more than one of dns (ans, weights over
    a whole pool), that need minutes to prepare (pagerank), that differ from others only
    after dozens of epochs (srns, dens), or that are close to one of the above (sir,
    softmax_v, pris, adasir, bns, cns, mixed, amns, cohort).
    """
    if loss.of_catalogue:
        return (UniformSampler(),)
    count = loss.default_negatives
    samplers = _with_shared_pools(count) if count >= MANY else _with_own_pools(count)
    return tuple(
        sampler
        for sampler in dict.fromkeys(samplers)
        if sampler_refusal(loss, sampler) is None
        and relaxation_refusal(relaxation, loss, (sampler,)) is None
    )


def default_recipes(loss: Loss, model: ModelConfig) -> tuple[Candidate, ...]:
    """Return a dozen recipes that differ in kind, without those the model cannot use.

    - uniform under the spec's loss: the baseline
    - dns with two pools, dns_mn, softmax, aobpr under BPR: hard negatives, few of them
    - SL at three temperatures, with a thousand uniform negatives that a batch shares:
      so many make hard ones likely, and the temperature says how much these count
    - SL with half of the negatives from the batch, which are popular ones
    - InfoNCE with popular negatives from the batch alone, and a logistic correction
    - PSL, which forgives outliers among negatives

    They were chosen on design sources alone, see `benchmarks/recipes.py`. A model that
    reads histories has recipes of its own.
    """
    hard: list[Sampler] = [
        DNS(pool=8),
        DNS(pool=POOL),
        DNSMN(pool=POOL, top=4),
        SoftmaxSampler(pool=POOL),
        AOBPR(),
    ]
    if model.reads_history:
        return _that_suit(model, loss, _sequence_recipes(loss))
    own = None if isinstance(loss, BPR) else BPR()
    under_bpr: list[Candidate] = [
        sampler if own is None else Recipe(sampler=sampler, loss=own)
        for sampler in hard
    ]
    count = loss.default_negatives
    uniform = UniformSampler(negatives=count, shared=count >= MANY)
    listed: list[Candidate] = [uniform, *under_bpr, *_soft_recipes()]
    return _that_suit(model, loss, listed)


def _that_suit(
    model: ModelConfig, loss: Loss, listed: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """Return the candidates whose losses can train a model."""
    return tuple(
        each for each in listed if model_refusal(model, loss_of(each, loss)) is None
    )


def _sequence_recipes(loss: Loss) -> tuple[Candidate, ...]:
    """Return recipes for models that read histories.

    - uniform under the spec's loss: the baseline
    - dns and softmax of a pool under BPR: hard negatives, few of them
    - softmax of inner products with 256 and 1,000 uniform negatives that a batch shares
    - softmax with 256 and 1,000 negatives, half from the batch, corrected for their
      popularity: without the correction in-batch negatives fail on sequences
    - BPR-max with 256 negatives
    - InfoNCE of cosines at two temperatures, with 1,000 negatives

    Left out are losses of single items, such as gBCE, with negatives that a batch
    shares: on Amazon Beauty they learned nothing in 90 epochs, and drawn for each pair
    256 negatives cost fifteen times the softmax.
    """
    few, many = (UniformSampler(negatives=n, shared=True) for n in (256, SOFT))
    plain, own = UniformSampler(negatives=loss.default_negatives), BPR()
    hard: list[Sampler] = [DNS(pool=POOL), SoftmaxSampler(pool=POOL)]
    under_bpr: list[Candidate] = [
        each if loss == own else Recipe(sampler=each, loss=own) for each in hard
    ]
    mixed = [MixedSampler(negatives=n) for n in (256, SOFT)]
    return (
        plain.model_copy(update={"shared": loss.default_negatives >= MANY}),
        *under_bpr,
        *(Recipe(sampler=each, loss=SampledSoftmax()) for each in (few, many)),
        *(Recipe(sampler=each, loss=SampledSoftmax(log_q=True)) for each in mixed),
        Recipe(sampler=few, loss=BPRMax()),
        *(Recipe(sampler=many, loss=InfoNCE(temperature=t)) for t in (0.1, 0.05)),
    )


def _soft_recipes() -> list[Recipe]:
    """Return recipes of the softmax family, with many negatives that a batch shares."""
    shared = UniformSampler(negatives=SOFT, shared=True)
    return [
        *(Recipe(sampler=shared, loss=SL(temperature=t)) for t in (0.2, 0.15, 0.1)),
        Recipe(sampler=MixedSampler(negatives=SOFT // 2), loss=SL(temperature=0.2)),
        Recipe(
            sampler=InBatchSampler(negatives=SOFT // 2),
            loss=InfoNCE(temperature=0.2),
        ),
        Recipe(sampler=shared, loss=PSL(temperature=0.1)),
    ]


def _with_own_pools(count: int) -> list[Sampler]:
    """Return candidates that draw a pool per pair."""
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


def _with_shared_pools(count: int) -> list[Sampler]:
    """Return candidates for losses of dozens of negatives. A batch shares its pools, so
    that scores are a matrix product; the more of a pool is left out, the harder."""
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


def baseline_of(loss: Loss, candidate: Candidate) -> UniformSampler:
    """Return plain uniform sampling, which a candidate is compared with.

    It is trained under the spec's loss. A bare sampler meets as many negatives as it
    draws itself; a recipe with a loss of its own meets as many as the spec's loss
    usually has.
    """
    if loss_of(candidate, loss) == loss:
        return uniform_like(sampler_of(candidate))
    count = loss.default_negatives
    return UniformSampler(negatives=count, shared=count >= MANY)


def uniform_like(sampler: Sampler) -> UniformSampler:
    """Return plain uniform sampling with as many negatives as a sampler draws."""
    count = sampler.most_negatives
    return UniformSampler(negatives=count, shared=count >= MANY)
