"""Which history a query may read, whichever way it was made."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from autosample.core.types import History, Queries
from autosample.data.history import history_of
from autosample.data.interactions import Interactions

ROOT = Path(__file__).parents[3]

EVENTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1)


def history(events: list[tuple[int, int]]) -> tuple[History, list[list[int]]]:
    """Return a history in order of arrival, and each user's items as lists."""
    users, items = np.array(events).T
    log = Interactions.from_pairs(
        users, items, num_users=5, num_items=7, ordered=True, repeats=True
    )
    return history_of(log), [log.items_of(user).tolist() for user in range(5)]


def read(queries: Queries) -> list[list[int]]:
    """Return the items that each query may read."""
    starts_B = queries.history.starts_U1[queries.users_B].tolist()
    items = queries.history.items_E.tolist()
    ends_B = queries.ends_B.tolist()
    return [items[start:end] for start, end in zip(starts_B, ends_B, strict=True)]


@given(EVENTS)
def test_a_query_of_a_pair_reads_what_its_user_did_before_it(
    events: list[tuple[int, int]],
) -> None:
    log, lists = history(events)
    queries = Queries.of_pairs(log, torch.arange(len(events)))
    before = [items[:at] for items in lists for at in range(len(items))]
    assert read(queries) == before
    assert queries.users_B.tolist() == sorted(user for user, _ in events)


@given(EVENTS, st.data())
def test_the_pair_itself_and_later_ones_change_nothing(
    events: list[tuple[int, int]], data: st.DataObject
) -> None:
    log, _ = history(events)
    row = data.draw(st.integers(0, len(events) - 1))
    changed = History(log.starts_U1, log.items_E.clone())
    changed.items_E[row:] = 6 - changed.items_E[row:]
    rows_B = torch.tensor([row])
    assert read(Queries.of_pairs(log, rows_B)) == read(
        Queries.of_pairs(changed, rows_B)
    )


@given(EVENTS)
def test_a_query_of_a_user_reads_all_and_one_at_a_row_reads_up_to_it(
    events: list[tuple[int, int]],
) -> None:
    log, lists = history(events)
    users_U = torch.arange(5)
    assert read(Queries.of_users(log, users_U)) == lists
    ends_U = log.starts_U1[1:] - log.starts_U1.diff() // 2
    halves = [items[: len(items) - len(items) // 2] for items in lists]
    assert read(Queries.at(log, users_U, ends_U)) == halves


def test_queries_are_made_in_three_ways_only() -> None:
    """A call of the constructor would let anybody choose a history that leaks."""
    folders = ("autosample", "api", "workers", "benchmarks")
    calls = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and "Queries"
        in (getattr(node.func, "id", None), getattr(node.func, "attr", None))
    }
    assert calls == set()  # the three call `cls(...)`
