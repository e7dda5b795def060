"""Choices. To add one: write its file, then name it here."""

from typing import Annotated

from pydantic import Field

from autosample.samplers.choices.base import Choice, Chosen
from autosample.samplers.choices.first import First
from autosample.samplers.choices.hardest import Hardest
from autosample.samplers.choices.softmax import Softmax
from autosample.samplers.choices.top import Top

ChoiceSpec = Annotated[First | Hardest | Top | Softmax, Field(discriminator="kind")]

__all__ = [
    "Choice",
    "ChoiceSpec",
    "Chosen",
    "First",
    "Hardest",
    "Softmax",
    "Top",
]
