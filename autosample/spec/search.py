"""The settings of a search: the body of POST /v1/jobs, and enough to repeat it."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AliasChoices,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from autosample.core.config import HIDDEN, Config
from autosample.data.splits import SplitSpec
from autosample.errors import SpecError
from autosample.evaluation.metrics import Metric
from autosample.losses import BPR, Loss, LossSpec
from autosample.models import MF, ModelConfig, ModelSpec
from autosample.samplers import Sampler, UniformSampler
from autosample.spec.budget import Budget
from autosample.spec.candidates import default_recipes, default_samplers
from autosample.spec.compatibility import (
    history_refusal,
    model_refusal,
    relaxation_refusal,
    sampler_refusal,
)
from autosample.spec.soup import SoupStrategy
from autosample.spec.strategies import Asha, StrategySpec
from autosample.spec.strategy import Strategy
from autosample.spec.tuning import Tune
from autosample.training import Training
from autosample.training.relaxation import Relaxation
from autosample.trials.recipe import (
    Candidate,
    CandidateSpec,
    Recipe,
    loss_of,
    sampler_of,
)


def _form(value: Any) -> str:
    named = isinstance(value, str)
    return f"{HIDDEN}named" if named else f"{HIDDEN}{'listed' if value else 'open'}"


Listed = Annotated[tuple[CandidateSpec, ...], Field(min_length=1, max_length=64)]
Candidates = Annotated[
    Annotated[Listed, Tag(f"{HIDDEN}listed")]
    | Annotated[Literal["default", "samplers"], Tag(f"{HIDDEN}named")]
    | Annotated[Listed | None, Tag(f"{HIDDEN}open")],
    Discriminator(_form),
]


class SearchSpec(Config):
    """A search: its data, model and loss, the samplers that compete, and how."""

    dataset: str = Field(min_length=1, max_length=200)
    """Id of a data set of the service; the library and the command line put the name of
    the file here."""

    model: ModelSpec = MF()
    """Settings of the recommender."""

    loss: LossSpec = BPR()
    """Loss that candidates are trained with, unless they bring their own."""

    candidates: Candidates = None
    """Samplers or recipes that compete. "default": a dozen recipes that differ in kind.
    "samplers": a dozen samplers under the spec's loss, for the question which of them
    is best. Null: recipes where the loss is BPR and the strategy trains candidates
    apart, else samplers."""

    baseline: CandidateSpec | None = Field(
        None, exclude_if=lambda baseline: baseline is None
    )
    """Sampler or recipe that the returned model is compared with: it is trained to its
    end beside the search, and the gain over it is the first figure of the report. Null:
    plain uniform sampling under the spec's loss."""

    strategy: StrategySpec = SoupStrategy()
    """Strategy that finds the winner."""

    relaxation: Relaxation = Relaxation.LOSS
    """How a supernet trains its mixture of candidates."""

    tune: Tune | None = None
    """Hyperparameters that are tuned together with the sampler: learning rate, l2 and
    those of samplers. Null: none."""

    warm_start: bool = True
    """Whether the final training starts from the parameters of the search instead of
    fresh ones."""

    refit: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Epochs over training and validation pairs with which the returned model ends,
    after every decision. Null: the model's default. 0: it never sees the validation
    pairs."""

    final: Literal["all", "train"] | None = Field(
        None, exclude_if=lambda final: final is None
    )
    """What the model that is handed over was trained on. `all`: every pair; once the
    test metrics have been taken, the refit is done anew with the test pairs, and no
    metric describes the result. `train`: training and validation pairs, for models that
    are evaluated elsewhere. Null: `train` where there is a test file, else `all`."""

    training: Training = Training()
    """Settings of every training."""

    split: SplitSpec | None = None
    """How the data are split. Null: by the test file where there is one; else by time
    order where the data has it, each user's latest pairs for the test (the last one
    alone for a model that reads histories); else at random."""

    metric: str = "ndcg@20"
    """Metric that the search maximises, on the validation split."""

    report_metrics: tuple[str, ...] = Field(
        ("recall@20", "ndcg@20", "precision@20", "mrr@20", "hit@20"),
        validation_alias=AliasChoices("report_metrics", "report"),
    )
    """Metrics that the report contains beside `metric`."""

    budget: Budget | None = None
    """Limits on the cost; search and final training get fewer epochs to keep to them.
    Null: no limits."""

    verify: bool = False
    """Whether to train the winner, plain uniform sampling and the runner-up from
    scratch under every seed too, and compare them by user. The cost is reported apart
    from the search's."""

    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**53)], ...],
        Field(min_length=1, max_length=32),
    ] = (0, 1, 2)
    """Seeds of the trainings of `verify` and of the exhaustive strategy."""

    @field_validator("metric")
    @classmethod
    def _metric_exists(cls, text: str) -> str:
        return _metric(text)

    @field_validator("report_metrics")
    @classmethod
    def _reported_metrics_exist(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_metric(text) for text in texts)

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError(f"a seed is listed twice in {list(seeds)}")
        return seeds

    @model_validator(mode="after")
    def _candidates_differ(self) -> Self:
        listed = self.all_candidates
        twice = {each.label for each in listed if listed.count(each) > 1}
        if twice:
            raise ValueError(f"candidate {', '.join(sorted(twice))} is listed twice")
        alike: dict[Recipe, str] = {}
        for each in listed:
            loss = loss_of(each, self.loss)
            if not loss.of_catalogue:
                continue
            changes = {"sampler": UniformSampler(), "loss": loss}
            made = each if isinstance(each, Recipe) else Recipe(sampler=each)
            first = alike.setdefault(made.model_copy(update=changes), each.label)
            if first != each.label:
                raise ValueError(
                    f"candidates {first} and {each.label} differ in the sampler alone,"
                    f" and loss {loss.kind} uses none; keep one of them"
                )
        return self

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        refusal = model_refusal(self.model, self.loss)
        if refusal is not None:
            raise ValueError(refusal)
        for candidate in self.all_candidates:
            refusal = self.refusal(candidate)
            if refusal is not None:
                raise ValueError(f"candidate {candidate.label}: {refusal}")
        for candidate in self.all_candidates:
            loss = loss_of(candidate, self.loss)
            refusal = relaxation_refusal(
                self.relaxation, loss, (sampler_of(candidate),)
            )
            if refusal is not None:
                raise ValueError(refusal)
        if self.strategy.mixes and self.mixture_refusal is not None:
            raise ValueError(f"strategy {self.strategy.kind}: {self.mixture_refusal}")
        return self

    @model_validator(mode="after")
    def _baseline_can_be_trained(self) -> Self:
        if self.baseline is not None:
            refusal = self.refusal(self.baseline)
            if refusal is not None:
                raise ValueError(f"baseline {self.baseline.label}: {refusal}")
        return self

    def refusal(self, candidate: Candidate) -> str | None:
        """Return why a candidate cannot be trained, with a way out; None: it can."""
        loss, sampler = loss_of(candidate, self.loss), sampler_of(candidate)
        return (
            model_refusal(self.model, loss)
            or sampler_refusal(loss, sampler)
            or history_refusal(self.model, sampler)
        )

    @property
    def mixture_refusal(self) -> str | None:
        """Return why the candidates cannot be trained as one mixture, with a way out;
        None: they can."""
        trainings = {self.training_for(each) for each in self.all_candidates}
        losses = {loss_of(each, self.loss) for each in self.all_candidates}
        if len({self._model_under(loss) for loss in losses}) > 1:
            kinds = ", ".join(sorted(loss.kind for loss in losses))
            return (
                f"of losses {kinds} some score by cosines and others by inner products,"
                " which one model cannot do at a time; take losses that score alike, or"
                " strategy race without a warm-up"
            )
        if len(losses) > 1 and self.relaxation is Relaxation.INSTANCE:
            return (
                "relaxation instance makes one negative of all, which several losses"
                " cannot share; take relaxation loss"
            )
        if len(trainings) > 1:
            return (
                "one model is trained by one optimiser at one learning rate and l2, and"
                " candidates have several; give all of them the same, or take strategy"
                " race without a warm-up"
            )
        return None

    @model_validator(mode="after")
    def _budget_can_be_kept(self) -> Self:
        if self.budget is not None and self.tune is not None:
            raise ValueError(
                "tune keeps to no budget; leave one of them out: tune.samples says how"
                " much is tried"
            )
        return self

    @property
    def all_candidates(self) -> tuple[Candidate, ...]:
        """The candidates, written out."""
        if isinstance(self.candidates, tuple):
            return self.candidates
        apart = not self.strategy.mixes and self.relaxation is Relaxation.LOSS
        free = self.candidates is None and self.loss == BPR() and apart
        if self.candidates == "default" or free:
            return default_recipes(self.loss, self.model)
        return default_samplers(self.loss, self.relaxation)

    @property
    def samplers(self) -> tuple[Sampler, ...]:
        """The sampler of each candidate."""
        return tuple(sampler_of(candidate) for candidate in self.all_candidates)

    @property
    def resolved_model(self) -> ModelConfig:
        """The model with the scores that the spec's loss asks for."""
        return self._model_under(self.loss)

    def model_for(self, candidate: Candidate) -> ModelConfig:
        """Return the model with the scores that a candidate's loss asks for."""
        return self._model_under(loss_of(candidate, self.loss))

    def _model_under(self, loss: Loss) -> ModelConfig:
        cosine = loss.cosine if self.model.cosine is None else self.model.cosine
        return self.model.model_copy(update={"cosine": cosine})

    @property
    def resolved_training(self) -> Training:
        """The training settings with the defaults for model and loss filled in."""
        return _with_defaults(self.training, self.model, self.loss)

    def training_for(self, candidate: Candidate) -> Training:
        """Return the training settings of a candidate, with defaults filled in."""
        if not isinstance(candidate, Recipe):
            return self.resolved_training
        training, changes = self.training, candidate.training_changes
        if candidate.loss is not None or candidate.optimizer is not None:
            # The spec's rates are meant for the spec's loss and optimiser.
            usual: dict[str, Any] = {"learning_rate": None, "l2": None}
            if candidate.loss is not None:
                usual["optimizer"] = None
            else:
                del usual["l2"]
            changes = usual | changes
        training = training.model_copy(update=changes)
        return _with_defaults(training, self.model, loss_of(candidate, self.loss))

    @property
    def resolved_strategy(self) -> Strategy:
        """The strategy with the model's defaults filled in."""
        return self.strategy.resolve(self.model)

    @property
    def study_settings(self) -> Asha:
        """The settings by which the studies of `tune` stop trainings early."""
        return self.strategy if isinstance(self.strategy, Asha) else Asha()

    @property
    def resolved_refit(self) -> int:
        """The epochs of the refit, by default the model's."""
        return self.model.refit if self.refit is None else self.refit

    @property
    def epochs_of_refit(self) -> int:
        """The epochs of all branches of the refit together."""
        return self.resolved_refit * self.refit_branches

    @property
    def refit_branches(self) -> int:
        """The trainings of a refit, whose average is the returned model."""
        return self.model.refit_branches

    def hands_over_all(self, *, test_file: bool) -> bool:
        """Return whether the model that is handed over is trained on the test pairs
        too, for data with or without a test file. Without a refit it never is."""
        final = self.final or ("train" if test_file else "all")
        return final == "all" and self.resolved_refit > 0

    @property
    def digest(self) -> str:
        """Digest of all fields; equal specs have equal digests."""
        return sha256(self.model_dump_json().encode()).hexdigest()


def _with_defaults(training: Training, model: ModelConfig, loss: Loss) -> Training:
    """Fill in optimiser, learning rate and l2 where they are not given."""
    usual = model.usual(loss)
    chosen: dict[str, Any] = {}
    optimizer = training.optimizer
    if optimizer is None:
        chosen["optimizer"] = optimizer = usual.optimizer
    if training.learning_rate is None:
        chosen["learning_rate"] = (
            usual.learning_rate
            if optimizer == usual.optimizer or optimizer is None
            else type(optimizer).learning_rate
        )
    if training.l2 is None:
        chosen["l2"] = usual.l2
    return training.model_copy(update=chosen)


def _metric(text: str) -> str:
    try:
        return str(Metric(text))
    except SpecError as error:
        raise ValueError(str(error)) from error


def needs_ray(spec: SearchSpec) -> bool:
    """Return whether a search runs on Ray Tune."""
    return spec.strategy.needs_ray or spec.tune is not None


def build_schema() -> None:
    """Build the schema of SearchSpec now, plug-ins included.

    Otherwise it is built on first use, since a strategy's plug-in imports what imports
    this module. FastAPI does not wait: it needs the schema when a route is declared.
    """
    SearchSpec.model_config["defer_build"] = False
    SearchSpec.model_rebuild(force=True)
