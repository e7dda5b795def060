"""All products of parts, losses and models: each either trains or is refused."""

from collections import Counter
from itertools import product
from typing import ClassVar

import pytest
import torch
from pydantic import ValidationError

from autosample.core.plugins import kind_of
from autosample.errors import SpecError
from autosample.library import make_spec
from autosample.losses import BPR, LOSSES, InfoNCE, Loss, SampledSoftmax
from autosample.models import (
    MF,
    MODELS,
    NGCF,
    GRU4Rec,
    LightGCN,
    ModelConfig,
    SASRec,
    TwoTower,
    build,
)
from autosample.samplers import (
    DNS,
    SRNS,
    WARP,
    AdaSIR,
    CustomSampler,
    InBatchSampler,
    MixtureSampler,
    Observed,
    PopularitySampler,
    UniformSampler,
)
from autosample.samplers.base import Parts, refusal
from autosample.samplers.choices import CHOICES, Choice, First, Hardest, SoftmaxV
from autosample.samplers.proposals import PROPOSALS, ProposalConfig, UniformProposal
from autosample.samplers.synthesis import SYNTHESES, Synthesis
from autosample.spec.compatibility import (
    history_refusal,
    model_refusal,
    relaxation_refusal,
    sampler_refusal,
)
from autosample.testing import toys
from autosample.training.relaxation import Relaxation
from autosample.training.supernet import Supernet

NEGATIVES = 8  # what the pickiest loss asks for

PROPOSED: list[ProposalConfig] = [
    *(config(kind=kind_of(config)) for config in PROPOSALS),
    UniformProposal(shared=True),
]
SEEN = (UniformProposal(), UniformProposal(shared=True))
MADE: list[Synthesis | None] = [None, *(each(kind=kind_of(each)) for each in SYNTHESES)]
LOSS: list[Loss] = [
    *(config(kind=kind_of(config)) for config in LOSSES.all),
    SampledSoftmax(log_q=True),
]
MODEL: list[ModelConfig] = [
    MF(width=6),
    MF(width=6, biases=True),
    MF(width=6, cosine=True),
    LightGCN(width=6, layers=2),
    NGCF(width=6, layers=2),
    TwoTower(width=6, hidden=6),
    SASRec(width=6),
    GRU4Rec(width=6),
]


def choices() -> list[Choice]:
    found: list[Choice] = []
    for config in CHOICES:
        keep = {} if config.rank_weight else {"keep": NEGATIVES}
        top = {"top": NEGATIVES} if "top" in config.model_fields else {}
        found.append(config(kind=kind_of(config), **keep, **top))
    return [*found, SoftmaxV(whole=True)]


def expected(parts: Parts) -> str | None:
    """What is known to be impossible, told apart by hand, from the literature."""
    proposal, choice = parts.proposal.kind, parts.choice.kind
    lawless = ("rank", "resampled", "variance")
    if choice == "importance" and proposal in lawless:
        return "how likely each item was"
    if choice == "high_variance" and proposal != "variance":
        return "scores of past epochs"
    if choice == "first_violator" and parts.synthesis is not None:
        return "by its rank"
    return None


def expected_of_loss(loss: Loss, parts: Parts) -> str | None:
    one = parts.choice.kind == "first_violator"
    if one and loss.kind in ("infonce", "sl", "bsl", "psl", "ccl", "sl_at_k"):
        return "at least 8 negatives"
    if one and loss.kind == "bpr_max":
        return "at least 2 negatives"
    if one and loss.kind in ("k_pair", "sampled_softmax"):
        return "by a rank"
    if isinstance(loss, SampledSoftmax) and loss.log_q:
        open_law = parts.choice.kind == "first" and parts.synthesis is None
        lawless = parts.proposal.kind in ("rank", "resampled", "variance")
        if not open_law or lawless:
            return "corrects for how likely"
    return None


PRODUCTS = list(product(PROPOSED, choices(), MADE, (0.0, 0.3)))


def parts_of(
    proposal: ProposalConfig, choice: Choice, synthesis: Synthesis | None, guard: float
) -> Parts:
    return Parts(proposal, 16, choice, synthesis, guard)


@pytest.mark.parametrize("proposal", PROPOSED, ids=lambda each: each.label)
def test_every_product_trains_or_is_refused_with_a_sentence(
    proposal: ProposalConfig,
) -> None:
    """One step of each product that is not refused, on a graph's three layers, with a
    loss that can use it; and each refusal is one that is known."""
    seen: Counter[str] = Counter()
    observed, batch = Observed(toys.TRAIN), toys.pairs(2)
    for own, choice, synthesis, guard in PRODUCTS:
        if own != proposal:
            continue
        parts = parts_of(own, choice, synthesis, guard)
        said, known = refusal(parts), expected(parts)
        assert (said is None) == (known is None), f"{parts}: {said}"
        settings = {
            "proposal": own.model_dump(),
            "pool": 16,
            "choice": choice.model_dump(),
            "synthesis": synthesis.model_dump() if synthesis else None,
            "guard": guard,
        }
        if known is not None:
            assert known in (said or "")
            with pytest.raises(ValidationError, match=known):
                CustomSampler.model_validate(settings)
            seen["refused"] += 1
            continue
        sampler = CustomSampler.model_validate(settings)
        net = Supernet([sampler], observed, BPR())
        rng = torch.Generator().manual_seed(0)
        one = torch.ones(1, dtype=torch.double)
        loss_B = net.step(toys.scorer(3), batch, one, rng).pairs_B
        assert torch.isfinite(loss_B).all()
        seen["trained"] += 1
    assert seen["trained"] + seen["refused"] == len(PRODUCTS) / len(PROPOSED)
    assert seen["trained"] > 50


@pytest.mark.parametrize("loss", LOSS, ids=lambda each: each.label)
def test_every_loss_takes_or_refuses_every_product(loss: Loss) -> None:
    """One step of each product that is not refused. A loss that does not ask for log q
    sees only whether a batch shares its negatives, so two proposals stand for all."""
    observed, batch = Observed(toys.TRAIN), toys.pairs()
    by_law = isinstance(loss, SampledSoftmax) and loss.log_q
    for product_ in PRODUCTS:
        parts = parts_of(*product_)
        if expected(parts) is not None or parts.guard > 0:
            continue
        sampler = CustomSampler(
            proposal=parts.proposal,
            pool=16,
            choice=parts.choice,
            synthesis=parts.synthesis,
        )
        said, known = sampler_refusal(loss, sampler), expected_of_loss(loss, parts)
        assert (said is None) == (known is None), f"{sampler.label}: {said}"
        if known is not None:
            assert known in (said or "")
            continue
        if not by_law and parts.proposal not in SEEN:
            continue
        net = Supernet([sampler], observed, loss)
        rng = torch.Generator().manual_seed(0)
        one = torch.ones(1, dtype=torch.double)
        loss_B = net.step(toys.scorer(), batch, one, rng).pairs_B
        assert torch.isfinite(loss_B).all()


@pytest.mark.parametrize("config", MODEL, ids=lambda each: each.label)
@pytest.mark.parametrize("loss", LOSS, ids=lambda each: each.label)
def test_every_model_takes_or_refuses_every_loss(
    config: ModelConfig, loss: Loss
) -> None:
    """A model of cosines where the loss asks; biases have none; both step backwards."""
    said = model_refusal(config, loss)
    biased = isinstance(config, MF) and config.biases
    assert (said is None) == (not (biased and loss.cosine))
    if said is not None:
        assert "biases" in said
        return
    cosine = loss.cosine if config.cosine is None else config.cosine
    config = config.model_copy(update={"cosine": cosine})
    model = build(config, toys.TRAIN, torch.Generator().manual_seed(0))
    net = Supernet([UniformSampler(negatives=NEGATIVES)], Observed(toys.TRAIN), loss)
    rng = torch.Generator().manual_seed(0)
    step = net.step(model(), toys.pairs(), torch.ones(1), rng)
    step.pairs_B.mean().backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is not None for each in model.parameters())


def test_every_model_is_walked() -> None:
    assert {type(each) for each in MODEL} == set(MODELS.all)


BAD: list[tuple[dict[str, object], str]] = [
    (
        {"loss": {"kind": "infonce"}, "model": {"kind": "mf", "cosine": False}},
        "infonce is made for cosines, and model.cosine is false",
    ),
    (
        {"loss": {"kind": "bsl"}, "model": {"kind": "mf", "biases": True}},
        "scores of model .* cannot be cosines",
    ),
    ({"model": {"kind": "mf", "biases": True, "cosine": True}}, "leave biases out"),
    (
        {"loss": {"kind": "ccl"}, "candidates": [{"kind": "dns"}]},
        "candidate dns: loss ccl needs at least 8 negatives per pair, not 1",
    ),
    (
        {"loss": {"kind": "k_pair"}, "candidates": [{"kind": "warp"}]},
        "take hinge or bpr",
    ),
    (
        {
            "loss": {"kind": "sampled_softmax", "log_q": True},
            "candidates": [{"kind": "dns", "negatives": 8}],
        },
        "not known with choice hardest",
    ),
    (
        {
            "loss": {"kind": "sampled_softmax", "log_q": True},
            "candidates": [{"kind": "aobpr", "negatives": 8}],
        },
        "not known with proposal rank",
    ),
    (
        {"candidates": [{"kind": "custom", "choice": {"kind": "high_variance"}}]},
        "proposal uniform does not keep; take variance",
    ),
    (
        {"candidates": [{"kind": "dns", "pool": 4, "negatives": 3, "guard": 0.5}]},
        r"needs a pool of at least 3, not 4 \(the guard leaves 2\)",
    ),
    (
        {
            "candidates": [
                {"kind": "custom", "proposal": {"kind": "variance"}, "pool": 17}
            ]
        },
        "a pool of 17 is more than the 16 items kept",
    ),
    (
        {
            "relaxation": "instance",
            "loss": {"kind": "sl"},
            "candidates": [{"kind": "uniform", "negatives": 64}],
        },
        "one mixed negative",
    ),
    (
        {"relaxation": "instance", "candidates": [{"kind": "warp"}]},
        "whose weights depend on ranks",
    ),
    (
        {"candidates": [{"kind": "mixture", "samplers": [{"kind": "dns"}]}]},
        "at least 2",
    ),
    (
        {"candidates": [{"kind": "mixture", "weights": [1, 2, 3]}]},
        "3 weights for 2 samplers",
    ),
    (
        {
            "candidates": [
                {
                    "kind": "mixture",
                    "samplers": [{"kind": "dns", "pool": p} for p in range(1, 19)],
                }
            ]
        },
        "mixture of 18 samplers; at most 16",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BAD)
def test_a_spec_that_cannot_work_is_refused_with_its_reason(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        make_spec("x", fields)


def test_what_a_mixture_holds_is_checked_as_well() -> None:
    mixed = MixtureSampler(samplers=(UniformSampler(negatives=8), DNS()))
    assert "needs at least 8" in (sampler_refusal(InfoNCE(), mixed) or "")
    ranked = MixtureSampler(samplers=(UniformSampler(), WARP()))
    said = relaxation_refusal(Relaxation.INSTANCE, BPR(), (ranked,))
    assert "mixture" in (said or "")


def test_a_loss_with_log_q_takes_what_tells_it() -> None:
    loss = SampledSoftmax(log_q=True)
    for sampler in (
        UniformSampler(negatives=8),
        PopularitySampler(negatives=8),
        InBatchSampler(),
        CustomSampler(pool=9, choice=First(keep=9)),
    ):
        assert sampler_refusal(loss, sampler) is None
    guarded = CustomSampler(pool=9, choice=First(keep=4), guard=0.2)
    assert "not known with a guard" in (sampler_refusal(loss, guarded) or "")
    assert sampler_refusal(loss, CustomSampler(choice=Hardest())) is not None


class Reader(MF):
    """A toy of a model that reads histories."""

    reads_history: ClassVar[bool] = True


def test_what_remembers_users_is_refused_for_models_that_read_histories() -> None:
    for sampler in (AdaSIR(), SRNS()):
        mixed = MixtureSampler(samplers=(UniformSampler(), sampler))
        for each in (sampler, mixed):
            said = history_refusal(Reader(), each)
            assert said is not None
            assert "later pairs included; take another proposal" in said
            assert history_refusal(MF(), each) is None
    assert history_refusal(Reader(), DNS()) is None


def test_every_proposal_that_keeps_a_row_per_user_says_so() -> None:
    """Anything prepared for users at the end of their history would see the future."""
    remembering = {kind_of(each) for each in PROPOSALS if each.remembers_users}
    assert remembering == {"resampled", "variance"}
