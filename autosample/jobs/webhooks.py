"""Calls at a job's end: which are due, and how each went.

A call is claimed like a job is, by one statement that puts the next try off, so that
several API processes make it once; and it is made until it was answered, or often
enough. At-least-once: whoever is called tells repeats by the webhook's id.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine, literal, or_, select, update

from autosample.jobs.rows import log_events
from autosample.jobs.state import FINAL
from autosample.jobs.tables import jobs, now

TRIES = 8
FIRST = 5.0
"""Seconds to the second try; each wait is four times the one before: a day in all."""


class Call(NamedTuple):
    """Somebody who wants to know."""

    job: UUID
    url: str
    state: str
    finished: float
    epoch: int
    tries: int
    """This one included."""

    @property
    def id(self) -> str:
        """The same for every try of the same end."""
        return f"{self.job}-{self.epoch}-{self.state}"


class SqlWebhookStore:
    """Columns of the job table."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def take(self) -> Call | None:
        """Claim a call that is due; None if none is."""
        due = (
            select(jobs.c.id)
            .where(jobs.c.webhook.is_not(None), jobs.c.webhook_done.is_(None))
            .where(jobs.c.state.in_(tuple(FINAL)), jobs.c.webhook_tries < TRIES)
            .where(or_(jobs.c.webhook_after.is_(None), jobs.c.webhook_after < now()))
            .order_by(jobs.c.finished)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        wait = FIRST * literal(1).op("<<")(2 * jobs.c.webhook_tries)
        take = (
            update(jobs)
            .where(jobs.c.id == due.scalar_subquery())
            .values(webhook_tries=jobs.c.webhook_tries + 1, webhook_after=now() + wait)
            .returning(jobs)
        )
        with self.engine.begin() as db:
            row = db.execute(take).mappings().one_or_none()
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

    def went(self, call: Call, told: str, *, well: bool) -> None:
        """Write how a try went; the last of those that fail is the end of it."""
        done = now() if well else None
        with self.engine.begin() as db:
            mine = update(jobs).where(jobs.c.id == call.job)
            if db.execute(mine.values(webhook_done=done)).rowcount:
                what = {"well": well, "told": told, "try": call.tries}
                log_events(db, call.job, call.epoch, [("webhook", what)])
