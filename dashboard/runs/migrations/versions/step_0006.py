"""What is long and does not change stands apart from what changes often: SQLite writes a row whole, with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    """Move plans, queries and catalogues, and note of each batch with which version of its run it last changed."""
    op.create_table(
        "plans",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("plan_json", sa.Text, nullable=False),
    )
    op.create_table(
        "contents",
        sa.Column("batch_id", sa.String, sa.ForeignKey("batches.batch_id", ondelete="CASCADE"), primary_key=True),
        sa.Column("parameters_json", sa.Text, nullable=False),
        sa.Column("catalog_json", sa.Text, nullable=False),
    )
    op.execute("INSERT INTO plans SELECT run_id, plan_json FROM runs")
    op.execute("INSERT INTO contents SELECT batch_id, parameters_json, catalog_json FROM batches")
    op.drop_column("runs", "plan_json")
    op.drop_column("batches", "parameters_json")
    op.drop_column("batches", "catalog_json")
    op.add_column("run_batches", sa.Column("changed", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_run_batches_run_id_changed", "run_batches", ["run_id", "changed"])
    op.create_index("ix_batches_due", "batches", ["due"])
    op.execute("UPDATE meta SET value = '6' WHERE key = 'schema_version'")
