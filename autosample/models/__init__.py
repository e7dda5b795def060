"""Recommenders. To add one: write its file, then name its config here."""

from typing import Annotated

from torch import Generator

from autosample.core.plugins import Registry
from autosample.data.interactions import Interactions
from autosample.models.base import Model, ModelConfig
from autosample.models.cosine import CosineModel
from autosample.models.lightgcn import LightGCN
from autosample.models.mf import MF
from autosample.models.ngcf import NGCF
from autosample.models.two_tower import TwoTower

MODELS: Registry[ModelConfig] = Registry(
    "models",
    ModelConfig,  # type: ignore[type-abstract]
    lambda: (MF, LightGCN, NGCF, TwoTower),
)

ModelSpec = Annotated[ModelConfig, MODELS]


def build(config: ModelConfig, train: Interactions, rng: Generator) -> Model:
    """Make a model of freshly drawn parameters, with the scores its settings say."""
    model = config.build(train, rng)
    return CosineModel(model) if config.cosine else model


__all__ = [
    "MF",
    "MODELS",
    "NGCF",
    "LightGCN",
    "Model",
    "ModelConfig",
    "ModelSpec",
    "TwoTower",
    "build",
]
