"""Recommenders. To add one: write its file, then name its config here."""

from typing import Annotated

from pydantic import Field

from autosample.models.base import Model, ModelConfig
from autosample.models.lightgcn import LightGCN
from autosample.models.mf import MF

ModelSpec = Annotated[MF | LightGCN, Field(discriminator="kind")]

MODELS: tuple[type[ModelConfig], ...] = (MF, LightGCN)

__all__ = ["MF", "MODELS", "LightGCN", "Model", "ModelConfig", "ModelSpec"]
