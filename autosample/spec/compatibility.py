"""Which models, losses and samplers go together: each says what it needs and provides.

What a sampler's own parts need of one another is checked where they meet, in
`samplers.base.refusal`.
"""

from __future__ import annotations

from collections.abc import Iterator

from autosample.losses import Loss
from autosample.models import ModelConfig
from autosample.samplers import Sampler
from autosample.samplers.base import Parts
from autosample.training.relaxation import Relaxation


def model_refusal(model: ModelConfig, loss: Loss) -> str | None:
    """Return why this loss cannot train that model, with a way out; None: it can."""
    if loss.cosine and model.cosine is False:
        return (
            f"loss {loss.kind} is made for cosines, and model.cosine is false; leave it"
            " out, or take another loss"
        )
    if (loss.cosine or model.cosine) and not model.has_cosine:
        return (
            f"model {model.label} has parts of a score that no angle holds, and"
            f" {'loss ' + loss.kind if loss.cosine else 'model.cosine'} asks for"
            " cosines; take biases out, or another loss"
        )
    return None


def sampler_refusal(loss: Loss, sampler: Sampler) -> str | None:
    """Return why this loss cannot use that sampler, with a way out; None: it can."""
    return next(
        (said for parts in sampler.all_parts for said in _refusals(loss, parts)), None
    )


def history_refusal(model: ModelConfig, sampler: Sampler) -> str | None:
    """Return why that sampler cannot serve a model that reads histories, with a way
    out; None: it can."""
    for parts in sampler.all_parts:
        if model.reads_history and parts.proposal.remembers_users:
            return (
                f"model {model.label} reads a user's history up to the pair it is"
                f" trained on, and proposal {parts.proposal.kind} scores items by the"
                " whole history, later pairs included; take another proposal, such as"
                " uniform"
            )
    return None


def _refusals(loss: Loss, parts: Parts) -> Iterator[str]:
    if parts.negatives < loss.least_negatives:
        yield (
            f"loss {loss.kind} needs at least {loss.least_negatives} negatives of a"
            f" pair, not {parts.negatives}; raise its negatives, and its pool with them"
        )
    if parts.choice.rank_weight and not loss.separable:
        yield (
            f"choice {parts.choice.kind} weighs each negative by a rank, which loss"
            f" {loss.kind} cannot apply: it is no sum over negatives; take hinge or bpr"
        )
    if loss.needs_log_q and not parts.knows_log_q:
        yield (
            f"loss {loss.kind} corrects for how likely each negative was, which"
            f" {_unknown(parts)} does not tell; turn log_q off, or take a sampler whose"
            " proposal alone decides"
        )


def _unknown(parts: Parts) -> str:
    """Name the part that hides the law."""
    if parts.synthesis is not None:
        return f"synthesis {parts.synthesis.kind}"
    if not parts.choice.keeps_law:
        return f"choice {parts.choice.kind}"
    return "a guard" if parts.guard else f"proposal {parts.proposal.kind}"


def relaxation_refusal(
    relaxation: Relaxation, loss: Loss, samplers: tuple[Sampler, ...]
) -> str | None:
    """Return why candidates cannot be mixed that way, with a way out; None: they can.

    A mixed instance is one negative: of length less than one, and of no known law.
    """
    if relaxation is not Relaxation.INSTANCE:
        return None
    if loss.cosine or loss.least_negatives > 1 or loss.needs_log_q:
        return (
            f"relaxation instance gives one mixed negative, which loss {loss.kind}"
            " cannot use; take relaxation loss"
        )
    ranked = [
        sampler.label
        for sampler in samplers
        if any(parts.choice.rank_weight for parts in sampler.all_parts)
    ]
    if ranked:
        return (
            f"relaxation instance cannot mix {ranked[0]}, whose weight is a rank's, not"
            " a share; take relaxation loss"
        )
    return None
