"""Training steps: by automatic gradients for any model, compiled for some models."""

from autosample.training.steps.base import Setup, Steps
from autosample.training.steps.choose import steps_for

__all__ = ["Setup", "Steps", "steps_for"]
