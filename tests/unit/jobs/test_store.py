"""One suite over SQLite and Postgres."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from autosample.core.events import Note
from autosample.core.progress import Stage
from autosample.errors import (
    Fenced,
    IllegalMove,
    KeyReused,
    NotFinished,
    UnknownDataset,
    UnknownJob,
)
from autosample.jobs.state import (
    FINAL,
    MOVES,
    Artifact,
    Claim,
    Failure,
    Job,
    JobState,
    states_before,
)
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import now

SPEC = {"dataset": "toy", "metric": "ndcg@20"}
WHY = Failure(reason="data", detail="of no use")


def claim(jobs: SqlJobStore, worker: str = "w1") -> Claim:
    found = jobs.claim(worker)
    assert found is not None
    return found


NOTE = (Stage.SEARCHING, Note(text="on"))


def states(jobs: SqlJobStore, id: UUID) -> list[str]:
    return [e.data["state"] for e in jobs.events(id) if e.kind == "state"]


def lose(jobs: SqlJobStore) -> None:
    """Date every lease back, and reap; one test lets a lease really run out."""
    with jobs.engine.begin() as db:
        db.execute(update(jobs_table).values(lease_until=now() - 1))
    jobs.reap()


def in_state(jobs: SqlJobStore, state: JobState) -> tuple[Job, Claim | None]:
    job = jobs.add(SPEC)
    if state is JobState.QUEUED:
        return job, None
    if state is JobState.CANCELLED:
        return jobs.cancel(job.id), None
    held = claim(jobs)
    if state is JobState.CANCELLING:
        jobs.cancel(job.id)
    elif state is JobState.SUCCEEDED:
        jobs.publish(held, {"won": "dns"}, "jobs/1", [])
    elif state is JobState.FAILED:
        jobs.fail(held, WHY)
    return jobs.get(job.id), held


def test_a_job_comes_back_as_it_went_in(jobs: SqlJobStore) -> None:
    job = jobs.add(SPEC)
    assert jobs.get(job.id) == job
    assert (job.state, job.spec, job.attempts) == (JobState.QUEUED, SPEC, 0)


def test_an_unknown_job_is_said_to_be_unknown(jobs: SqlJobStore) -> None:
    for ask in (
        jobs.get,
        jobs.cancel,
        jobs.retry,
        jobs.delete,
        jobs.result,
        jobs.events,
    ):
        with pytest.raises(UnknownJob):
            ask(uuid4())


def test_a_job_needs_a_data_set_that_is_there(jobs: SqlJobStore) -> None:
    with pytest.raises(UnknownDataset, match="'nowhere'"):
        jobs.add({"dataset": "nowhere"})


def test_the_oldest_queued_job_is_claimed_first_and_once(jobs: SqlJobStore) -> None:
    first, second = jobs.add(SPEC), jobs.add(SPEC)
    assert [claim(jobs).job.id, claim(jobs).job.id] == [first.id, second.id]
    assert jobs.claim("w1") is None


def test_many_claimers_take_each_job_once(jobs: SqlJobStore) -> None:
    added = [jobs.add(SPEC).id for _ in range(40)]

    def take(worker: int) -> list[UUID]:
        taken = []
        while (found := jobs.claim(f"w{worker}")) is not None:
            taken.append(found.job.id)
        return taken

    with ThreadPoolExecutor(8) as pool:
        claimed = [id for each in pool.map(take, range(8)) for id in each]
    assert sorted(claimed) == sorted(added)


def test_a_claim_raises_the_epoch_and_counts_the_attempt(jobs: SqlJobStore) -> None:
    jobs.add(SPEC)
    held = claim(jobs)
    assert (held.epoch, held.job.attempts, held.job.worker) == (1, 1, "w1")
    time.sleep(jobs.lease + 0.1)
    jobs.reap()
    again = claim(jobs, "w2")
    assert (again.epoch, again.job.attempts, again.job.worker) == (2, 2, "w2")
    outcomes = [each["outcome"] for each in jobs.attempts(held.job.id)]
    assert outcomes == ["lost", None]


def test_a_renewed_lease_is_not_reaped(jobs: SqlJobStore) -> None:
    jobs.add(SPEC)
    held = claim(jobs)
    for _ in range(4):
        time.sleep(jobs.lease / 2)
        jobs.renew(held)
        assert jobs.reap() == []


def test_progress_and_events_are_read_back_in_order(jobs: SqlJobStore) -> None:
    jobs.add(SPEC)
    held = claim(jobs)
    happened = [(Stage.SEARCHING, Note(text=text)) for text in ("one", "two")]
    jobs.record_progress(held, Stage.SEARCHING, 0.4, happened, remaining=60.0)
    job = jobs.get(held.job.id)
    assert (job.stage, job.progress) == (Stage.SEARCHING, 0.4)
    assert job.estimated_end is not None
    assert job.started is not None
    assert 55 < (job.estimated_end - job.started).total_seconds() < 65
    events = jobs.events(job.id)
    assert [e.kind for e in events] == ["state", "state", "note", "note"]
    assert [e.id for e in events] == sorted({e.id for e in events})
    assert [e.data for e in jobs.events(job.id, after=events[1].id)] == [
        {"stage": "searching", "text": "one"},
        {"stage": "searching", "text": "two"},
    ]
    assert len(jobs.events(job.id, limit=3)) == 3


def test_a_result_and_its_files_appear_with_the_state(jobs: SqlJobStore) -> None:
    jobs.add(SPEC)
    held = claim(jobs)
    with pytest.raises(NotFinished, match="running"):
        jobs.result(held.job.id)
    file = Artifact(name="sampler.json", size=3, sha256="00")
    jobs.publish(held, {"won": "dns"}, "jobs/1", [file])
    assert jobs.get(held.job.id).state is JobState.SUCCEEDED
    assert jobs.result(held.job.id) == {"won": "dns"}
    assert jobs.artifacts(held.job.id) == ("jobs/1", [file])


def test_a_worker_that_lost_its_job_changes_nothing(jobs: SqlJobStore) -> None:
    job = jobs.add(SPEC)
    stale = claim(jobs)
    lose(jobs)
    held = claim(jobs, "w2")
    before_it = (jobs.get(job.id), jobs.events(job.id))
    for write in (
        lambda: jobs.renew(stale),
        lambda: jobs.record_progress(stale, Stage.SEARCHING, 0.9, [NOTE]),
        lambda: jobs.publish(stale, {"won": "old"}, "jobs/old", []),
        lambda: jobs.fail(stale, WHY),
        lambda: jobs.release(stale),
        lambda: jobs.confirm_cancel(stale),
    ):
        with pytest.raises(Fenced):
            write()
    assert (jobs.get(job.id), jobs.events(job.id)) == before_it
    jobs.publish(held, {"won": "new"}, "jobs/new", [])
    assert jobs.result(job.id) == {"won": "new"}
    assert states(jobs, job.id).count("succeeded") == 1


def test_a_lost_job_is_queued_again_and_fails_when_lost_too_often(
    jobs: SqlJobStore,
) -> None:
    job = jobs.add(SPEC)
    claim(jobs)
    lose(jobs)
    assert jobs.get(job.id).state is JobState.QUEUED
    claim(jobs)
    lose(jobs)
    found = jobs.get(job.id)
    assert found.state is JobState.FAILED
    assert found.failure is not None
    assert found.failure.reason == "lost"
    assert found.finished is not None


def test_a_drained_job_goes_back_without_losing_an_attempt(jobs: SqlJobStore) -> None:
    job = jobs.add(SPEC)
    jobs.release(claim(jobs))
    found = jobs.get(job.id)
    assert (found.state, found.attempts, found.worker) == (JobState.QUEUED, 0, None)
    assert claim(jobs).epoch == 2


def test_cancel_ends_a_queued_job_and_asks_a_running_one(jobs: SqlJobStore) -> None:
    queued = jobs.add(SPEC)
    assert jobs.cancel(queued.id).state is JobState.CANCELLED
    running = jobs.add(SPEC)
    held = claim(jobs)
    assert jobs.cancel(running.id).state is JobState.CANCELLING
    assert jobs.renew(held) is JobState.CANCELLING
    assert jobs.record_progress(held, Stage.SEARCHING, 0.1) is JobState.CANCELLING
    with pytest.raises(Fenced):
        jobs.publish(held, {}, "jobs/1", [])
    jobs.confirm_cancel(held)
    assert jobs.get(running.id).state is JobState.CANCELLED


def test_a_job_lost_while_it_was_being_cancelled_is_cancelled(
    jobs: SqlJobStore,
) -> None:
    job, _ = in_state(jobs, JobState.CANCELLING)
    lose(jobs)
    assert jobs.get(job.id).state is JobState.CANCELLED


@pytest.mark.parametrize("state", JobState)
def test_asking_moves_a_job_only_where_the_table_allows(
    jobs: SqlJobStore, state: JobState
) -> None:
    asks = {
        jobs.cancel: {JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING},
        jobs.retry: {JobState.FAILED, JobState.CANCELLED},
        jobs.delete: set(FINAL),
    }
    for ask, allowed in asks.items():
        job, held = in_state(jobs, state)
        if state in allowed:
            ask(job.id)
        else:
            with pytest.raises(IllegalMove, match=state):
                ask(job.id)
            assert jobs.get(job.id).state is state
        if held is not None:
            lose(jobs)
        while jobs.claim("sweeper"):
            pass


def test_a_retried_job_starts_over_with_all_its_attempts(jobs: SqlJobStore) -> None:
    job, _ = in_state(jobs, JobState.FAILED)
    again = jobs.retry(job.id)
    assert (again.state, again.attempts, again.failure) == (JobState.QUEUED, 0, None)
    held = claim(jobs)
    assert held.epoch == 2
    assert held.job.finished is None


def test_a_deleted_job_is_gone_with_its_events(jobs: SqlJobStore) -> None:
    job, _ = in_state(jobs, JobState.SUCCEEDED)
    jobs.delete(job.id)
    with pytest.raises(UnknownJob):
        jobs.events(job.id)


def test_a_key_gives_the_same_job_and_refuses_another_spec(jobs: SqlJobStore) -> None:
    first = jobs.add(SPEC, key="k1")
    assert jobs.add(dict(reversed(SPEC.items())), key="k1").id == first.id
    with pytest.raises(KeyReused):
        jobs.add(SPEC | {"metric": "mrr@5"}, key="k1")
    assert jobs.add(SPEC, key="k2").id != first.id


def test_the_same_key_at_the_same_time_queues_one_job(jobs: SqlJobStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _: jobs.add(SPEC, key="k").id, range(16)))
    assert len(set(ids)) == 1
    assert len(jobs.page().jobs) == 1


def test_pages_hold_every_job_once_newest_first(jobs: SqlJobStore) -> None:
    added = [jobs.add(SPEC).id for _ in range(7)]
    seen, token = [], None
    while True:
        page = jobs.page(limit=3, token=token)
        seen += [job.id for job in page.jobs]
        token = page.next_token
        if token is None:
            break
    assert seen == added[::-1]
    with pytest.raises(ValueError, match="not a page token"):
        jobs.page(token="nonsense")


def test_pages_can_be_of_one_state(jobs: SqlJobStore) -> None:
    jobs.add(SPEC)
    running = claim(jobs).job.id
    jobs.add(SPEC)
    assert [job.id for job in jobs.page(state=JobState.RUNNING).jobs] == [running]


def test_workers_are_seen(jobs: SqlJobStore) -> None:
    assert jobs.seconds_since_heartbeat() is None
    jobs.record_heartbeat("w1")
    jobs.record_heartbeat("w1")
    ago = jobs.seconds_since_heartbeat()
    assert ago is not None
    assert 0 <= ago < 5


@pytest.mark.parametrize(("start", "to"), [*product(JobState, JobState)])
def test_the_table_of_moves_reads_the_same_both_ways(
    start: JobState, to: JobState
) -> None:
    assert (to in MOVES[start]) == (start in states_before(to))
