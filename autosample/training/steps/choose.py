"""Which steps a training takes."""

from __future__ import annotations

from autosample.kernels.jit import compiles
from autosample.models.cosine import CosineModel
from autosample.models.lightgcn import LightGraphConvolution
from autosample.models.mf import MatrixFactorization
from autosample.training.steps import bpr
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.steps.base import Course, Steps
from autosample.training.steps.graph import GraphSteps
from autosample.training.steps.tables import TableSteps


def steps_for(course: Course) -> Steps:
    """Return compiled steps where the model, the samplers and the device allow them.

    What is made of a graph's layers needs gradients of each of them.
    """
    parts = [part for each in course.supernet.samplers for part in each.all_parts]
    model = course.model
    inner = model.model if isinstance(model, CosineModel) else model
    makes = any(part.synthesis is not None for part in parts)
    if not all(compiles(each) for each in model.parameters()):
        return AutomaticSteps(course)
    if type(inner) is LightGraphConvolution:
        return AutomaticSteps(course) if makes else GraphSteps(course)
    if type(inner) is not MatrixFactorization or inner.biases:
        return AutomaticSteps(course)
    if inner is model and bpr.suits(course.supernet):
        return bpr.BPRSteps(course)
    return TableSteps(course)
