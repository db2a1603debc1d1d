"""What of a run stands in the public gallery."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Add the table of what was published."""
    op.create_table(
        "publications",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("product_id", sa.String, primary_key=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("link", sa.String, nullable=False),
        sa.Column("sum_version", sa.Integer, nullable=False),
        sa.Column("published", sa.Float, nullable=False),
    )
    op.execute("UPDATE meta SET value = '3' WHERE key = 'schema_version'")
