"""Recipes: a sampler with the loss, the optimiser and the rates that suit it.

A search compares candidates. A candidate is a bare sampler, which is trained as the
spec says, or a recipe, which says some of that itself.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from autosample.core.bounds import NonNegative, Positive
from autosample.core.config import HIDDEN, Config, parse_json
from autosample.losses import Loss, LossSpec
from autosample.optimizers import OptimizerSpec
from autosample.samplers import Sampler, SamplerSpec, UniformSampler


class Recipe(Config):
    """A sampler together with its own loss and training settings; what is null is the
    spec's. In a spec, `negatives` beside the sampler is the sampler's."""

    sampler: SamplerSpec
    """How negatives are drawn."""
    loss: LossSpec | None = None
    """Loss that is minimised."""
    optimizer: OptimizerSpec | None = None
    """What takes the steps."""
    learning_rate: Positive | None = None
    """Learning rate of the optimiser. Null where the loss or the optimiser is not the
    spec's: their default."""
    l2: NonNegative | None = None
    """Weight of the l2 penalty. Null where the loss is not the spec's: its default."""

    @model_validator(mode="before")
    @classmethod
    def _negatives_belong_to_the_sampler(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "negatives" not in data:
            return data
        rest = {name: value for name, value in data.items() if name != "negatives"}
        sampler = rest.get("sampler")
        if isinstance(sampler, Config):
            sampler = sampler.model_dump()
        if not isinstance(sampler, dict):
            return data
        count = data["negatives"]
        if sampler.get("kind") == "custom":
            choice = {**sampler.get("choice", {"kind": "hardest"}), "keep": count}
            return rest | {"sampler": sampler | {"choice": choice}}
        return rest | {"sampler": sampler | {"negatives": count}}

    @property
    def training_changes(self) -> dict[str, Any]:
        """The fields of Training that the recipe sets."""
        named = {
            name: getattr(self, name) for name in ("optimizer", "learning_rate", "l2")
        }
        return {name: value for name, value in named.items() if value is not None}

    @property
    def label(self) -> str:
        """The sampler, the loss, and what else the recipe sets."""
        parts = [self.sampler.label]
        if self.loss is not None:
            parts.append(self.loss.label)
        if self.optimizer is not None:
            parts.append(self.optimizer.label)
        for name in ("learning_rate", "l2"):
            value = getattr(self, name)
            if value is not None:
                parts.append(f"{name}={value:g}")
        return " + ".join(parts)


def parse_recipe(text: str) -> Recipe:
    """Return the recipe that JSON text describes, as `recipe.json` in a bundle does.

    Raises SpecError, in one line, where the text is not a valid recipe.
    """
    recipe: Recipe = parse_json(Recipe, text, "recipe")
    return recipe


Candidate = Sampler | Recipe
"""What a search compares."""


RECIPE, SAMPLER = f"{HIDDEN}recipe", f"{HIDDEN}sampler"


def _tag(value: Any) -> str:
    if isinstance(value, Recipe) or (isinstance(value, dict) and "sampler" in value):
        return RECIPE
    return SAMPLER


CandidateSpec = Annotated[
    Annotated[Recipe, Tag(RECIPE)] | Annotated[SamplerSpec, Tag(SAMPLER)],
    Discriminator(_tag),
]


def sampler_of(candidate: Candidate) -> Sampler:
    """Return the sampler of a candidate."""
    return candidate.sampler if isinstance(candidate, Recipe) else candidate


def loss_of(candidate: Candidate, usual: Loss) -> Loss:
    """Return the loss of a candidate, where `usual` is the spec's."""
    own = candidate.loss if isinstance(candidate, Recipe) else None
    return usual if own is None else own


def with_sampler(candidate: Candidate, sampler: Sampler) -> Candidate:
    """Return the candidate with another sampler."""
    if isinstance(candidate, Recipe):
        return candidate.model_copy(update={"sampler": sampler})
    return sampler


def is_baseline(candidate: Candidate) -> bool:
    """Tell whether a candidate is plain uniform sampling under the spec's loss."""
    sampler = sampler_of(candidate)
    return isinstance(sampler, UniformSampler) and sampler == candidate


def recipe_or_none(candidate: Candidate) -> Recipe | None:
    """Return a candidate that is a recipe; None for a bare sampler."""
    return candidate if isinstance(candidate, Recipe) else None


RecipeField = Annotated[Recipe | None, Field(exclude_if=lambda recipe: recipe is None)]
"""A recipe that is left out of JSON where there is none."""
