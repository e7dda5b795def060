"""The six samplers of a study of sequential recommenders, with one set of negatives for
all steps of a sequence (Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276).

The study's loss is `logistic`. Its two adaptive samplers drop all but the best k of C
columns and yet divide by C: `logistic(negative_weight=k / C)`.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autosample.core.bounds import DrawCount
from autosample.core.ranges import Between
from autosample.samplers.base import Parts, Preset
from autosample.samplers.choices import First, Hardest
from autosample.samplers.proposals import PerSequenceProposal

STUDY = "Prakash, Bermperidis and Chennu, 2024, arXiv:2410.17276"
Sets = Between(4, 256, log=True)


class _Set(Preset):
    """A set of negatives whose proposal alone decides."""

    paper: ClassVar[str] = STUDY
    negatives: DrawCount = Field(25, json_schema_extra=Sets)
    """Number of negatives that the steps of a sequence share."""

    def _drawn(self, batch: float, alpha: float) -> Parts:
        proposal = PerSequenceProposal(batch=batch, alpha=alpha)
        return Parts(proposal, self.negatives, First(keep=self.negatives))


class SequenceRNS(_Set):
    """Uniform items, the same for all steps of a sequence."""

    helps: ClassVar[str] = "The study's baseline: popular items profit most."
    kind: Literal["sequence_rns"] = "sequence_rns"

    @property
    def parts(self) -> Parts:
        return self._drawn(0, 0)


class SequencePNS(_Set):
    """Items by popularity, the same for all steps of a sequence."""

    helps: ClassVar[str] = "Where popular items are recommended too much."
    kind: Literal["sequence_pns"] = "sequence_pns"

    @property
    def parts(self) -> Parts:
        return self._drawn(0, 1)


class SequenceBNS(_Set):
    """Positives at random places of the batch, the same for all steps of a sequence."""

    helps: ClassVar[str] = "Popular negatives that cost no draw."
    kind: Literal["sequence_bns"] = "sequence_bns"

    @property
    def parts(self) -> Parts:
        return self._drawn(1, 0)


class SequenceMNS(_Set):
    """Positives of the batch and uniform items, the same for all steps of a
    sequence."""

    helps: ClassVar[str] = "Between the two that it mixes."
    kind: Literal["sequence_mns"] = "sequence_mns"
    batch: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the negatives that are positives of the batch."""

    @property
    def parts(self) -> Parts:
        return self._drawn(self.batch, 0)


class _Hardest(Preset):
    """The highest-scored of a set of items, anew at each step."""

    paper: ClassVar[str] = STUDY
    negatives: DrawCount = Field(5, json_schema_extra=Between(1, 64, log=True))
    """Number of negatives that are kept at each step."""
    pool: DrawCount = Field(110, json_schema_extra=Between(16, 512, log=True))
    """Number of items that the steps of a sequence share."""

    def _hardest(self, batch: float) -> Parts:
        proposal = PerSequenceProposal(batch=batch)
        return Parts(proposal, self.pool, Hardest(keep=self.negatives))


class SequenceANS(_Hardest):
    """At each step the highest-scored of some positives of the batch, which all steps
    of a sequence share."""

    helps: ClassVar[str] = "Rare items, in the study."
    kind: Literal["sequence_ans"] = "sequence_ans"

    @property
    def parts(self) -> Parts:
        return self._hardest(1)


class SequenceAMNS(_Hardest):
    """At each step the highest-scored of positives of the batch and uniform items,
    which all steps of a sequence share."""

    helps: ClassVar[str] = "Popular items, in the study, where it was most accurate."
    kind: Literal["sequence_amns"] = "sequence_amns"
    batch: float = Field(0.5, ge=0, le=1, json_schema_extra=Between(0.1, 0.9))
    """Share of the items that are positives of the batch."""

    @property
    def parts(self) -> Parts:
        return self._hardest(self.batch)
