"""Recommenders, and what the author of one needs.

To add one, write its file and name its settings in `MODELS`.
"""

from typing import Annotated

from torch import Generator

from autosample.core.plugins import Registry
from autosample.core.types import (
    History,
    ItemTabled,
    Layered,
    Queries,
    Rows,
    Scorer,
    Tabled,
)
from autosample.data.interactions import Interactions
from autosample.data.order import Order, PairOrder, SequenceOrder, WeightedOrder
from autosample.models.base import Model, ModelConfig
from autosample.models.cosine import CosineModel
from autosample.models.export import export
from autosample.models.gru4rec import GRU4Rec
from autosample.models.lightgcn import LightGCN
from autosample.models.mf import MF
from autosample.models.ngcf import NGCF
from autosample.models.sasrec import SASRec
from autosample.models.two_tower import TwoTower
from autosample.optimizers import RowAdagrad

MODELS: Registry[ModelConfig] = Registry(
    "models",
    ModelConfig,  # type: ignore[type-abstract]
    lambda: (MF, LightGCN, NGCF, TwoTower, SASRec, GRU4Rec),
)

ModelSpec = Annotated[ModelConfig, MODELS]


def build(config: ModelConfig, train: Interactions, rng: Generator) -> Model:
    """Return a model with freshly drawn parameters, with cosines for scores if its
    settings say so."""
    model = config.build(train, rng)
    return CosineModel(model) if config.cosine else model


__all__ = [
    "MF",
    "MODELS",
    "NGCF",
    "GRU4Rec",
    "History",
    "Interactions",
    "ItemTabled",
    "Layered",
    "LightGCN",
    "Model",
    "ModelConfig",
    "ModelSpec",
    "Order",
    "PairOrder",
    "Queries",
    "RowAdagrad",
    "Rows",
    "SASRec",
    "Scorer",
    "SequenceOrder",
    "Tabled",
    "TwoTower",
    "WeightedOrder",
    "build",
    "export",
]
