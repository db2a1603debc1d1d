"""Sealed tokens, the gates of hosts, plans that change, runs that are pinned, and the end of a run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Add what runs that survive need. Programs of the first version then say that they are too old."""
    op.create_table(
        "tokens",
        sa.Column("owner", sa.String, primary_key=True),
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("given", sa.Float, nullable=False),
    )
    op.create_table(
        "hosts",
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("pauses", sa.Integer, nullable=False),
        sa.Column("paused_until", sa.Float, nullable=False),
        sa.Column("paused_by", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("answered", sa.Float, nullable=False),
    )
    # Not in batch mode: on SQLite that may make the table anew, and rows of run_batches refer to the one it drops.
    op.add_column("runs", sa.Column("plan_version", sa.Integer, nullable=False, server_default="1"))
    op.add_column("runs", sa.Column("pinned", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("ended", sa.Float))
    op.add_column("runs", sa.Column("tell", sa.String, nullable=False, server_default=""))
    op.execute(
        "UPDATE runs SET ended = updated WHERE state IN ('done', 'done with failures', 'cancelled')",
    )
    op.execute("UPDATE meta SET value = '2' WHERE key = 'schema_version'")
