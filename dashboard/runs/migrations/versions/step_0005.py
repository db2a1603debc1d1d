"""What happened at each host, counted for good: rows of batches come and go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0005", "0004"


def upgrade() -> None:
    """Add the counts, beginning with what is there, and find the few batches that are not done without reading the many that are."""
    op.create_table(
        "counts",
        sa.Column("host", sa.String, primary_key=True),
        sa.Column("what", sa.String, primary_key=True),
        sa.Column("number", sa.Float, nullable=False),
    )
    op.create_index("ix_batches_state", "batches", ["state"])
    for what, number in (("done", "count(*)"), ("bytes", "sum(n_bytes)")):
        op.execute(f"INSERT INTO counts SELECT host, '{what}', {number} FROM batches WHERE state = 'done' GROUP BY host")
    op.execute("UPDATE meta SET value = '5' WHERE key = 'schema_version'")
