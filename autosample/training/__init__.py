"""Train one model: the loop, its settings, its steps and the supernet."""

from autosample.training.settings import Training
from autosample.training.trainer import Epoch, FixedWeights, MixtureWeights, Trainer

__all__ = ["Epoch", "FixedWeights", "MixtureWeights", "Trainer", "Training"]
