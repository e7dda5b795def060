"""The first schema: tables of data sets, jobs, attempts, events and workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("stats", sa.JSON, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    _create_jobs()
    op.create_table(
        "attempts",
        sa.Column("job", sa.Uuid, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("worker", sa.String(255), nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("ended", sa.Double),
        sa.Column("outcome", sa.String(16)),
        sa.Column("failure", sa.JSON),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "events",
        sa.Column("id", BIG_ID, primary_key=True, autoincrement=True),
        sa.Column("job", sa.Uuid, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_job", "events", ["job", "id"])
    op.create_table(
        "workers",
        sa.Column("id", sa.String(255), primary_key=True),
        sa.Column("seen", sa.Double, nullable=False),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("stage", sa.String(16)),
        sa.Column("progress", sa.Double, nullable=False),
        sa.Column("spec", sa.JSON, nullable=False),
        sa.Column("dataset", sa.String(64), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker", sa.String(255)),
        sa.Column("lease_until", sa.Double),
        sa.Column("failure", sa.JSON),
        sa.Column("result", sa.JSON),
        sa.Column("artifacts", sa.JSON),
        sa.Column("folder", sa.String(512)),
        sa.Column("idempotency_key", sa.String(255), unique=True),
        sa.Column("request_hash", sa.String(64)),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("started", sa.Double),
        sa.Column("finished", sa.Double),
        sa.Column("estimated_end", sa.Double),
    )
    op.create_index("jobs_by_state", "jobs", ["state", "created"])
    op.create_index("jobs_by_created", "jobs", ["created", "id"])
    op.create_index("jobs_by_dataset", "jobs", ["dataset"])


def downgrade() -> None:
    for table in ("workers", "events", "attempts", "jobs", "datasets"):
        op.drop_table(table)
