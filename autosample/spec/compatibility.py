"""Which models, losses and samplers can be combined.

Each says what it needs and provides. Whether the parts of a sampler can be combined is
checked in `samplers.base.refusal`.
"""

from __future__ import annotations

from collections.abc import Iterator

from autosample.losses import Loss
from autosample.models import ModelConfig
from autosample.samplers import Sampler
from autosample.samplers.base import Parts
from autosample.training.relaxation import Relaxation


def model_refusal(model: ModelConfig, loss: Loss) -> str | None:
    """Return why a loss cannot train a model, with a way out; None: it can."""
    if loss.cosine and model.cosine is False:
        return (
            f"loss {loss.kind} is made for cosines, and model.cosine is false; leave"
            " model.cosine out, or take another loss"
        )
    if (loss.cosine or model.cosine) and not model.has_cosine:
        return (
            f"scores of model {model.label} cannot be cosines, which"
            f" {'loss ' + loss.kind if loss.cosine else 'model.cosine'} asks for; leave"
            " biases out, or take another loss"
        )
    return None


def sampler_refusal(loss: Loss, sampler: Sampler) -> str | None:
    """Return why a loss cannot use a sampler, with a way out; None: it can, or uses
    none."""
    if loss.of_catalogue:
        return None
    for parts in sampler.all_parts:
        for refusal in _refusals(loss, parts):
            return refusal
    return None


def history_refusal(model: ModelConfig, sampler: Sampler) -> str | None:
    """Return why a sampler cannot serve a model that reads histories, with a way out;
    None: it can."""
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
            f"loss {loss.kind} needs at least {loss.least_negatives} negatives per"
            f" pair, not {parts.negatives}; raise negatives, and the pool with them"
        )
    if parts.choice.rank_weight and not loss.separable:
        yield (
            f"choice {parts.choice.kind} weighs each negative by a rank, and loss"
            f" {loss.kind} is not a sum over negatives; take hinge or bpr"
        )
    if loss.needs_log_q and not parts.knows_log_q:
        yield (
            f"loss {loss.kind} corrects for how likely each negative was, which is not"
            f" known with {_hider(parts)}; turn log_q off, or take a sampler whose"
            " proposal alone decides"
        )


def _hider(parts: Parts) -> str:
    """Return the name of the part that makes the law of the negatives unknown."""
    if parts.synthesis is not None:
        return f"synthesis {parts.synthesis.kind}"
    if not parts.choice.keeps_law:
        return f"choice {parts.choice.kind}"
    return "a guard" if parts.guard else f"proposal {parts.proposal.kind}"


def relaxation_refusal(
    relaxation: Relaxation, loss: Loss, samplers: tuple[Sampler, ...]
) -> str | None:
    """Return why candidates cannot be mixed so, with a way out; None: they can.

    A mixed instance is a single negative, shorter than one and of unknown law.
    """
    if relaxation is not Relaxation.INSTANCE:
        return None
    if loss.cosine or loss.least_negatives > 1 or loss.needs_log_q or loss.of_catalogue:
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
            f"relaxation instance cannot mix {ranked[0]}, whose weights depend on ranks"
            " and do not sum to one; take relaxation loss"
        )
    return None
