"""The clients' side of the run store: start, look, cancel, retry. Work itself is done by the worker."""

from __future__ import annotations

import json
import math
import secrets
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from dashboard.errors import RunNotFound
from dashboard.identity import Identity
from dashboard.plan.batch import Batch
from dashboard.plan.making import continued
from dashboard.plan.plan import Plan
from dashboard.products.catalog import SourceCatalog
from dashboard.runs.field import refuse_too_wide
from dashboard.runs.run_state import ACTIVE_RUN, ENDED_BATCH, IN_FLIGHT, REVIEW, BatchState, RunState
from dashboard.runs.schema import batches, events, open_database, run_batches, runs
from dashboard.runs.vault import Vault, release
from dashboard.settings import Settings

_SMALL = tuple(column for column in runs.c if column.name != "plan_json")
_known_elapsed: dict[tuple[str, int], float] = {}

AGAIN = {"state": "planned", "due": 0.0, "tries": 0, "reason": "", "remedy": "", "scw_done": 0}
"""What makes the worker ask a batch again."""


@dataclass(frozen=True, slots=True)
class Event:
    """A change, for the history of a run or batch.

    Attributes
    ----------
    at
        Seconds since 1970 (UTC).
    what, detail
        The new state or the act, and a sentence where there is one.
    """

    at: float
    what: str
    detail: str


class RunStore:
    """Runs as their owners see them. Cheap to build; safe to use from several threads and processes.

    Parameters
    ----------
    settings
        Where they are kept.
    user
        Whose runs; those of others do not exist for him. None for all, as the worker sees them.
    """

    def __init__(self, settings: Settings, user: str | None = None) -> None:
        self._settings = settings
        self._user = user

    @property
    def _database(self) -> Any:
        return open_database(self._settings)

    def start(self, plan: Plan, identity: Identity, name: str = "", token: str = "") -> str:
        """Note a run for the worker and return its id. Batches that are done are reused, those that failed are asked again.

        Parameters
        ----------
        plan, identity
            What is asked, and who asks.
        name
            Of the run; the target's when not given.
        token
            To ask with; kept, sealed, until the run has ended. "" for anonymous, or one that an active run of the user has brought.

        Raises
        ------
        ProductError
            When the science windows do not fit into one mosaic.
        RunError
            When the store cannot be written.
        """
        refuse_too_wide(plan)
        now = time.time()
        run_id = f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        with self._database.writing() as connection:
            connection.execute(
                runs.insert().values(
                    run_id=run_id,
                    owner=identity.user,
                    origin=identity.origin,
                    name=name or plan.target.name,
                    host=plan.host,
                    request_json=json.dumps(dict(plan.request), sort_keys=True),
                    plan_json=json.dumps(plan.to_dict(), allow_nan=False),
                    n_jobs=len(plan.jobs),
                    state="planned",
                    created=now,
                    updated=now,
                )
            )
            add_batches(connection, run_id, plan, 0, "started")
            if token:
                Vault(self._settings).keep(connection, identity.user, plan.host, token)
        return run_id

    def go_on(self, run_id: str, number: int, catalog: SourceCatalog, token: str = "") -> None:
        """Ask, with this token if there is one, what waited for the catalogue of the image of job `number`.

        A run that no longer waits for it is left alone.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._database.writing() as connection:
            row = self._row(connection, run_id, runs.c.plan_json, runs.c.state)
            before = Plan.from_dict(json.loads(row.plan_json))
            if row.state not in {*ACTIVE_RUN, REVIEW} or not any(coming.image == number for coming in before.coming):
                return
            plan = continued(before, number, catalog)
            text = json.dumps(plan.to_dict(), allow_nan=False)
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(plan_json=text, n_jobs=len(plan.jobs)))
            set_run(connection, run_id, "running", f"a catalogue of {len(catalog)} sources")
            add_batches(connection, run_id, plan, len(before.batches), "extended")
            self._keep_token(connection, run_id, token)

    def state(self, run_id: str) -> RunState:
        """The run and its batches in one snapshot.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._database.reading() as connection:
            row = self._row(connection, run_id, *_SMALL)
            elapsed = _elapsed(connection, run_id, row.n_jobs)
            members = connection.execute(_members(run_id).order_by(run_batches.c.position)).all()
        request, sums = json.loads(row.request_json), json.loads(row.sums_json)
        return RunState(
            run_id=row.run_id,
            name=row.name,
            owner=row.owner,
            host=row.host,
            state=row.state,
            version=row.version,
            batches=tuple(_batch_state(member) for member in members),
            elapsed=elapsed,
            sums=tuple(int(sums.get(str(job), 0)) for job in range(row.n_jobs)),
            osa_version=str(request.get("osa_version", "")),
            data_version=str(request.get("data_version", "")),
            reason=row.reason,
            created=row.created,
        )

    def _row(self, connection: sa.Connection, run_id: str, *columns: sa.Column[Any]) -> sa.Row[Any]:
        """Columns of a run that the user may see."""
        query = sa.select(*columns).where(runs.c.run_id == run_id)
        row = connection.execute(query if self._user is None else query.where(runs.c.owner == self._user)).one_or_none()
        if row is None:
            raise RunNotFound(f"There is no run {run_id!r} here: see the list of runs for those there are.")
        return row

    def _keep_token(self, connection: sa.Connection, run_id: str, token: str) -> None:
        if token:
            row = self._row(connection, run_id, runs.c.owner, runs.c.host)
            Vault(self._settings).keep(connection, row.owner, row.host, token)

    def versions(self, run_ids: Iterable[str]) -> dict[str, int]:
        """Version by run, in one query; runs that do not exist are absent."""
        with self._database.reading() as connection:
            query = sa.select(runs.c.run_id, runs.c.version).where(runs.c.run_id.in_(list(run_ids)))
            return dict(connection.execute(query).all())

    def list_runs(self, owner: str | None = None) -> tuple[RunState, ...]:
        """The runs of an owner, or all, as far as the user may see them; the newest first."""
        query = sa.select(runs.c.run_id).order_by(runs.c.created.desc())
        for allowed in (owner, self._user):
            query = query if allowed is None else query.where(runs.c.owner == allowed)
        with self._database.reading() as connection:
            found = connection.scalars(query).all()
        return tuple(self.state(run_id) for run_id in found)

    def plan(self, run_id: str) -> Plan:
        """The plan the run was started with.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._database.reading() as connection:
            text = self._row(connection, run_id, runs.c.plan_json).plan_json
        return Plan.from_dict(json.loads(text))

    def done_batches(self, batch_ids: Collection[str]) -> set[str]:
        """Those of the batches whose products are stored."""
        query = sa.select(batches.c.batch_id).where(batches.c.batch_id.in_(list(batch_ids)), batches.c.state == "done")
        with self._database.reading() as connection:
            return set(connection.scalars(query))

    def history(self, run_id: str = "", batch_id: str = "") -> tuple[Event, ...]:
        """What happened to a run or to a batch, the oldest first."""
        query = sa.select(events.c.at, events.c.what, events.c.detail).order_by(events.c.id)
        query = query.where(events.c.batch_id == batch_id) if batch_id else query.where(events.c.run_id == run_id)
        with self._database.reading() as connection:
            if run_id:
                self._row(connection, run_id, runs.c.run_id)
            return tuple(Event(*row) for row in connection.execute(query))

    def cancel(self, run_id: str) -> None:
        """End a run. What is not done and no other run waits for is asked no more; the dispatcher goes on with what was sent.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        now = time.time()
        with self._database.writing() as connection:
            if self._row(connection, run_id, runs.c.state).state in ACTIVE_RUN:
                others = sa.select(run_batches.c.batch_id).join(runs).where(runs.c.state.in_(ACTIVE_RUN), run_batches.c.run_id != run_id)
                query = (
                    sa.select(batches.c.batch_id, batches.c.state)
                    .join(run_batches)
                    .where(run_batches.c.run_id == run_id, batches.c.state.not_in(ENDED_BATCH), batches.c.batch_id.not_in(others))
                )
                mine = dict(connection.execute(query).all())
                ended = {"state": "cancelled", "due": None, "reason": "Cancelled by the user.", "updated": now}
                connection.execute(batches.update().where(batches.c.batch_id.in_(list(mine))).values(ended))
                sent = [batch_id for batch_id, state in mine.items() if state in IN_FLIGHT]
                note_batches(connection, "cancelled", batch_ids=[batch_id for batch_id in mine if batch_id not in sent])
                note_batches(
                    connection, "cancelled", "It is waited for no longer; MMODA goes on computing it, for it knows no cancelling.", sent
                )
                told = f"{len(mine)} batches not asked or no longer waited for" + (f", {len(sent)} of them go on at MMODA" if sent else "")
                set_run(connection, run_id, "cancelled", told)
                touch(connection, list(mine))

    def retry_failed(self, run_id: str, token: str = "") -> int:
        """Ask the failed batches again, with this token if there is one; the number of them. A run without any is left as it is.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        now = time.time()
        with self._database.writing() as connection:
            self._row(connection, run_id, runs.c.state)
            mine = run_batches.c.run_id == run_id
            query = sa.select(batches.c.batch_id).join(run_batches).where(mine)
            failed = list(
                connection.scalars(query.where(sa.or_(batches.c.state.in_(("failed", "cancelled")), run_batches.c.refusal != "")))
            )
            if failed:
                connection.execute(batches.update().where(batches.c.batch_id.in_(failed)).values(**AGAIN, updated=now))
                connection.execute(run_batches.update().where(mine, run_batches.c.batch_id.in_(failed)).values(refusal="", reused=False))
                note_batches(connection, "retried", batch_ids=failed)
                set_run(connection, run_id, "running", f"{len(failed)} batches are asked again")
                reopen(connection, failed)
                self._keep_token(connection, run_id, token)
        return len(failed)


def add_batches(connection: sa.Connection, run_id: str, plan: Plan, first: int, what: str) -> None:
    """Add the plan's batches from number `first` on to a run: those that are done are reused, those that failed are asked again."""
    now = time.time()
    job_of = {batch_id: number for number, job in enumerate(plan.jobs) for batch_id in job.batch_ids}
    added = plan.batches[first:]
    ids = [batch.batch_id for batch in added]
    known = dict(connection.execute(sa.select(batches.c.batch_id, batches.c.state).where(batches.c.batch_id.in_(ids))).all())
    new = [_batch_row(batch, now) for batch in added if batch.batch_id not in known]
    if new:
        connection.execute(batches.insert(), new)
    again = [batch_id for batch_id, state in known.items() if state in {"failed", "cancelled"}]
    connection.execute(batches.update().where(batches.c.batch_id.in_(again)).values(**AGAIN, updated=now))
    rows: list[dict[str, Any]] = [
        {"run_id": run_id, "batch_id": batch_id, "position": i, "job": job_of[batch_id], "reused": known.get(batch_id) == "done"}
        for i, batch_id in enumerate(ids, start=first)
    ]
    connection.execute(run_batches.insert(), rows)
    note(connection, what, f"{len(ids)} batches, {sum(bool(row['reused']) for row in rows)} of them reused", run_id=run_id)
    note_batches(connection, "planned", batch_ids=[row["batch_id"] for row in new] + again)
    reopen(connection, again)


def note(connection: sa.Connection, what: str, detail: str = "", *, run_id: str = "", batch_id: str = "") -> None:
    """Record an event."""
    connection.execute(events.insert().values(run_id=run_id, batch_id=batch_id, what=what, detail=detail))


def note_batches(connection: sa.Connection, what: str, detail: str = "", batch_ids: Collection[str] = ()) -> None:
    """Record the same event for several batches."""
    if batch_ids:
        connection.execute(events.insert(), [{"batch_id": batch_id, "what": what, "detail": detail} for batch_id in batch_ids])


def touch(connection: sa.Connection, batch_ids: Collection[str]) -> None:
    """Raise the version of every run that holds one of these batches."""
    holders = sa.select(run_batches.c.run_id).where(run_batches.c.batch_id.in_(list(batch_ids)))
    connection.execute(runs.update().where(runs.c.run_id.in_(holders)).values(version=runs.c.version + 1, updated=time.time()))


def reopen(connection: sa.Connection, batch_ids: Collection[str]) -> None:
    """Other runs that ended without these batches get them too, now that they are asked again."""
    holders = sa.select(run_batches.c.run_id).where(run_batches.c.batch_id.in_(list(batch_ids)))
    query = sa.select(runs.c.run_id).where(runs.c.run_id.in_(holders), runs.c.state == "done with failures")
    for run_id in connection.scalars(query).all():
        set_run(connection, run_id, "running", "batches that had failed are asked again")
    touch(connection, batch_ids)


def set_run(connection: sa.Connection, run_id: str, state: str, detail: str = "", reason: str = "") -> None:
    """Give a run a new state, and record it."""
    values = {"state": state, "reason": reason, "version": runs.c.version + 1, "updated": time.time()}
    connection.execute(runs.update().where(runs.c.run_id == run_id).values(values))
    note(connection, state, detail or reason, run_id=run_id)
    release(connection)


def _batch_row(batch: Batch, now: float) -> dict[str, Any]:
    return {
        "batch_id": batch.batch_id,
        "host": batch.host,
        "owner": batch.owner,
        "parameters_json": json.dumps(dict(batch.parameters), sort_keys=True, allow_nan=False),
        "exposure": batch.exposure,
        "tstart": batch.tstart if math.isfinite(batch.tstart) else None,
        "tstop": batch.tstop if math.isfinite(batch.tstop) else None,
        "scw_total": len(batch.scw),
        "updated": now,
    }


def _elapsed(connection: sa.Connection, run_id: str, n_jobs: int) -> float:
    """Seconds of the science windows of the run's jobs, each counted once. A plan never changes but by gaining jobs: read once."""
    if (run_id, n_jobs) not in _known_elapsed:
        plan = json.loads(connection.execute(sa.select(runs.c.plan_json).where(runs.c.run_id == run_id)).scalar_one())
        asked = {scw[:12] for batch in plan["batches"] for scw in batch["parameters"]["scw_list"]}
        windows = zip(plan["pointings"]["swid"], plan["pointings"]["telapse"], strict=True)
        _known_elapsed[run_id, n_jobs] = sum(seconds for swid, seconds in windows if swid in asked)
    return _known_elapsed[run_id, n_jobs]


def _members(run_id: str) -> sa.Select[Any]:
    return sa.select(batches, run_batches).join(run_batches).where(run_batches.c.run_id == run_id)


@lru_cache(maxsize=8192)
def _science_windows(parameters_json: str) -> tuple[str, ...]:
    return tuple(json.loads(parameters_json)["scw_list"])


def _batch_state(row: sa.Row[Any]) -> BatchState:
    refused = bool(row.refusal) and row.state == "done"
    state = "failed" if refused else "reused" if row.reused and row.state == "done" else row.state
    scw = _science_windows(row.parameters_json)
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
