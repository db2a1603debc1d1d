"""Who is at work, who adds a run up, and how long its batches took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    """Add what several workers, and those who watch them, need."""
    op.create_table(
        "processes",
        sa.Column("process_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("machine", sa.String, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("beat", sa.Float, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("key_print", sa.String, nullable=False),
    )
    op.add_column("runs", sa.Column("adder", sa.String, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("adders", sa.Integer, nullable=False, server_default="0"))
    op.add_column("batches", sa.Column("began", sa.Float))
    op.add_column("batches", sa.Column("seconds", sa.Float, nullable=False, server_default="0"))
    op.execute("UPDATE meta SET value = '4' WHERE key = 'schema_version'")
