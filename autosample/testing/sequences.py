"""The contract of models that read histories, as tests beside those of every model."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autosample.core.types import History, Queries, Scorer
from autosample.data.history import history_of
from autosample.data.interactions import Interactions
from autosample.models import Model, build
from autosample.testing.models import ModelContract

USERS, ITEMS = 40, 30


def walks(seed: int = 0) -> Interactions:
    """Return histories of random items and lengths; user 0 has none."""
    rng = np.random.default_rng(seed)
    lengths_U = rng.integers(1, 25, USERS)
    lengths_U[0] = 0
    users = np.repeat(np.arange(USERS), lengths_U)
    return Interactions.from_pairs(
        users,
        rng.integers(0, ITEMS, len(users)),
        num_users=USERS,
        num_items=ITEMS,
        ordered=True,
        repeats=True,
    )


def states(scorer: Scorer, queries: Queries) -> Tensor:
    with torch.no_grad():
        return scorer.queries(queries).scored


class SequenceContract(ModelContract):
    """Subclass with a model's settings; its window should be shorter than 24 items."""

    def _of_walks(self) -> Model:
        return build(self.config, walks(), torch.Generator().manual_seed(0))

    def test_later_items_change_nothing_of_earlier_states(self) -> None:
        """To the bit: a whole history is read twice, the second time with other items
        after each place."""
        model, history = self._of_walks(), history_of(walks())
        for user in (3, 7, 11):
            first, last = history.starts_U1[user : user + 2].tolist()
            rows_B = torch.arange(first + 1, min(last, first + 9))
            if not len(rows_B):
                continue
            queries = Queries.of_pairs(history, rows_B)
            before = states(model(), queries)
            for at in range(len(rows_B)):
                items_E = history.items_E.clone()
                # The query at `at` reads the items before its row.
                items_E[rows_B[at] : last] = (items_E[rows_B[at] : last] + 1) % ITEMS
                changed = queries._replace(history=History(history.starts_U1, items_E))
                after = states(model(), changed)
                assert torch.equal(after[: at + 1], before[: at + 1])

    def test_a_state_does_not_depend_on_what_else_is_in_the_batch(self) -> None:
        """However windows are packed and padded, to 1e-6."""
        model, history = self._of_walks(), history_of(walks())
        users_B = torch.randperm(USERS, generator=torch.Generator().manual_seed(1))
        together = states(model(), Queries.of_users(history, users_B))
        for at, user in enumerate(users_B.tolist()):
            alone = states(model(), Queries.of_users(history, torch.tensor([user])))
            torch.testing.assert_close(together[at], alone[0], rtol=0, atol=1e-5)

    def test_only_the_latest_items_are_read(self) -> None:
        model, pairs = self._of_walks(), walks()
        length = getattr(self.config, "length", None)
        if length is None:
            return
        user = int(pairs.degrees_U.argmax())
        assert pairs.degrees_U[user] > length
        history = history_of(pairs)
        queries = Queries.of_users(history, torch.tensor([user]))
        before = states(model(), queries)
        items_E = history.items_E.clone()
        first, last = history.starts_U1[user : user + 2].tolist()
        items_E[first : last - length] = (items_E[first : last - length] + 1) % ITEMS
        older = queries._replace(history=History(history.starts_U1, items_E))
        assert torch.equal(states(model(), older), before)
        items_E[last - length] = (items_E[last - length] + 1) % ITEMS
        assert not torch.equal(states(model(), older), before)

    def test_the_row_of_an_empty_history_is_zero(self) -> None:
        history = history_of(walks())
        rows = states(
            self._of_walks()(), Queries.of_users(history, torch.tensor([0, 1]))
        )
        assert not rows[0].any()
        assert rows[1].any()

    def test_a_history_may_be_asked_for_twice(self) -> None:
        """As for held-out interactions of one user, which all read the same."""
        model, history = self._of_walks(), history_of(walks())
        rows = states(model(), Queries.of_users(history, torch.tensor([5, 5, 6, 5])))
        assert torch.equal(rows[0], rows[1])
        torch.testing.assert_close(rows[0], rows[3], rtol=0, atol=1e-6)

    def test_a_run_of_queries_longer_than_the_window_is_cut(self) -> None:
        model, pairs = self._of_walks(), walks()
        user, history = int(pairs.degrees_U.argmax()), history_of(pairs)
        first, last = history.starts_U1[user : user + 2].tolist()
        rows = states(model(), Queries.of_pairs(history, torch.arange(first + 1, last)))
        assert len(rows) == last - first - 1
        assert torch.isfinite(rows).all()

    def test_dropout_changes_states_in_training_alone(self) -> None:
        model = self._of_walks()
        queries = Queries.of_users(history_of(walks()), torch.arange(USERS))
        plain = states(model(), queries)
        first, again, other = (
            states(model(torch.Generator().manual_seed(seed)), queries)
            for seed in (2, 2, 3)
        )
        assert torch.equal(first, again)
        if getattr(self.config, "dropout", 0):
            assert not torch.equal(first, plain)
            assert not torch.equal(first, other)
