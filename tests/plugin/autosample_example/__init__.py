"""A third party's sampler, loss and model."""

from autosample_example.loss import SquaredHinge
from autosample_example.model import NonNegativeMF
from autosample_example.sampler import PopularSoftmax

__all__ = ["NonNegativeMF", "PopularSoftmax", "SquaredHinge"]
