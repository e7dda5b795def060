"""Split a data set into pairs to train on, to decide on, and to test on once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from autosample.core.config import Config
from autosample.core.seeds import numpy_generator
from autosample.data.dataset import Dataset, DatasetStats
from autosample.data.interactions import Interactions, Ints
from autosample.errors import DataError

Share = Annotated[float, Field(gt=0, lt=1)]
Per = Literal["user", "interaction"]
Mask = Literal["history", "none"]


class EvaluationProtocol(Config):
    """How held-out pairs are ranked; `evaluation.cases` carries it out."""

    per: Per = "user"
    mask: Mask = "history"


@dataclass(frozen=True)
class Split:
    """Training, validation and test pairs over the same users and items.

    No row of the data is in two parts. A pair is in two only if repeats were kept.
    """

    train: Interactions
    valid: Interactions
    test: Interactions
    protocol: EvaluationProtocol = field(default_factory=EvaluationProtocol)
    test_file: bool = False
    """Whether the test pairs came in a file of their own."""

    @cached_property
    def known(self) -> Interactions:
        """Training and validation pairs, in time order if both are: the history at the
        time of the test, and what is masked when the test is opened."""
        return self.train.merged(self.valid)

    @cached_property
    def with_validation(self) -> Split:
        """The split for a refit: all known pairs to train on, none to validate on."""
        return replace(self, train=self.known, valid=self.valid.none)

    @cached_property
    def everything(self) -> Interactions:
        """All pairs, in time order if all parts are."""
        return self.known.merged(self.test)

    @cached_property
    def with_test(self) -> Split:
        """The split for the refit of what is handed over: all pairs to train on."""
        none = self.valid.none
        return replace(self, train=self.everything, valid=none, test=none)


class SplitConfig(Config, ABC):
    """Settings of a rule that splits a data set."""

    # Left out of JSON where they are the default: specs from before they existed keep
    # their digests.
    per: Per = Field("user", exclude_if=lambda per: per == "user")
    """What one ranking is made for, and what metrics are averaged over: each user with
    held-out pairs, or each held-out pair, whose item is then the only right answer."""
    mask: Mask = Field("history", exclude_if=lambda mask: mask == "history")
    """Items left out of a user's ranking: `history` leaves out those that the user had
    before the part that is ranked; `none` leaves out nothing."""

    @abstractmethod
    def parts(self, dataset: Dataset, seed: int) -> Split:
        """Return the split; raises DataError if the data lacks what the rule needs."""

    def check(self, stats: DatasetStats) -> None:
        """Raise DataError if the data lacks what the rule needs."""
        if stats.test_pairs:
            raise DataError(
                f"split {self.label} would ignore the test file; use split 'given'"
            )

    def apply(self, dataset: Dataset, seed: int) -> Split:
        """Return the split; raises DataError also if a part is empty."""
        pairs, test = dataset.train, dataset.test
        held = {
            "test_pairs": test.num_pairs if test is not None else 0,
            "ordered": pairs.ordered,
            "timestamps": pairs.times_E is not None,
        }
        self.check(dataset.stats.model_copy(update=held))
        split = self.parts(dataset, seed)
        for name, part in (("validation", split.valid), ("test", split.test)):
            if part.num_pairs == 0:
                raise DataError(
                    f"split {self.label} leaves no {name} pairs of"
                    f" {dataset.stats.pairs}; give more data or a larger share"
                )
        if split.train.num_pairs == 0:
            raise DataError(f"split {self.label} leaves no training pairs")
        protocol = EvaluationProtocol(per=self.per, mask=self.mask)
        return replace(split, protocol=protocol)


class RandomSplit(SplitConfig):
    """A random share of each user's pairs; every user keeps one to train on."""

    kind: Literal["random"] = "random"
    valid: Share = 0.1
    """Share of each user's pairs for validation."""
    test: Share = 0.2
    """Share of each user's pairs for the test."""

    def parts(self, dataset: Dataset, seed: int) -> Split:
        pairs, rng = dataset.train, numpy_generator(seed, "split")
        rank_E = _ranks(pairs, rng.random(pairs.num_pairs))
        return _by_rank(pairs, rank_E, *_shares(pairs, self.test, self.valid, rng))


class _FromTheEnd(SplitConfig, ABC):
    """Some of each user's pairs, counted from the last one, for test and validation."""

    kind: str

    def check(self, stats: DatasetStats) -> None:
        super().check(stats)
        if not stats.ordered:
            raise DataError(
                f"split {self.kind} needs time order: map a `timestamp` column, or say"
                " `ordered` if the rows stand in time order"
            )

    def parts(self, dataset: Dataset, seed: int) -> Split:
        pairs = dataset.train
        last_E = pairs.starts_U1[1:][pairs.users_E] - 1 - np.arange(pairs.num_pairs)
        return _by_rank(pairs, last_E, *self._counts(pairs, seed))

    @abstractmethod
    def _counts(self, pairs: Interactions, seed: int) -> tuple[Ints, Ints]:
        """Return each user's pairs for the test and for validation: (U,) each."""


class LeaveLastOut(_FromTheEnd):
    """Each user's last pair for the test, the one before for validation.

    All pairs of users with fewer than three are trained on.
    """

    kind: Literal["leave_last_out"] = "leave_last_out"

    def _counts(self, pairs: Interactions, seed: int) -> tuple[Ints, Ints]:
        one_U = (pairs.degrees_U >= 3).astype(np.int64)
        return one_U, one_U


class LatestOfEach(_FromTheEnd):
    """Each user's latest pairs for the test, those before for validation; every user
    keeps one to train on."""

    kind: Literal["latest"] = "latest"
    valid: Share = 0.1
    """Share of each user's pairs for validation."""
    test: Share = 0.2
    """Share of each user's pairs for the test."""

    def _counts(self, pairs: Interactions, seed: int) -> tuple[Ints, Ints]:
        rng = numpy_generator(seed, "split")
        return _shares(pairs, self.test, self.valid, rng)


class GlobalTime(SplitConfig):
    """The latest pairs of all for the test, those before for validation."""

    kind: Literal["global_time"] = "global_time"
    valid: Share = 0.1
    """Share of all pairs for validation."""
    test: Share = 0.2
    """Share of all pairs for the test."""

    def check(self, stats: DatasetStats) -> None:
        super().check(stats)
        if not stats.timestamps:
            raise DataError("global_time needs a `timestamp` column, and none was read")

    def parts(self, dataset: Dataset, seed: int) -> Split:
        pairs = dataset.train
        assert pairs.times_E is not None  # as `check` has found
        cuts = np.quantile(pairs.times_E, [1 - self.test - self.valid, 1 - self.test])
        place_E = np.searchsorted(cuts, pairs.times_E, side="left")
        train, valid, test = (pairs.take(place_E == place) for place in range(3))
        return Split(train, valid, test)


class GivenTest(SplitConfig):
    """The test file is the test. Validation pairs are those of the validation file; if
    there is none, they are taken from the training file: a random share of each user's
    training pairs, or the last ones if ordered."""

    kind: Literal["given"] = "given"
    valid: Share = 0.1
    """Share of each user's training pairs for validation, where there is no validation
    file."""

    def check(self, stats: DatasetStats) -> None:
        if not stats.test_pairs:
            raise DataError("split 'given' needs a test file beside the training file")

    def parts(self, dataset: Dataset, seed: int) -> Split:
        assert dataset.test is not None  # as `check` has found
        if dataset.valid is not None:
            return Split(dataset.train, dataset.valid, dataset.test, test_file=True)
        pairs, rng = dataset.train, numpy_generator(seed, "split")
        key_E = rng.random(pairs.num_pairs)
        if pairs.ordered:
            key_E = -np.arange(pairs.num_pairs, dtype=np.float64)
        valid_U = _share_of_each(pairs.degrees_U, self.valid, rng)
        none_U = np.zeros_like(valid_U)
        carved = _by_rank(pairs, _ranks(pairs, key_E), none_U, valid_U)
        return Split(carved.train, carved.valid, dataset.test, test_file=True)


SplitSpec = Annotated[
    RandomSplit | LatestOfEach | LeaveLastOut | GlobalTime | GivenTest,
    Field(discriminator="kind"),
]


def default_split(*, test_file: bool, ordered: bool, reads_history: bool) -> SplitSpec:
    """Return the rule for data where the spec names none: the test file if there is
    one; else what came last where the pairs are in time order, which is each user's
    last pair for a model that reads histories; else at random."""
    if test_file:
        return GivenTest()
    if not ordered:
        return RandomSplit()
    return LeaveLastOut() if reads_history else LatestOfEach()


def _ranks(
    pairs: Interactions, key_E: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> Ints:
    """Return the rank of each pair among its user's pairs, by ascending key."""
    order = np.lexsort((key_E, pairs.users_E))
    rank_E = np.empty(pairs.num_pairs, np.int64)
    rank_E[order] = np.arange(pairs.num_pairs) - pairs.starts_U1[:-1][pairs.users_E]
    return rank_E


def _share_of_each(degrees_U: Ints, share: float, rng: np.random.Generator) -> Ints:
    """Return share * degree, rounded up or down at random so that the mean is exact."""
    counts = np.floor(share * degrees_U + rng.random(len(degrees_U))).astype(np.int64)
    return np.minimum(counts, np.maximum(degrees_U - 1, 0))


def _shares(
    pairs: Interactions, test: float, valid: float, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Return how many pairs of each user are for the test and for validation, so that
    one is left to train on."""
    test_U = _share_of_each(pairs.degrees_U, test, rng)
    valid_U = _share_of_each(pairs.degrees_U, valid, rng)
    return test_U, np.minimum(valid_U, np.maximum(pairs.degrees_U - 1 - test_U, 0))


def _by_rank(pairs: Interactions, rank_E: Ints, test_U: Ints, valid_U: Ints) -> Split:
    test_E = rank_E < test_U[pairs.users_E]
    valid_E = ~test_E & (rank_E < (test_U + valid_U)[pairs.users_E])
    return Split(
        pairs.take(~test_E & ~valid_E), pairs.take(valid_E), pairs.take(test_E)
    )
