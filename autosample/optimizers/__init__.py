"""Optimisers, and schedules of their learning rates.

To add one, write its class and name it here.
"""

from typing import Annotated

from autosample.core.plugins import Registry
from autosample.optimizers.adagrad import Adagrad, RowAdagrad
from autosample.optimizers.adam import Adam, AdamW
from autosample.optimizers.base import OptimizerConfig, TableOptimizer
from autosample.optimizers.schedules import Constant, Cosine, Schedule, Step
from autosample.optimizers.sgd import SGD

OPTIMIZERS: Registry[OptimizerConfig] = Registry(
    "optimizers",
    OptimizerConfig,  # type: ignore[type-abstract]
    lambda: (Adagrad, Adam, AdamW, SGD),
)

OptimizerSpec = Annotated[OptimizerConfig, OPTIMIZERS]

SCHEDULES: Registry[Schedule] = Registry(
    "schedules",
    Schedule,  # type: ignore[type-abstract]
    lambda: (Constant, Cosine, Step),
)

ScheduleSpec = Annotated[Schedule, SCHEDULES]

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "OptimizerConfig",
    "OptimizerSpec",
    "RowAdagrad",
    "Schedule",
    "ScheduleSpec",
    "Step",
    "TableOptimizer",
]
