"""Tables of the run store.

Times are seconds since 1970 (UTC). A row of `batches` is shared by all runs that ask the same work; what one run thinks
of it stands in `run_batches`. What is long and does not change stands apart, in `plans` and `contents`: rows are written whole.
"""

from __future__ import annotations

import time

import sqlalchemy as sa

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("owner", sa.String, nullable=False, index=True),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("request_json", sa.Text, nullable=False),
    sa.Column("n_jobs", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("sums_json", sa.Text, nullable=False, default="{}", comment="job number to version of its published sum"),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    sa.Column("plan_version", sa.Integer, nullable=False, default=1, comment="raised when the plan changes"),
    sa.Column("pinned", sa.Boolean, nullable=False, default=False, comment="never removed by retention"),
    sa.Column("ended", sa.Float, comment="NULL: not yet"),
    sa.Column("tell", sa.String, nullable=False, default="", comment="e-mail address of whoever wants to know its end"),
    sa.Column("adder", sa.String, nullable=False, default="", comment="process that adds it up; empty for none yet"),
    sa.Column("adders", sa.Integer, nullable=False, default=0, comment="how often another process went on with that"),
)

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("plan_json", sa.Text, nullable=False),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("exposure", sa.Float, nullable=False),
    sa.Column("tstart", sa.Float),
    sa.Column("tstop", sa.Float),
    sa.Column("state", sa.String, nullable=False, default="planned", index=True),
    sa.Column("due", sa.Float, default=0.0, index=True, comment="when to enqueue it; NULL: enqueued already, or at an end"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0, comment="how often it was enqueued, ever"),
    sa.Column("tries", sa.Integer, nullable=False, default=0, comment="failures since a user last asked for it"),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("remedy", sa.Text, nullable=False, default=""),
    sa.Column("job_id", sa.String, nullable=False, default=""),
    sa.Column("session_id", sa.String, nullable=False, default=""),
    sa.Column("scw_done", sa.Integer, nullable=False, default=0),
    sa.Column("scw_total", sa.Integer, nullable=False),
    sa.Column("product_file", sa.String, nullable=False, default=""),
    sa.Column("n_bytes", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.String, nullable=False, default=""),
    sa.Column("updated", sa.Float, nullable=False),
    sa.Column("began", sa.Float, comment="when its job was submitted; NULL: not yet"),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0, comment="from then until its product was stored; 0: it is not"),
)

contents = sa.Table(
    "contents",
    metadata,
    sa.Column("batch_id", sa.ForeignKey("batches.batch_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("parameters_json", sa.Text, nullable=False, comment="what is asked"),
    sa.Column("catalog_json", sa.Text, nullable=False, default="", comment="that it came back with"),
)

run_batches = sa.Table(
    "run_batches",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey("batches.batch_id"), primary_key=True, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("job", sa.Integer, nullable=False),
    sa.Column("reused", sa.Boolean, nullable=False, default=False),
    sa.Column("folded", sa.Boolean, nullable=False, default=False),
    sa.Column("excluded", sa.Boolean, nullable=False, default=False),
    sa.Column("refusal", sa.Text, nullable=False, default="", comment="why its product does not enter this run's sum"),
    sa.Column("changed", sa.Integer, nullable=False, default=0, comment="version of the run with which the batch last changed"),
    sa.Index("ix_run_batches_run_id_changed", "run_id", "changed"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, default="", index=True),
    sa.Column("batch_id", sa.String, nullable=False, default="", index=True),
    sa.Column("at", sa.Float, nullable=False, default=time.time),
    sa.Column("what", sa.String, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, default=""),
)

publications = sa.Table(
    "publications",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("product_id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("job", sa.Integer, nullable=False),
    sa.Column("source", sa.String, nullable=False, comment="empty for an image"),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("link", sa.String, nullable=False),
    sa.Column("sum_version", sa.Integer, nullable=False),
    sa.Column("published", sa.Float, nullable=False),
)

links = sa.Table(
    "links",
    metadata,
    sa.Column("link_id", sa.String, primary_key=True, comment="hash of the secret that opens it"),
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), nullable=False, index=True),
    sa.Column("owner", sa.String, nullable=False, comment="who made it"),
    sa.Column("name", sa.String, nullable=False, comment="for whom, as its maker calls it; may be empty"),
    sa.Column("view_json", sa.Text, nullable=False, comment="what its maker looked at, see dashboard.view"),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("expires", sa.Float, comment="NULL: never"),
    sa.Column("revoked", sa.Float, comment="NULL: it is not"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("owner", sa.String, primary_key=True),
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("given", sa.Float, nullable=False),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("pauses", sa.Integer, nullable=False, default=0),
    sa.Column("paused_until", sa.Float, nullable=False, default=0.0),
    sa.Column("paused_by", sa.String, nullable=False, default=""),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("answered", sa.Float, nullable=False, default=0.0),
)

counts = sa.Table(
    "counts",
    metadata,
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("what", sa.String, primary_key=True, comment="see `dashboard.runs.counts`"),
    sa.Column("number", sa.Float, nullable=False, comment="only ever grows"),
)

processes = sa.Table(
    "processes",
    metadata,
    sa.Column("process_id", sa.String, primary_key=True),
    sa.Column("kind", sa.String, nullable=False, comment="worker or page"),
    sa.Column("machine", sa.String, nullable=False),
    sa.Column("began", sa.Float, nullable=False, comment="this and `beat` by the database's clock"),
    sa.Column("beat", sa.Float, nullable=False, comment="its last sign of life"),
    sa.Column("version", sa.String, nullable=False, comment="of the program"),
    sa.Column("key_print", sa.String, nullable=False, comment="tells whether two processes have the same key, not which"),
)

meta = sa.Table("meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))
