"""A third party's sampler, loss, model and strategy."""

from autosample_example.loss import SquaredHinge
from autosample_example.model import NonNegativeMF
from autosample_example.sampler import PopularSoftmax
from autosample_example.strategy import Sprint

__all__ = ["NonNegativeMF", "PopularSoftmax", "Sprint", "SquaredHinge"]
