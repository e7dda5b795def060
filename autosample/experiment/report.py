"""The report of a search, as stored, served and printed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, NonNegativeFloat, NonNegativeInt

from autosample.core.config import Config
from autosample.core.events import TraceEvent
from autosample.data.cold import Cold
from autosample.data.dataset import DatasetStats
from autosample.data.likeness import Likeness
from autosample.evaluation.bands import Reach
from autosample.experiment.baseline import Baseline
from autosample.experiment.budget import Shortened
from autosample.experiment.false_negatives import FalseNegatives
from autosample.experiment.forecast import Forecast
from autosample.experiment.refit import FinalRefit, Refit
from autosample.experiment.strategies.evidence import (
    CandidateReport,
    Cost,
    Curve,
    Tuning,
)
from autosample.experiment.verdict import Verdict
from autosample.experiment.verification import Verification
from autosample.samplers import SamplerSpec
from autosample.spec import SearchSpec
from autosample.trials.recipe import RecipeField


class SplitSizes(Config):
    """Number of pairs in each part of the split."""

    kind: str
    """How the data were split."""
    train: NonNegativeInt
    """Pairs that models are trained on."""
    valid: NonNegativeInt
    """Pairs that decisions are made by."""
    test: NonNegativeInt
    """Pairs that the returned model is measured by, after all decisions."""
    likeness: Likeness | None = None
    """How like the test pairs the validation pairs are; None in reports of earlier
    versions."""
    cold: Cold | None = None
    """Test pairs of users and items without known pairs; None in reports of earlier
    versions."""


class Costs(Config):
    """What a search cost."""

    search: Cost
    """Cost of the search itself."""
    retraining: Cost
    """Cost of the final training and its refit; none where the search trained the
    winner to its end."""
    wall_seconds: NonNegativeFloat
    """Seconds on the clock, from start to report."""


class Report(Config):
    """The result of a search: what won, how certain that is, and what it cost."""

    version: str
    """Version of AutoSample that made the report."""
    spec: SearchSpec
    """The search as it was asked for."""
    shortened: Shortened | None = None
    """What was run instead, to keep to the budget; None: all that was asked for."""
    dataset: DatasetStats
    """Statistics of the data."""
    split: SplitSizes
    """How the data were split."""
    chosen: SamplerSpec
    """The winning sampler, complete enough to build it."""
    recipe: RecipeField = None
    """The winner with what it says of its training; None: a bare sampler won."""
    chosen_label: str
    """The winning candidate in short."""
    candidates: tuple[CandidateReport, ...]
    """How each candidate did in the search."""
    verdict: Verdict
    """What the returned model and the winner gain over the baseline, and how certain
    that is."""
    baseline: Baseline | None = None
    """What the returned model gains over the baseline, and which part of that is whose;
    None: it was not trained, or failed."""
    valid: dict[str, float]
    """Metrics of the returned model before its refit, on the validation split."""
    test: dict[str, float]
    """Metrics on the test split, which is opened once, after all decisions, of the
    returned model; of the model before its refit on all pairs, where there is one."""
    refit: Refit | None
    """The training on validation pairs too; None: the returned model has seen none."""
    final_refit: FinalRefit | None = None
    """The refit done anew over all pairs, whose model is handed over; no metric here
    describes it. None: the model that `test` describes is handed over."""
    reach: Reach
    """What the returned model recommends, and whom it serves, on the test split."""
    false_negatives: FalseNegatives
    """How often the chosen sampler draws items that the user did like."""
    best_epoch: NonNegativeInt
    """Epoch of the final training that the returned model is from, before its refit;
    epochs of a search that it continues count."""
    tuning: Tuning | None
    """What tuning found; None: nothing was tuned."""
    verification: Verification | None
    """Trainings from scratch that verify the gain; None: the spec asked for none, or
    one of them failed."""
    forecast: Forecast | None
    """Costs that were expected before the start; None without a budget."""
    costs: Costs
    """Costs of the search and its final training; `baseline` and `verification` have
    their own."""
    curves: tuple[Curve, ...]
    """Curve of each training of the search."""
    training: Curve
    """Curve of the final training, the search's epochs included where it continues
    them."""
    trace: tuple[Annotated[TraceEvent, Field(discriminator="kind")], ...]
    """What happened in the search, in order."""
