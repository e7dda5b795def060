"""Keys on both engines: told once, hashed at rest, worth nothing when over."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select, update

from autosample.errors import LimitReached, NotAllowed, NotFound, SpecError, UnknownJob
from autosample.jobs.keys import Scope, SqlKeyStore
from autosample.jobs.store import SqlJobStore
from autosample.jobs.tables import jobs as jobs_table
from autosample.jobs.tables import keys as keys_table
from autosample.jobs.tables import now

SPEC = {"dataset": "toy"}


@pytest.fixture
def keys(engine: Engine) -> SqlKeyStore:
    return SqlKeyStore(engine)


def test_a_key_opens_until_it_is_revoked(keys: SqlKeyStore) -> None:
    assert not keys.any()
    made, text = keys.create("ci", Scope.SUBMIT, owner="team")
    assert keys.any()
    assert keys.caller(text) == ("team", Scope.SUBMIT, made.id)
    assert keys.revoke(made.id).revoked is not None
    with pytest.raises(NotAllowed, match="revoked"):
        keys.caller(text)
    assert keys.any()  # none being left does not open the door


def test_an_expired_key_opens_nothing(keys: SqlKeyStore) -> None:
    made, text = keys.create("brief", Scope.READ, days=1)
    assert keys.caller(text).owner == made.id
    with keys.engine.begin() as db:
        db.execute(update(keys_table).values(expires=now() - 1))
    with pytest.raises(NotAllowed, match="expired"):
        keys.caller(text)


def test_the_secret_is_nowhere_at_rest(keys: SqlKeyStore) -> None:
    made, text = keys.create("ci", Scope.ADMIN)
    secret = text.split("_", 2)[2]
    with keys.engine.begin() as db:
        row = db.execute(select(keys_table)).mappings().one()
    assert all(secret not in str(value) for value in row.values())
    assert secret not in str(keys.list())
    assert keys.list() == [made]


def test_what_is_almost_a_key_is_not_one(keys: SqlKeyStore) -> None:
    made, text = keys.create("ci", Scope.READ)
    wrong = (
        "",
        "as",
        "as_",
        f"as_{made.id}",
        f"as_{made.id}_",
        text[:-1],
        text + "x",
        text.replace(made.id, "0" * 12),
        "ä_ö_ü",
    )
    for each in wrong:
        with pytest.raises(NotAllowed, match="not known"):
            keys.caller(each)


def test_a_key_that_makes_no_sense_is_refused(keys: SqlKeyStore) -> None:
    for bad in (
        {"name": ""},
        {"name": "a", "days": 0},
        {"name": "a", "owner": "o" * 65},
    ):
        with pytest.raises(SpecError):
            keys.create(**({"scope": Scope.READ} | bad))
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke("nobody")


def test_scopes_reach_as_far_as_those_before_them() -> None:
    reach = [[one.allows(other) for other in Scope] for one in Scope]
    assert reach == [[True, False, False], [True, True, False], [True, True, True]]


def test_jobs_are_seen_by_their_owner_and_by_nobody_else(jobs: SqlJobStore) -> None:
    mine, yours = (jobs.add(SPEC, owner=owner) for owner in ("me", "you"))
    assert jobs.get(mine.id, only_owner="me").owner == "me"
    assert jobs.get(mine.id, only_owner=None) == mine
    with pytest.raises(UnknownJob):
        jobs.get(mine.id, only_owner="you")
    assert [job.id for job in jobs.page(only_owner="you").jobs] == [yours.id]
    assert len(jobs.page().jobs) == 2


def test_one_owners_idempotency_key_is_not_anothers(jobs: SqlJobStore) -> None:
    first, second = (jobs.add(SPEC, key="k", owner=owner) for owner in ("me", "you"))
    assert first.id != second.id
    assert jobs.add(SPEC, key="k", owner="me").id == first.id


def test_an_owner_has_no_more_unfinished_jobs_than_one_may(jobs: SqlJobStore) -> None:
    jobs.quota = 2
    first = jobs.add(SPEC, owner="me", key="k")
    jobs.add(SPEC, owner="me")
    with pytest.raises(LimitReached, match="2 is the limit"):
        jobs.add(SPEC, owner="me")
    assert jobs.add(SPEC, owner="me", key="k").id == first.id  # nothing new
    jobs.add(SPEC, owner="you")
    jobs.cancel(first.id)
    jobs.add(SPEC, owner="me")
    with jobs.engine.begin() as db:
        assert len(db.execute(select(jobs_table.c.id)).all()) == 4
