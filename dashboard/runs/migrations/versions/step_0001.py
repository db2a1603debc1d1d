"""Runs, their batches and what happened to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make the tables of the first version."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("request_json", sa.Text, nullable=False),
        sa.Column("plan_json", sa.Text, nullable=False),
        sa.Column("n_jobs", sa.Integer, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("sums_json", sa.Text, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_index("ix_runs_owner", "runs", ["owner"])
    op.create_index("ix_runs_state", "runs", ["state"])
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String, primary_key=True),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("parameters_json", sa.Text, nullable=False),
        sa.Column("exposure", sa.Float, nullable=False),
        sa.Column("tstart", sa.Float),
        sa.Column("tstop", sa.Float),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("due", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("remedy", sa.Text, nullable=False),
        sa.Column("job_id", sa.String, nullable=False),
        sa.Column("session_id", sa.String, nullable=False),
        sa.Column("scw_done", sa.Integer, nullable=False),
        sa.Column("scw_total", sa.Integer, nullable=False),
        sa.Column("product_file", sa.String, nullable=False),
        sa.Column("catalog_json", sa.Text, nullable=False),
        sa.Column("n_bytes", sa.Integer, nullable=False),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
    )
    op.create_table(
        "run_batches",
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), primary_key=True),
        sa.Column("batch_id", sa.String, sa.ForeignKey("batches.batch_id"), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("job", sa.Integer, nullable=False),
        sa.Column("reused", sa.Boolean, nullable=False),
        sa.Column("folded", sa.Boolean, nullable=False),
        sa.Column("excluded", sa.Boolean, nullable=False),
        sa.Column("refusal", sa.Text, nullable=False),
    )
    op.create_index("ix_run_batches_batch_id", "run_batches", ["batch_id"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String, nullable=False),
        sa.Column("batch_id", sa.String, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_events_run_id", "events", ["run_id"])
    op.create_index("ix_events_batch_id", "events", ["batch_id"])
    op.create_table("meta", sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))
    op.execute("INSERT INTO meta (key, value) VALUES ('schema_version', '1')")
