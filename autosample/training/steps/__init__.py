"""Steps of training: by automatic gradients for any model, compiled where rows of
tables are all there is to a score."""

from autosample.training.steps.base import Setup, Steps
from autosample.training.steps.choose import steps_for

__all__ = ["Setup", "Steps", "steps_for"]
