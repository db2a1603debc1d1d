"""What both sides of the run store, clients and worker, do to its rows within a transaction."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from dashboard.plan.batch import Batch
from dashboard.plan.plan import Plan
from dashboard.runs.run_state import ACTIVE_RUN, BatchState
from dashboard.runs.schema import batches, contents, events, run_batches, runs
from dashboard.runs.vault import release

AGAIN = {"state": "planned", "due": 0.0, "tries": 0, "reason": "", "remedy": "", "scw_done": 0}
"""What makes the worker ask a batch again."""


def add_batches(connection: sa.Connection, run_id: str, plan: Plan, what: str) -> None:
    """Give a run the plan's batches that it does not have yet: those that are done are reused, those that failed are asked again."""
    now = time.time()
    job_of = {batch_id: number for number, job in enumerate(plan.jobs) for batch_id in job.batch_ids}
    mine = set(connection.scalars(sa.select(run_batches.c.batch_id).where(run_batches.c.run_id == run_id)))
    added = [(position, batch) for position, batch in enumerate(plan.batches) if batch.batch_id not in mine]
    ids = [batch.batch_id for _, batch in added]
    known = dict(connection.execute(sa.select(batches.c.batch_id, batches.c.state).where(batches.c.batch_id.in_(ids))).all())
    new = [_batch_row(batch, now) for _, batch in added if batch.batch_id not in known]
    if new:
        connection.execute(batches.insert(), new)
        connection.execute(contents.insert(), [_content(batch) for _, batch in added if batch.batch_id not in known])
    again = [batch_id for batch_id, state in known.items() if state in {"failed", "cancelled"}]
    connection.execute(batches.update().where(batches.c.batch_id.in_(again)).values(**AGAIN, updated=now))
    held = (batches.c.batch_id.in_(ids), batches.c.state == "queued", batches.c.due == math.inf)
    connection.execute(batches.update().where(*held).values(due=0.0))  # what waits for another user's token is asked for this one
    rows: list[dict[str, Any]] = [
        {"run_id": run_id, "batch_id": i, "position": position, "job": job_of[i], "reused": known.get(i) == "done"}
        for (position, _), i in zip(added, ids, strict=True)
    ]
    if rows:
        connection.execute(run_batches.insert(), rows)
    note(connection, what, f"{len(ids)} batches, {sum(bool(row['reused']) for row in rows)} of them reused", run_id=run_id)
    note_batches(connection, "planned", batch_ids=[row["batch_id"] for row in new] + again)
    reopen(connection, again)


def ask_again(connection: sa.Connection, run_id: str, batch_ids: Collection[str]) -> None:
    """Ask batches of a run again; other runs that ended without them get them too."""
    ids = list(batch_ids)
    connection.execute(batches.update().where(batches.c.batch_id.in_(ids)).values(**AGAIN, updated=time.time()))
    mine = (run_batches.c.run_id == run_id, run_batches.c.batch_id.in_(ids))
    connection.execute(run_batches.update().where(*mine).values(refusal="", reused=False))
    note_batches(connection, "retried", batch_ids=ids)
    set_run(connection, run_id, "running", f"{len(ids)} batches are asked again")
    reopen(connection, ids)


def reopen(connection: sa.Connection, batch_ids: Collection[str]) -> None:
    """Other runs that ended without these batches get them too, now that they are asked again."""
    holders = sa.select(run_batches.c.run_id).where(run_batches.c.batch_id.in_(list(batch_ids)), ~run_batches.c.excluded)
    query = sa.select(runs.c.run_id).where(runs.c.run_id.in_(holders), runs.c.state == "done with failures")
    for run_id in connection.scalars(query).all():
        set_run(connection, run_id, "running", "batches that had failed are asked again")
    touch(connection, batch_ids)


def note(connection: sa.Connection, what: str, detail: str = "", *, run_id: str = "", batch_id: str = "") -> None:
    """Record an event."""
    connection.execute(events.insert().values(run_id=run_id, batch_id=batch_id, what=what, detail=detail))


def note_batches(connection: sa.Connection, what: str, detail: str = "", batch_ids: Collection[str] = ()) -> None:
    """Record the same event for several batches."""
    if batch_ids:
        connection.execute(events.insert(), [{"batch_id": batch_id, "what": what, "detail": detail} for batch_id in batch_ids])


def touch(connection: sa.Connection, batch_ids: Collection[str]) -> None:
    """Raise the version of every run that holds one of these batches, and note it with them."""
    these = run_batches.c.batch_id.in_(list(batch_ids))
    holders = sa.select(run_batches.c.run_id).where(these)
    connection.execute(runs.update().where(runs.c.run_id.in_(holders)).values(version=runs.c.version + 1, updated=time.time()))
    version = sa.select(runs.c.version).where(runs.c.run_id == run_batches.c.run_id).scalar_subquery()
    connection.execute(run_batches.update().where(these).values(changed=version))


def set_run(connection: sa.Connection, run_id: str, state: str, detail: str = "", reason: str = "") -> None:
    """Give a run a new state, and record it; a token that no run needs any more is forgotten."""
    now = time.time()
    values = {"state": state, "reason": reason, "version": runs.c.version + 1, "updated": now}
    values["ended"] = None if state in ACTIVE_RUN else now
    connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))
    note(connection, state, detail or reason, run_id=run_id)
    release(connection)


def batch_state(row: sa.Row[Any], scw: tuple[str, ...]) -> BatchState:
    """A batch as its run sees it, from columns of `batches` and `run_batches`, and its science windows."""
    refused = bool(row.refusal) and row.state == "done"
    state = "reused" if row.reused and row.state == "done" else row.state
    state = "excluded" if row.excluded else "failed" if refused else state
    return BatchState(
        batch_id=row.batch_id,
        state=state,
        scw=scw,
        job=row.job,
        scw_done=len(scw) if row.state == "done" else row.scw_done,
        exposure=row.exposure,
        attempts=row.attempts,
        reason=row.refusal if refused else row.reason,
        remedy="Leave it out, or ask it again." if refused else row.remedy,
        job_id=row.job_id,
        tstart=math.nan if row.tstart is None else row.tstart,
        tstop=math.nan if row.tstop is None else row.tstop,
        n_bytes=row.n_bytes,
        updated=row.updated,
    )


def _batch_row(batch: Batch, now: float) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "host": batch.host,
        "owner": batch.owner,
        "exposure": batch.exposure,
        "tstart": batch.tstart if math.isfinite(batch.tstart) else None,
        "tstop": batch.tstop if math.isfinite(batch.tstop) else None,
        "scw_total": len(batch.scw),
        "updated": now,
    }


def _content(batch: Batch) -> dict[str, Any]:
    return {"batch_id": batch.batch_id, "parameters_json": json.dumps(dict(batch.parameters), sort_keys=True, allow_nan=False)}
