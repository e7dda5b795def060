"""The kinds of events are all known, and their JSON is kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from autosample.core.events import (
    KINDS,
    Event,
    MetricMean,
    SearchEvent,
    Tuned,
    read_event,
)
from autosample.evaluation.significance import estimate
from autosample.jobs.events import JOB_KINDS, JobEvent, with_new_names

ROOT = Path(__file__).parents[3]


def subclasses(of: type[Event]) -> Iterator[type[Event]]:
    for event in of.__subclasses__():
        yield event
        yield from subclasses(event)


def test_every_class_of_events_is_in_the_unions() -> None:
    known = {*get_args(SearchEvent), *get_args(JobEvent)}
    assert {each for each in subclasses(Event) if "Row" not in each.__name__} == known
    kinds = {**KINDS, **JOB_KINDS}
    assert len(kinds) == len(known)
    assert all(kinds[each.model_fields["kind"].default] is each for each in known)


@pytest.mark.parametrize("top", ["autosample", "api", "workers", "benchmarks"])
def test_no_event_is_made_but_by_the_class_of_its_kind(top: str) -> None:
    """The base class would take any kind, and a class another kind than its own."""
    for path in (ROOT / top).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "Event", f"{path}:{node.lineno}"


def test_an_event_of_an_older_version_is_still_read() -> None:
    valid = {"mean": 0.2, "low": 0.1, "high": 0.3, "users": 9}
    best = {"sampler": {"kind": "dns"}, "learning_rate": 0.1, "l2": 0.0, "passes": 7}
    old = {"stage": "searching", "chosen": best | {"valid": valid}}
    event = read_event("tuned", old | {"uniform": old["chosen"]}, KINDS)
    assert isinstance(event, Tuned)
    assert event.chosen.epochs == 7
    assert event.model_dump(mode="json")["chosen"]["epochs"] == 7
    called = {"well": True, "told": "204", "try": 2}
    webhook = read_event("webhook", called, JOB_KINDS)
    assert webhook is not None
    assert webhook.model_dump(exclude={"kind"}) == {
        "delivered": True,
        "answer": "204",
        "call": 2,
    }


def test_an_event_of_a_newer_version_is_read_as_far_as_it_is_known() -> None:
    assert read_event("unheard-of", {}, KINDS) is None
    assert read_event("rung", {"rung": 0}, KINDS) is None
    note = read_event("note", {"text": "on", "colour": "red"}, KINDS)
    assert note is not None
    assert note.model_dump() == {"kind": "note", "text": "on"}


def test_a_stored_event_is_served_under_the_names_of_today() -> None:
    served = with_new_names("webhook", {"well": True, "told": "204", "try": 2})
    assert served == {"delivered": True, "answer": "204", "call": 2}
    valid = {"mean": 0.2, "low": 0.1, "high": 0.3, "users": 9}
    best = {"sampler": {"kind": "dns"}, "learning_rate": 0.1, "l2": 0.0, "passes": 7}
    old = {"stage": "searching", "chosen": best | {"valid": valid}}
    served = with_new_names("tuned", old | {"uniform": old["chosen"]})
    assert served["stage"] == "searching"
    assert served["uniform"]["epochs"] == 7
    unknown = {"anything": 1}
    assert with_new_names("unheard-of", unknown) == unknown


def test_an_estimate_over_cases_is_a_metric_of_an_event() -> None:
    """Where each held-out interaction is a case, an estimate counts them too."""
    over_cases = estimate(np.array([0.0, 1.0, 1.0]), np.array([3, 3, 4]))
    metric = MetricMean(**over_cases.model_dump())
    assert (metric.users, metric.cases) == (2, 3)
    over_users = estimate(np.array([0.0, 1.0, 1.0]))
    assert "cases" not in MetricMean(**over_users.model_dump()).model_dump()
