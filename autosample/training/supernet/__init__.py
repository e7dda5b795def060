"""One training step for all candidates together."""

from autosample.training.supernet.net import (
    StepLoss,
    Supernet,
    equal_weights,
)

__all__ = ["StepLoss", "Supernet", "equal_weights"]
