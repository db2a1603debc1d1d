"""The worker's side of the run store: what happens to batches and runs, written down as it happens."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from dashboard.dispatcher.remedy import remedy
from dashboard.errors import DashboardError, RunTaken
from dashboard.plan.batch import Batch
from dashboard.runs.counts import count_done, count_failed
from dashboard.runs.database import Database
from dashboard.runs.outcome import BELONGS, IN_QUEUE, INCLUDED, ended, implied, in_step
from dashboard.runs.rows import note, set_run, touch
from dashboard.runs.run_state import ACTIVE_RUN, ENDED_BATCH, IN_FLIGHT
from dashboard.runs.schema import batches, contents, run_batches, runs

AHEAD = 32
"""Batches of one run that stand in the queue at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """A batch to put into the queue; the lower `priority`, the sooner."""

    batch_id: str
    attempt: int
    host: str
    priority: int

    @property
    def workflow_id(self) -> str:
        """Unique to the attempt."""
        return f"{self.batch_id}-{self.attempt}"


class Done(NamedTuple):
    """What a batch came to: seconds from its submission, 0 when it was stored already, and bytes of the answer."""

    seconds: float
    n_bytes: int


class ActiveRun(NamedTuple):
    """What the worker has to know of a run at every turn."""

    host: str
    plan_version: int
    version: int


class News(NamedTuple):
    """Batches of a job by a version of the run: those whose products belong into its sum, in order of arrival, and the others."""

    version: int
    belongs: list[str]
    others: set[str]


class Ledger:
    """Rows of batches and runs as one worker changes them. A batch that was cancelled or has ended is not changed.

    Runs are changed by the worker that adds them up alone, see `Team`; those that nobody has claimed by whoever comes.

    Parameters
    ----------
    database
        The run store's.
    worker
        Id of the process.
    """

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker
        self._mine = runs.c.adder.in_(("", worker))

    def batch(self, batch_id: str) -> tuple[Batch, str, int, int]:
        """The batch, its state, its attempts and its tries."""
        with self._database.reading() as connection:
            asked = sa.select(batches, contents.c.parameters_json).join(contents).where(batches.c.batch_id == batch_id)
            row = connection.execute(asked).one()
        tstart, tstop = (math.nan if value is None else value for value in (row.tstart, row.tstop))
        parameters = json.loads(row.parameters_json)
        return Batch(row.host, parameters, row.owner, row.exposure, tstart, tstop), row.state, row.attempts, row.tries

    def waited_for(self) -> dict[str, int]:
        """The present attempt at every batch that somebody waits for, in the queue or in flight."""
        query = sa.select(batches.c.batch_id, batches.c.attempts).where(batches.c.state.in_({"queued", *IN_FLIGHT}))
        with self._database.reading() as connection:
            return dict(connection.execute(query).all())

    def take_place(self, batch_id: str, most: int, *, attempt: int) -> bool:
        """Note that a batch is being submitted, unless `most` others of its host are in flight already; whether it may be.

        The queue keeps that limit too, but not when a worker dies: what it had sent goes on at the host, and counts here.
        """
        with self._database.writing() as connection:
            here = sa.select(batches.c.host).where(batches.c.batch_id == batch_id).scalar_subquery()
            others = (batches.c.host == here, batches.c.state.in_(IN_FLIGHT), batches.c.batch_id != batch_id)
            if (connection.scalar(sa.select(sa.func.count()).where(*others)) or 0) >= most:
                return False
            self._change(connection, batch_id, "submitted", attempt=attempt, worker=self._worker, began=time.time())
        return True

    def progress(self, batch_id: str, state: str, *, attempt: int | None = None, **values: Any) -> None:
        """A batch in flight got on. Here and below: with `attempt`, what an earlier attempt says is not heard any more."""
        self._set(batch_id, state, attempt=attempt, worker=self._worker, **values)

    def came(self, batch_id: str, catalog: str, *, attempt: int | None = None, **values: Any) -> None:
        """An answer is there, with a catalogue (JSON), and is about to be stored."""
        with self._database.writing() as connection:
            if self._change(connection, batch_id, "downloading", attempt=attempt, worker=self._worker, **values):
                connection.execute(contents.update().where(contents.c.batch_id == batch_id).values(catalog_json=catalog))

    def done(self, batch_id: str, product_file: str, *, attempt: int | None = None) -> Done | None:
        """The product of a batch is stored; None when nobody waited for it any more."""
        values: dict[str, Any] = {"due": None, "reason": "", "remedy": "", "product_file": product_file, "scw_done": batches.c.scw_total}
        values["seconds"] = sa.func.coalesce(time.time() - batches.c.began, 0.0)
        with self._database.writing() as connection:
            if not self._change(connection, batch_id, "done", attempt=attempt, **values):
                return None
            columns = sa.select(batches.c.host, batches.c.began, batches.c.seconds, batches.c.n_bytes)
            row = connection.execute(columns.where(batches.c.batch_id == batch_id)).one()
            count_done(connection, row.host, None if row.began is None else row.seconds, row.n_bytes)
        return Done(row.seconds, row.n_bytes)

    def failed(
        self, batch_id: str, error: DashboardError, pause: float | None, *, counted: bool = True, attempt: int | None = None
    ) -> None:
        """A try ended without a product: ask again after `pause` seconds, or give up (None); `counted` when it was the batch's fault."""
        state, due = ("failed", None) if pause is None else ("queued", time.time() + pause)
        values = {"due": due, "tries": batches.c.tries + int(counted), "reason": error.sentence, "remedy": remedy(error), "scw_done": 0}
        with self._database.writing() as connection:
            changed = self._change(connection, batch_id, state, error.sentence, attempt, **values)
            if changed and (counted or pause is None):
                host = connection.execute(sa.select(batches.c.host).where(batches.c.batch_id == batch_id)).scalar_one()
                count_failed(connection, host, given_up=pause is None)

    def wait_for_token(self, batch_id: str, error: DashboardError, *, attempt: int | None = None) -> None:
        """A batch waits until its owner gives another token, or none: see `Vault.keep`."""
        values = {"due": math.inf, "reason": error.sentence, "remedy": remedy(error), "scw_done": 0}
        self._set(batch_id, "queued", error.sentence, attempt, **values)

    def wake(self, batch_id: str) -> None:
        """Ask a batch that waits for a token."""
        waiting = (batches.c.batch_id == batch_id, batches.c.state == "queued", batches.c.due == math.inf)
        with self._database.writing() as connection:
            connection.execute(batches.update().where(*waiting).values(due=0.0))

    def _set(self, batch_id: str, state: str, detail: str = "", attempt: int | None = None, **values: Any) -> None:
        with self._database.writing() as connection:
            self._change(connection, batch_id, state, detail, attempt, **values)

    def _change(
        self, connection: sa.Connection, batch_id: str, state: str, detail: str = "", attempt: int | None = None, **values: Any
    ) -> bool:
        """Give a batch a state; whether it was one that may still be changed."""
        here = batches.c.batch_id == batch_id
        columns = sa.select(batches.c.state, batches.c.reason, batches.c.attempts)
        before = connection.execute(columns.where(here)).one_or_none()
        if before is None or before.state in ENDED_BATCH or (attempt is not None and before.attempts != attempt):
            return False
        connection.execute(batches.update().where(here).values(state=state, updated=time.time(), **values))
        if state != before.state or detail not in ("", before.reason):  # a submission that fails leaves it queued
            note(connection, state, detail, batch_id=batch_id)
        touch(connection, [batch_id])
        return True

    def active_runs(self) -> dict[str, ActiveRun]:
        """The worker's runs with something left to do, the oldest first."""
        query = sa.select(runs.c.run_id, runs.c.host, runs.c.plan_version, runs.c.version).where(runs.c.state.in_(ACTIVE_RUN), self._mine)
        query = query.order_by(runs.c.created)
        with self._database.reading() as connection:
            return {row.run_id: ActiveRun(row.host, row.plan_version, row.version) for row in connection.execute(query)}

    def in_turn(self, run_ids: Collection[str], *, probe: bool = False) -> list[str]:
        """Those of the runs that have a batch due, the one that has come least far first; with `probe` as for `take_due`.

        A run of which more than half of `AHEAD` stand in the queue has its turn later: all of its batches are looked through.
        """
        place = sa.func.min(run_batches.c.position)
        query = sa.select(run_batches.c.run_id).join(batches).where(INCLUDED)
        query = query.where(batches.c.due <= time.time()).group_by(run_batches.c.run_id)
        queued = sa.select(run_batches.c.run_id).select_from(batches).join(run_batches).where(INCLUDED, *IN_QUEUE)
        with self._database.reading() as connection:
            standing = Counter(connection.scalars(queued))
            hungry = [run_id for run_id in run_ids if standing[run_id] <= AHEAD // 2]
            if not hungry or connection.scalar(sa.select(batches.c.batch_id).where(batches.c.due <= time.time()).limit(1)) is None:
                return []
            query = query.where(run_batches.c.run_id.in_(hungry))
            order = (sa.func.min(batches.c.attempts), place) if probe else (place,)
            return list(connection.scalars(query.order_by(*order, run_batches.c.run_id)))

    def take_due(self, run_id: str, room: int = AHEAD, *, probe: bool = False) -> list[Order]:
        """Mark the run's next batches as queued, and return them; never more than `AHEAD` stand in the queue.

        Parameters
        ----------
        run_id
            Which run.
        room
            Most batches to take.
        probe
            Take only what was asked least often of all that waits for the host: a batch no host can bear keeps no other from being tried.
        """
        mine = run_batches.c.run_id == run_id
        columns = (batches.c.batch_id, batches.c.host, batches.c.attempts, run_batches.c.position)
        members = sa.select(*columns).join(run_batches).where(mine, INCLUDED)
        with self._database.reading() as connection:
            in_queue = connection.scalar(sa.select(sa.func.count()).select_from(members.where(*IN_QUEUE).subquery())) or 0
            most = max(0, min(room, AHEAD - in_queue))
            due = members.where(batches.c.due <= time.time())
            if probe:
                host = sa.select(runs.c.host).where(runs.c.run_id == run_id).scalar_subquery()
                active = sa.select(run_batches.c.batch_id).join(runs).where(runs.c.state.in_(ACTIVE_RUN), runs.c.host == host, INCLUDED)
                waiting = sa.select(sa.func.min(batches.c.attempts)).where(batches.c.due <= time.time(), batches.c.batch_id.in_(active))
                due = due.where(batches.c.attempts == waiting.scalar_subquery())
            query = due.order_by(run_batches.c.position).limit(most)
            if not most or not connection.execute(query).all():
                return []
        with self._database.writing() as connection:
            orders = [Order(row.batch_id, row.attempts + 1, row.host, row.position + 1) for row in connection.execute(query)]
            ids = [order.batch_id for order in orders]
            values = {"state": "queued", "due": None, "attempts": batches.c.attempts + 1, "updated": time.time()}
            connection.execute(batches.update().where(batches.c.batch_id.in_(ids)).values(values))
            for order in orders:
                note(connection, "queued", f"attempt {order.attempt}", batch_id=order.batch_id)
            touch(connection, ids)
        return orders

    def in_hand(self) -> bool:
        """Whether this worker waits for a batch, of whose runs ever."""
        mine = sa.select(batches.c.batch_id).where(batches.c.state.in_(IN_FLIGHT), batches.c.worker == self._worker)
        with self._database.reading() as connection:
            return connection.scalar(mine.limit(1)) is not None

    def in_queue(self) -> list[Order]:
        """What was in the queue or in flight when a worker ended."""
        query = (
            sa.select(batches.c.batch_id, batches.c.host, batches.c.attempts, sa.func.min(run_batches.c.position).label("position"))
            .join(run_batches)
            .where(batches.c.due.is_(None), batches.c.state.not_in(ENDED_BATCH), INCLUDED)
            .group_by(batches.c.batch_id, batches.c.host, batches.c.attempts)
        )
        with self._database.reading() as connection:
            return [Order(row.batch_id, row.attempts, row.host, row.position + 1) for row in connection.execute(query)]

    def news(self, run_id: str, job: int, since: int = -1) -> News:
        """What has become of the batches of a job after a version of its run, of all of them without one."""
        query = sa.select(batches.c.batch_id, BELONGS).select_from(batches.join(run_batches))
        query = query.where(run_batches.c.run_id == run_id, run_batches.c.job == job, run_batches.c.changed > since)
        with self._database.reading() as connection:
            version = connection.scalar(sa.select(runs.c.version).where(runs.c.run_id == run_id)) or 0
            rows = connection.execute(query.order_by(batches.c.updated, run_batches.c.position)).all()
        belongs = [batch_id for batch_id, belongs in rows if belongs]
        return News(version, belongs, {batch_id for batch_id, belongs in rows if not belongs})

    def refuse(self, run_id: str, batch_id: str, error: DashboardError) -> None:
        """A product cannot enter this run's sum."""
        with self._database.writing() as connection:
            mine = (run_batches.c.run_id == run_id, run_batches.c.batch_id == batch_id)
            connection.execute(run_batches.update().where(*mine).values(refusal=error.sentence))
            note(connection, "not added", error.sentence, run_id=run_id, batch_id=batch_id)
            touch(connection, [batch_id])

    def sums(self, run_id: str) -> dict[int, int]:
        """Version of the published sum by job; negative when it was withdrawn, because all of its batches have left the run."""
        with self._database.reading() as connection:
            text = connection.execute(sa.select(runs.c.sums_json).where(runs.c.run_id == run_id)).scalar_one()
        return {int(job): int(version) for job, version in json.loads(text).items()}

    def adders(self, run_id: str) -> int:
        """How often another worker went on with this one's run.

        Raises
        ------
        RunTaken
            When another worker has it by now.
        """
        with self._database.reading() as connection:
            number = connection.scalar(sa.select(runs.c.adders).where(runs.c.run_id == run_id, self._mine))
        if number is None:
            raise _taken(run_id)
        return number

    def publish(self, run_id: str, job: int, version: int, batch_ids: tuple[str, ...]) -> None:
        """Move the run's pointer to a new sum; a negative version withdraws the last one.

        Raises
        ------
        RunTaken
            When another worker adds the run up by now.
        """
        with self._database.writing() as connection:
            here = runs.c.run_id == run_id
            text = connection.scalar(sa.select(runs.c.sums_json).where(here, self._mine))
            if text is None:
                raise _taken(run_id)
            sums = json.loads(text) | {str(job): version}
            values = {"sums_json": json.dumps(sums), "version": runs.c.version + 1, "updated": time.time()}
            connection.execute(runs.update().where(here).values(values))
            mine = (run_batches.c.run_id == run_id, run_batches.c.job == job)
            connection.execute(run_batches.update().where(*mine).values(folded=run_batches.c.batch_id.in_(batch_ids)))
            told = f"sum {version} of {len(batch_ids)} batches" if version > 0 else "no batch is left in the sum"
            note(connection, "published" if version > 0 else "withdrawn", told, run_id=run_id)

    def known(self, run_ids: Collection[str]) -> list[str]:
        """Those of the runs that have not been deleted, nor taken by another worker."""
        if not run_ids:
            return []
        with self._database.reading() as connection:
            return list(connection.scalars(sa.select(runs.c.run_id).where(runs.c.run_id.in_(list(run_ids)), self._mine)))

    def complete(self, run_id: str) -> bool:
        """Whether no more products can come for this run."""
        with self._database.reading() as connection:
            return ended(connection, run_id)

    def in_step(self, run_id: str, plan_version: int) -> bool:
        """Whether the published sums hold just what belongs into them, by a plan that is still the run's."""
        with self._database.reading() as connection:
            return in_step(connection, run_id, plan_version)

    def settle(self, run_id: str, *, complete: bool, closed: str = "", plan_version: int | None = None) -> str:
        """Give an active run the state its batches imply; that state if it is another one, else "".

        Parameters
        ----------
        run_id
            Which run.
        complete
            All of its products are in its published sums.
        closed
            Why nothing is asked of its host at present, "" when it is.
        plan_version
            Of the plan that the sums were made by: whether they hold just what belongs into them is then judged again in this act,
            for the owner may have changed the run since.
        """
        with self._database.reading() as connection:
            if implied(connection, run_id, complete, closed) is None:
                return ""
        with self._database.writing() as connection:
            if connection.scalar(sa.select(runs.c.run_id).where(runs.c.run_id == run_id, self._mine)) is None:
                return ""
            whole = complete and (plan_version is None or in_step(connection, run_id, plan_version))
            step = implied(connection, run_id, whole, closed)
            if step is None:
                return ""
            before, after, reason = step
            if after == before:  # waits for something else than before
                connection.execute(runs.update().where(runs.c.run_id == run_id).values(reason=reason, version=runs.c.version + 1))
                return ""
            set_run(connection, run_id, after, reason=reason)
            return after

    def set_run(self, run_id: str, state: str, reason: str = "") -> str:
        """Give a run of this worker's that is not ended a state; that state if it is another one, else ""."""
        with self._database.writing() as connection:
            before = connection.scalar(sa.select(runs.c.state).where(runs.c.run_id == run_id, self._mine))
            if before in ACTIVE_RUN:
                set_run(connection, run_id, state, reason=reason)
                return state if state != before else ""
        return ""


def _taken(run_id: str) -> RunTaken:
    return RunTaken(f"Run {run_id} is added up by another worker, or was deleted: nothing is left to do here.")
