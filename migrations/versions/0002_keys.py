"""Adds keys with scopes, owners of jobs and data sets, and sizes of data sets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("expires", sa.Double),
        sa.Column("revoked", sa.Double),
    )
    for table in ("jobs", "datasets"):
        owner = sa.Column("owner", sa.String(64), nullable=False, server_default="")
        op.add_column(table, owner)
    size = sa.Column("size", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("datasets", size)
    op.create_index("jobs_by_owner", "jobs", ["owner", "state"])


def downgrade() -> None:
    op.drop_index("jobs_by_owner", "jobs")
    with op.batch_alter_table("datasets") as datasets:
        datasets.drop_column("size")
        datasets.drop_column("owner")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("owner")
    op.drop_table("keys")
