"""Test pairs of users and items that nothing was known of before."""

from __future__ import annotations

from pydantic import NonNegativeInt

from autosample.core.config import Config
from autosample.data.splits import Split


class Cold(Config):
    """How many test pairs are of users or items without a training or validation
    pair."""

    users: NonNegativeInt
    """Users with test pairs alone."""
    items: NonNegativeInt
    """Items with test pairs alone."""
    user_pairs: NonNegativeInt
    """Test pairs of these users."""
    item_pairs: NonNegativeInt
    """Test pairs of these items."""
    pairs: NonNegativeInt
    """All test pairs."""

    @property
    def sentence(self) -> str | None:
        """What is cold, in words; None: nothing is."""
        found = []
        if self.items:
            found.append(
                f"{self.item_pairs / self.pairs:.1%} of the test pairs are of"
                f" {self.items:,} items without a known pair, which no model has"
                " learned"
            )
        if self.users:
            found.append(
                f"{self.user_pairs / self.pairs:.1%} of the test pairs are of"
                f" {self.users:,} users without a known pair, who are ranked by no"
                " history"
            )
        return "; ".join(found) + "." if found else None


def cold(split: Split) -> Cold:
    """Count what of the test is cold."""
    known, test = split.known, split.test
    cold_U = (known.degrees_U == 0) & (test.degrees_U > 0)
    cold_I = (known.counts_I == 0) & (test.counts_I > 0)
    return Cold(
        users=int(cold_U.sum()),
        items=int(cold_I.sum()),
        user_pairs=int(test.degrees_U[cold_U].sum()),
        item_pairs=int(test.counts_I[cold_I].sum()),
        pairs=test.num_pairs,
    )
