"""Choices: which items of a pool become negatives.

To add one, write its file and name it here.
"""

from typing import Annotated

from pydantic import Field

from autosample.samplers.choices.adaptive import AdaptiveHardness
from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.choices.bayesian import Bayesian
from autosample.samplers.choices.curriculum import Growing, Shrinking
from autosample.samplers.choices.first import First
from autosample.samplers.choices.hardest import Hardest
from autosample.samplers.choices.high_variance import HighVariance
from autosample.samplers.choices.laws import Importance, SoftmaxV
from autosample.samplers.choices.softmax import Softmax
from autosample.samplers.choices.top import Top
from autosample.samplers.choices.violator import FirstViolator

ChoiceSpec = Annotated[
    First
    | Hardest
    | Top
    | Softmax
    | SoftmaxV
    | Importance
    | AdaptiveHardness
    | Shrinking
    | Growing
    | Bayesian
    | FirstViolator
    | HighVariance,
    Field(discriminator="kind"),
]

CHOICES: tuple[type[Choice], ...] = (
    First,
    Hardest,
    Top,
    Softmax,
    SoftmaxV,
    Importance,
    AdaptiveHardness,
    Shrinking,
    Growing,
    Bayesian,
    FirstViolator,
    HighVariance,
)

__all__ = [
    "CHOICES",
    "AdaptiveHardness",
    "Bayesian",
    "Choice",
    "ChoiceSpec",
    "Chosen",
    "First",
    "FirstViolator",
    "Growing",
    "Hardest",
    "HighVariance",
    "Importance",
    "Shrinking",
    "Softmax",
    "SoftmaxV",
    "Top",
]
