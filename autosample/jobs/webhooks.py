"""Webhook calls at the end of a job: which ones are due, and how each try ended.

A call is claimed as a job is, by one statement that also postpones the next try, so
that only one of several API processes makes it. It is tried until it is answered or
`TRIES` are used up. Delivery is at-least-once: receivers recognise repeats by the
webhook's id.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine, literal, or_, select, update

from autosample.jobs.events import WebhookCalled
from autosample.jobs.rows import fetch_optional, log_events
from autosample.jobs.state import FINAL
from autosample.jobs.tables import jobs, now

TRIES = 8
"""Tries of one call, the first included."""
FIRST = 5.0
"""Seconds before the second try; each wait is four times the last, a day in total."""


class Call(NamedTuple):
    """One try to report the end of a job to a URL."""

    job: UUID
    url: str
    state: str
    finished: float
    epoch: int
    tries: int
    """Tries so far, this one included."""

    @property
    def id(self) -> str:
        """The webhook's id: equal for every try to report the same end."""
        return f"{self.job}-{self.epoch}-{self.state}"


class SqlWebhookStore:
    """Calls that are due, kept in the columns of the job table."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def claim(self) -> Call | None:
        """Take a call that is due and postpone its next try; None if none is due."""
        due = (
            select(jobs.c.id)
            .where(jobs.c.webhook.is_not(None), jobs.c.webhook_done.is_(None))
            .where(jobs.c.state.in_(tuple(FINAL)), jobs.c.webhook_tries < TRIES)
            .where(or_(jobs.c.webhook_after.is_(None), jobs.c.webhook_after < now()))
            .order_by(jobs.c.finished)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        wait = FIRST * literal(1).op("<<")(2 * jobs.c.webhook_tries)  # FIRST * 4^tries
        take = (
            update(jobs)
            .where(jobs.c.id == due.scalar_subquery())
            .values(webhook_tries=jobs.c.webhook_tries + 1, webhook_after=now() + wait)
            .returning(jobs)
        )
        with self.engine.begin() as db:
            row = fetch_optional(db, take)
        if row is None:
            return None
        return Call(
            job=row["id"],
            url=row["webhook"],
            state=row["state"],
            finished=row["finished"],
            epoch=row["epoch"],
            tries=row["webhook_tries"],
        )

    def record_call(self, call: Call, answer: str, *, well: bool) -> None:
        """Record the outcome of a call; after `TRIES` failures it is given up."""
        done = now() if well else None
        with self.engine.begin() as db:
            mine = update(jobs).where(jobs.c.id == call.job)
            if db.execute(mine.values(webhook_done=done)).rowcount:
                called = WebhookCalled(delivered=well, answer=answer, call=call.tries)
                log_events(db, call.job, call.epoch, [(None, called)])
