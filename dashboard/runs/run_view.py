"""Looking at runs: states, plans, histories, as far as a user may see them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from dashboard.errors import RunNotFound
from dashboard.plan.plan import Plan
from dashboard.runs.database import Database, open_database
from dashboard.runs.publication import Publication
from dashboard.runs.rows import batch_state
from dashboard.runs.run_state import ACTIVE_RUN, BatchState, RunState
from dashboard.runs.schema import batches, contents, events, plans, publications, run_batches, runs
from dashboard.settings import Settings

_known_elapsed: dict[tuple[str, int], float] = {}


@dataclass(frozen=True, slots=True)
class Event:
    """A change, for the history of a run or batch.

    Attributes
    ----------
    at
        Seconds since 1970 (UTC).
    what, detail
        The new state or the act, and a sentence where there is one.
    batch_id
        Of the batch it happened to, "" for the run itself.
    """

    at: float
    what: str
    detail: str
    batch_id: str = ""


class RunView:
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
    def _visible(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Conditions on the rows of `runs` that the user may see."""
        return () if self._user is None else (runs.c.owner == self._user,)

    @property
    def _database(self) -> Database:
        return open_database(self._settings)

    def state(self, run_id: str, former: RunState | None = None) -> RunState:
        """The run and its batches in one snapshot.

        Parameters
        ----------
        run_id
            Which run.
        former
            Its state at an earlier look: only batches that have changed since are read, the others are taken from it.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._database.reading() as connection:
            row = self._row(connection, run_id, *runs.c)
            elapsed = _elapsed(connection, run_id, row.plan_version)
            members = _members(
                connection, run_id, former if former and former.plan_version == row.plan_version and former.version <= row.version else None
            )
        request, sums = json.loads(row.request_json), json.loads(row.sums_json)
        return RunState(
            run_id=row.run_id,
            name=row.name,
            owner=row.owner,
            host=row.host,
            state=row.state,
            version=row.version,
            batches=members,
            elapsed=elapsed,
            sums=tuple(max(0, int(sums.get(str(job), 0))) for job in range(row.n_jobs)),
            osa_version=str(request.get("osa_version", "")),
            data_version=str(request.get("data_version", "")),
            reason=row.reason,
            created=row.created,
            ended=row.ended,
            pinned=row.pinned,
            plan_version=row.plan_version,
            tell=row.tell,
        )

    def versions(self, run_ids: Iterable[str]) -> dict[str, int]:
        """Version by run, in one query; runs that do not exist are absent."""
        with self._database.reading() as connection:
            query = sa.select(runs.c.run_id, runs.c.version).where(runs.c.run_id.in_(list(run_ids)))
            return dict(connection.execute(query.where(*self._visible)).all())

    def list_runs(self, owner: str | None = None, most: int | None = None) -> tuple[RunState, ...]:
        """The runs of an owner, or all, as far as the user may see them; the newest first, at most so many."""
        query = sa.select(runs.c.run_id).where(*self._visible).order_by(runs.c.created.desc()).limit(most)
        query = query if owner is None else query.where(runs.c.owner == owner)
        with self._database.reading() as connection:
            found = connection.scalars(query).all()
        states = []
        for run_id in found:
            with suppress(RunNotFound):  # deleted meanwhile
                states.append(self.state(run_id))
        return tuple(states)

    def recent_targets(self, most: int = 8) -> tuple[str, ...]:
        """Names of the targets of the user's newest runs, each once."""
        query = sa.select(runs.c.request_json).where(*self._visible).order_by(runs.c.created.desc()).limit(10 * most)
        with self._database.reading() as connection:
            found = connection.scalars(query).all()
        names = (str(json.loads(text).get("src_name", "")).strip() for text in found)
        return tuple(dict.fromkeys(filter(None, names)))[:most]

    def newest(self, suits: Callable[[Mapping[str, Any]], bool]) -> str:
        """Id of the user's newest run that has something to show, or will have, and whose request `suits`; "" when there is none."""
        columns = (runs.c.run_id, runs.c.state, runs.c.request_json, runs.c.sums_json)
        query = sa.select(*columns).where(*self._visible).order_by(runs.c.created.desc())
        with self._database.reading() as connection:
            for run_id, state, request, sums in connection.execute(query):
                shows = state in ACTIVE_RUN or any(int(version) > 0 for version in json.loads(sums).values())
                if shows and suits(json.loads(request)):
                    return str(run_id)
        return ""

    def any_active(self) -> bool:
        """Whether anything is left to do for any run that the user may see."""
        query = sa.select(runs.c.run_id).where(runs.c.state.in_(ACTIVE_RUN), *self._visible).limit(1)
        with self._database.reading() as connection:
            return connection.scalar(query) is not None

    def plan(self, run_id: str) -> Plan:
        """The plan of the run as it is now.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        with self._database.reading() as connection:
            self._row(connection, run_id, runs.c.run_id)
            return plan_of(connection, run_id)

    def done_batches(self, batch_ids: Collection[str]) -> set[str]:
        """Those of the batches whose products are stored."""
        query = sa.select(batches.c.batch_id).where(batches.c.batch_id.in_(list(batch_ids)), batches.c.state == "done")
        with self._database.reading() as connection:
            return set(connection.scalars(query))

    def runs_of_jobs(self, host: str, jobs: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Id and name of the newest of the user's runs that holds each of these jobs of a host; those that are in none are absent.

        Parameters
        ----------
        host, jobs
            The batch that each job would be by its id, "" for none: a run may hold it that has not asked for it yet.
        """
        query = sa.select(batches.c.job_id, batches.c.batch_id, runs.c.run_id, runs.c.name).select_from(
            runs.join(run_batches).join(batches)
        )
        query = query.where(batches.c.host == host, sa.or_(batches.c.job_id.in_(list(jobs)), batches.c.batch_id.in_(list(jobs.values()))))
        query = query.where(*self._visible).order_by(runs.c.created)
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        by_batch = {batch_id: job_id for job_id, batch_id in jobs.items() if batch_id}
        found = {}
        for row in rows:
            for job_id in {row.job_id, by_batch.get(row.batch_id, "")} & jobs.keys():
                found[job_id] = (row.run_id, row.name)
        return found

    def history(self, run_id: str = "", batch_id: str = "") -> tuple[Event, ...]:
        """What happened to a run, to all of its batches where both are given as "", or to a batch; the oldest first.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        query = sa.select(events.c.at, events.c.what, events.c.detail, events.c.batch_id).order_by(events.c.id)
        query = query.where(events.c.batch_id == batch_id) if batch_id else query.where(events.c.run_id == run_id)
        with self._database.reading() as connection:
            if batch_id and self._visible:
                mine = sa.select(run_batches.c.run_id).join(runs).where(run_batches.c.batch_id == batch_id, *self._visible)
                own = sa.select(runs.c.run_id).where(*self._visible)
                if connection.scalar(mine.limit(1)) is None:
                    raise RunNotFound("There is no such batch in your runs: see runs show for those there are.")
                query = query.where(sa.or_(events.c.run_id == "", events.c.run_id.in_(own)))
            elif run_id:
                self._row(connection, run_id, runs.c.run_id)
            return tuple(Event(*row) for row in connection.execute(query))

    def publications(self, run_id: str) -> tuple[Publication, ...]:
        """What of a run stands in the gallery, the oldest first.

        Raises
        ------
        RunNotFound
            When there is no such run.
        """
        columns = [column for column in publications.c if column.name != "run_id"]
        query = sa.select(*columns).where(publications.c.run_id == run_id).order_by(publications.c.published)
        with self._database.reading() as connection:
            self._row(connection, run_id, runs.c.run_id)
            return tuple(Publication(**row) for row in connection.execute(query).mappings())

    def gallery_of(self, host: str) -> tuple[Publication, ...]:
        """What of all the user's runs stands in the gallery of a host, the newest first."""
        columns = [column for column in publications.c if column.name != "run_id"]
        query = sa.select(*columns).where(publications.c.host == host).order_by(publications.c.published.desc())
        query = query.join(runs, runs.c.run_id == publications.c.run_id).where(*self._visible)
        with self._database.reading() as connection:
            return tuple(Publication(**row) for row in connection.execute(query).mappings())

    def _row(self, connection: sa.Connection, run_id: str, *columns: sa.Column[Any]) -> sa.Row[Any]:
        """Columns of a run that the user may see."""
        row = connection.execute(sa.select(*columns).where(runs.c.run_id == run_id, *self._visible)).one_or_none()
        if row is None:
            raise RunNotFound(f"There is no run {run_id!r} here: see the list of runs for those there are.")
        return row


def plan_of(connection: sa.Connection, run_id: str) -> Plan:
    """The plan of a run that there is."""
    return Plan.from_dict(json.loads(_plan_json(connection, run_id)))


def _plan_json(connection: sa.Connection, run_id: str) -> str:
    return connection.execute(sa.select(plans.c.plan_json).where(plans.c.run_id == run_id)).scalar_one()


def _elapsed(connection: sa.Connection, run_id: str, plan_version: int) -> float:
    """Seconds of the science windows of the run's jobs, each counted once: read once a plan."""
    if (run_id, plan_version) not in _known_elapsed:
        plan = json.loads(_plan_json(connection, run_id))
        asked = {scw[:12] for batch in plan["batches"] for scw in batch["parameters"]["scw_list"]}
        windows = zip(plan["pointings"]["swid"], plan["pointings"]["telapse"], strict=True)
        _known_elapsed[run_id, plan_version] = sum(seconds for swid, seconds in windows if swid in asked)
    return _known_elapsed[run_id, plan_version]


def _members(connection: sa.Connection, run_id: str, former: RunState | None) -> tuple[BatchState, ...]:
    """The batches of a run in their order. With a former state of the same plan, those it has and that are the same are its own."""
    query = sa.select(batches, run_batches).select_from(batches.join(run_batches)).where(run_batches.c.run_id == run_id)
    if former is None:
        whole = query.add_columns(contents.c.parameters_json).join(contents, contents.c.batch_id == batches.c.batch_id)
        rows = connection.execute(whole.order_by(run_batches.c.position))
        return tuple(batch_state(row, tuple(json.loads(row.parameters_json)["scw_list"])) for row in rows)
    changed = {row.batch_id: row for row in connection.execute(query.where(run_batches.c.changed > former.version))}
    return tuple(batch_state(changed[b.batch_id], b.scw) if b.batch_id in changed else b for b in former.batches)
