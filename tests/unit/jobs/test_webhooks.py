"""Calls that are due, on both engines: claimed once, until they went well."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from autosample.errors import KeyReused
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import now
from autosample.jobs.webhooks import TRIES, SqlWebhookStore

SPEC = {"dataset": "toy"}
URL = "https://hooks.example.org/"


def make_due(jobs: SqlJobStore) -> None:
    with jobs.engine.begin() as db:
        db.execute(update(jobs_table).values(webhook_after=now() - 1))


def test_a_call_is_due_when_its_job_has_ended_and_is_claimed_once(
    jobs: SqlJobStore,
) -> None:
    calls = SqlWebhookStore(jobs.engine)
    job = jobs.add(SPEC, webhook=URL)
    jobs.cancel(jobs.add(SPEC).id)  # which wants no call
    assert calls.claim() is None
    jobs.cancel(job.id)
    call = calls.claim()
    assert call is not None
    assert (call.job, call.url, call.state, call.tries) == (job.id, URL, "cancelled", 1)
    assert calls.claim() is None
    make_due(jobs)
    again = calls.claim()
    assert again is not None
    assert (again.id, again.tries) == (call.id, 2)
    calls.record_call(again, "204", well=True)
    make_due(jobs)
    assert calls.claim() is None
    told = [event.data for event in jobs.events(job.id) if event.kind == "webhook"]
    assert told == [{"delivered": True, "answer": "204", "call": 2}]


def test_who_never_answers_is_given_up_and_a_retried_job_calls_anew(
    jobs: SqlJobStore,
) -> None:
    calls = SqlWebhookStore(jobs.engine)
    job = jobs.add(SPEC, webhook=URL)
    jobs.cancel(job.id)
    for _ in range(TRIES):
        call = calls.claim()
        assert call is not None
        calls.record_call(call, "no answer", well=False)
        make_due(jobs)
    assert calls.claim() is None
    jobs.retry(job.id)
    assert calls.claim() is None
    jobs.cancel(job.id)
    assert calls.claim() is not None


def test_a_key_with_another_webhook_is_another_request(jobs: SqlJobStore) -> None:
    first = jobs.add(SPEC, key="k", webhook=URL)
    assert jobs.add(SPEC, key="k", webhook=URL).id == first.id
    with pytest.raises(KeyReused):
        jobs.add(SPEC, key="k")
