"""Losses. To add one, write its class and name it here."""

from typing import Annotated

from autosample.core.config import parse_json
from autosample.core.plugins import Registry
from autosample.losses.at_k import SLAtK
from autosample.losses.base import Listwise, Loss, Scored, Separable
from autosample.losses.bpr_max import BPRMax
from autosample.losses.calibrated import GBCE
from autosample.losses.full import FullSoftmax
from autosample.losses.listwise import BSL, PSL, SL, InfoNCE, KPair, SampledSoftmax
from autosample.losses.separable import BPR, CCL, Hinge, Logistic

LOSSES: Registry[Loss] = Registry(
    "losses",
    Loss,  # type: ignore[type-abstract]
    lambda: (
        BPR,
        KPair,
        Logistic,
        Hinge,
        SampledSoftmax,
        InfoNCE,
        SL,
        BSL,
        CCL,
        PSL,
        SLAtK,
        GBCE,
        BPRMax,
        FullSoftmax,
    ),
)

LossSpec = Annotated[Loss, LOSSES]


def parse_loss(text: str) -> Loss:
    """Return the loss that JSON text describes, as `recipe.json` in a bundle does.

    Raises SpecError, in one line, where the text is not a valid loss.
    """
    loss: Loss = parse_json(LossSpec, text, "loss")
    return loss


__all__ = [
    "BPR",
    "BSL",
    "CCL",
    "GBCE",
    "LOSSES",
    "PSL",
    "SL",
    "BPRMax",
    "FullSoftmax",
    "Hinge",
    "InfoNCE",
    "KPair",
    "Listwise",
    "Logistic",
    "Loss",
    "LossSpec",
    "SLAtK",
    "SampledSoftmax",
    "Scored",
    "Separable",
    "parse_loss",
]
