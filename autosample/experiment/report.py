"""The result of a search, as stored, served and printed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from autosample.core.config import Config
from autosample.core.events import TraceEvent
from autosample.data.dataset import DatasetStats
from autosample.evaluation.bands import Reach
from autosample.experiment.false_negatives import FalseNegatives
from autosample.experiment.forecast import Forecast
from autosample.experiment.refit import Refit
from autosample.experiment.strategies.evidence import (
    CandidateReport,
    Cost,
    Curve,
    Tuning,
)
from autosample.experiment.verdict import Verdict
from autosample.experiment.verification import Verification
from autosample.spec import SearchSpec


class SplitSizes(Config):
    """Pairs in each part."""

    kind: str
    train: NonNegativeInt
    valid: NonNegativeInt
    test: NonNegativeInt


class Costs(Config):
    """What was spent on what."""

    search: Cost
    retraining: Cost
    wall_seconds: NonNegativeFloat


class Report(Config):
    """What was searched, what won, how sure that is, and what it cost."""

    version: str
    spec: SearchSpec
    dataset: DatasetStats
    split: SplitSizes
    chosen: dict[str, Any]
    """The winning sampler, complete enough to build it."""
    chosen_label: str
    candidates: tuple[CandidateReport, ...]
    verdict: Verdict
    valid: dict[str, float]
    """Metrics on the validation split, of the returned model before its refit."""
    test: dict[str, float]
    """Metrics of the returned model on the test split, which was opened once, after all
    decisions."""
    refit: Refit | None
    """None: the returned model has never seen the validation pairs."""
    reach: Reach
    """What the returned model recommends, and whom it serves, on the test split."""
    false_negatives: FalseNegatives
    """How often the chosen sampler draws what the user did like."""
    best_epoch: NonNegativeInt
    """Epoch of the training from which the returned model is; where it goes on from the
    search, that one's epochs count too."""
    tuning: Tuning | None
    """What was tuned and what that gained; None: nothing was."""
    verification: Verification | None
    forecast: Forecast | None
    """What was expected before the start, beside `costs`; None without a budget."""
    costs: Costs
    curves: tuple[Curve, ...]
    """How each training of the search went."""
    training: Curve
    """The final training; its first epochs may be the search's."""
    trace: tuple[Annotated[TraceEvent, Field(discriminator="kind")], ...]
    """What happened in the search, in order."""
