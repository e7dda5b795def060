"""Choose the way in which a training takes its steps."""

from __future__ import annotations

from autosample.kernels.jit import compiles
from autosample.models.cosine import CosineModel
from autosample.models.lightgcn import LightGraphConvolution
from autosample.optimizers import TableOptimizer
from autosample.optimizers.fused import FusedOptimizer
from autosample.training.steps import bpr, softmax
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.steps.base import Setup, Steps
from autosample.training.steps.graph import GraphSteps
from autosample.training.steps.lagging import LaggingSteps
from autosample.training.steps.tables import TableSteps, tables_in_training
from autosample.training.supernet import Supernet


def steps_for(setup: Setup) -> Steps:
    """Return compiled steps where the model, the samplers and the device allow them."""
    model = setup.model
    if not all(compiles(parameter) for parameter in model.parameters()):
        return AutomaticSteps(setup)
    if not model.lagging and any(x.of_catalogue for x in setup.supernet.losses_K):
        return AutomaticSteps(setup)
    inner = model.model if isinstance(model, CosineModel) else model
    if type(inner) is LightGraphConvolution and not _synthesizes(setup.supernet):
        return GraphSteps(setup)
    if not isinstance(setup.optimizer, TableOptimizer):
        return AutomaticSteps(setup)
    return _steps_by_row(setup)


def _steps_by_row(setup: Setup) -> Steps:
    """Return the steps of an optimiser that steps single rows of tables."""
    model = setup.model
    if model.lagging:
        return LaggingSteps(setup)
    trained = tables_in_training(model)
    if trained is None:
        return AutomaticSteps(setup)
    if _is_fused(setup) and not trained.unit and bpr.suits(setup.supernet):
        return bpr.BPRSteps(setup)
    if trained.unit and softmax.suits(setup.supernet):
        return softmax.SoftmaxSteps(setup)
    return TableSteps(setup)


def _is_fused(setup: Setup) -> bool:
    """Tell whether one kernel may compute and take the steps of many batches."""
    fused = isinstance(setup.optimizer, FusedOptimizer) and setup.clip is None
    return fused and setup.order.even


def _synthesizes(supernet: Supernet) -> bool:
    """Tell whether negatives are made of layers, which then need gradients each."""
    parts = [part for sampler in supernet.samplers for part in sampler.all_parts]
    return any(part.synthesis is not None for part in parts)
