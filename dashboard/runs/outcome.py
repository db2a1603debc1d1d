"""What the batches of a run imply for it: whether it has ended, its sums are whole, what it waits for."""

from __future__ import annotations

import math

import sqlalchemy as sa

from dashboard.runs.run_state import ACTIVE_RUN, ARRIVED, ENDED_BATCH, IN_FLIGHT
from dashboard.runs.schema import batches, run_batches, runs

INCLUDED = ~run_batches.c.excluded
BELONGS = sa.and_(INCLUDED, run_batches.c.refusal == "", batches.c.state == "done")
"""Whether the product of a batch belongs into the sum of its run."""
IN_QUEUE = (batches.c.state == "queued", batches.c.due.is_(None))


def _at_work(connection: sa.Connection, run_id: str) -> bool:
    """Whether some batch of a run is in the queue or in flight: there are few of those in the whole store."""
    mine = sa.exists().where(run_batches.c.run_id == run_id, run_batches.c.batch_id == batches.c.batch_id, INCLUDED)
    some = sa.or_(batches.c.state.in_(IN_FLIGHT), sa.and_(*IN_QUEUE))
    query = sa.select(batches.c.batch_id).where(batches.c.state.in_({"queued", *IN_FLIGHT}), some, mine)
    return connection.scalar(query.limit(1)) is not None


def ended(connection: sa.Connection, run_id: str) -> bool:
    """Whether no more products can come for a run."""
    state = connection.scalar(sa.select(runs.c.state).where(runs.c.run_id == run_id))
    if state in ACTIVE_RUN and _at_work(connection, run_id):
        return False
    mine = (run_batches.c.run_id == run_id, INCLUDED)
    waited_for = sa.select(batches.c.batch_id).join(run_batches).where(*mine, batches.c.state.not_in(ENDED_BATCH))
    return state not in ACTIVE_RUN or connection.scalar(waited_for.limit(1)) is None


def in_step(connection: sa.Connection, run_id: str, plan_version: int) -> bool:
    """Whether the published sums of a run hold just what belongs into them, by a plan that is still its own."""
    row = connection.execute(sa.select(runs.c.plan_version).where(runs.c.run_id == run_id)).one_or_none()
    differing = sa.select(run_batches.c.batch_id).join(batches).where(run_batches.c.run_id == run_id, run_batches.c.folded != BELONGS)
    return row is not None and row.plan_version == plan_version and connection.scalar(differing.limit(1)) is None


def implied(connection: sa.Connection, run_id: str, complete: bool, closed: str) -> tuple[str, str, str] | None:
    """The state of an active run, the one its batches imply, and why it waits; None when nothing is to be changed."""
    run = connection.execute(sa.select(runs.c.state, runs.c.reason).where(runs.c.run_id == run_id)).one_or_none()
    if run is None or run.state not in ACTIVE_RUN:
        return None
    after, reason = _state_and_reason(connection, run_id, complete, closed) or (run.state, run.reason)
    return None if (after, reason) == (run.state, run.reason) else (run.state, after, reason)


def _state_and_reason(connection: sa.Connection, run_id: str, complete: bool, closed: str) -> tuple[str, str] | None:
    if _at_work(connection, run_id):
        return "running", ""
    query = sa.select(batches.c.state, batches.c.due, batches.c.reason, run_batches.c.refusal).join(run_batches)
    newest_first = query.where(run_batches.c.run_id == run_id, INCLUDED).order_by(batches.c.updated.desc(), run_batches.c.position)
    rows = connection.execute(newest_first).all()
    states = {row.state for row in rows}
    if states <= ENDED_BATCH:
        whole = states <= ARRIVED and not any(row.refusal for row in rows)
        return (("done" if whole else "done with failures") if complete else "running"), ""
    for_token = [row.reason for row in rows if row.state == "queued" and row.due == math.inf]
    reasons = [closed] if closed else for_token or [row.reason for row in rows if row.state == "queued" and row.reason]
    return ("waiting", reasons[0]) if reasons else None
