"""A model that reads histories, as a bundle stores it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from autosample.core.types import History, Queries
from autosample.data.interactions import Interactions
from autosample.errors import BundleError
from autosample.models import ModelConfig, ModelSpec, build

Floats = NDArray[np.float32]


def model_of(config_json: str) -> ModelConfig:
    """Return the settings of the model in a bundle's `config.json`.

    Raises BundleError where they are none, or the model's plug-in is not installed."""
    try:
        settings = json.loads(config_json)["model"]
        config: ModelConfig = TypeAdapter(ModelSpec).validate_python(settings)
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"config.json holds no model: {error}") from error
    return config


class Encoder:
    """Turns the items that somebody has into the row that is compared with items."""

    def __init__(
        self, config_json: str, parameters: Mapping[str, Floats], num_items: int
    ) -> None:
        """`config_json` has the model's settings. Raises BundleError where parameters
        and settings do not fit one another, or the model's plug-in is not installed."""
        config = model_of(config_json)
        try:
            # Nothing of the pairs it was trained on is asked for but their items.
            nobody = np.zeros(0, np.int64)
            pairs = Interactions.from_pairs(
                nobody, nobody, num_users=1, num_items=num_items, ordered=True
            )
            self.model = build(config, pairs, torch.Generator())
            tensors = {
                name: torch.from_numpy(p.copy()) for name, p in parameters.items()
            }
            self.model.load_state_dict(tensors)
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise BundleError(
                f"config.json and the model's parameters do not fit: {error}"
            ) from error

    @torch.no_grad()
    def encode(self, items: NDArray[np.int64]) -> Floats:
        """Return the row of a query after some items, in time order: (D,)."""
        ends = torch.tensor([0, len(items)])
        history = History(ends, torch.from_numpy(items.astype(np.int32)))
        queries = Queries.of_users(history, torch.tensor([0]))
        row: Floats = self.model().queries(queries).scored[0].numpy()
        return row
