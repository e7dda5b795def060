"""Adds webhooks: the URL to call at a job's end, and how often it was tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("webhook", sa.String(2048)))
    tries = sa.Column("webhook_tries", sa.Integer, nullable=False, server_default="0")
    op.add_column("jobs", tries)
    op.add_column("jobs", sa.Column("webhook_after", sa.Double))
    op.add_column("jobs", sa.Column("webhook_done", sa.Double))


def downgrade() -> None:
    with op.batch_alter_table("jobs") as jobs:
        for name in ("webhook_done", "webhook_after", "webhook_tries", "webhook"):
            jobs.drop_column(name)
