"""How a deployment stands at one moment: what metrics, readiness and `integral-dashboard status` tell of it.

Batches that are done are counted when they get there (`dashboard.runs.counts`), and looked at here no more.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from dashboard.runs.counts import HostCounts, counted
from dashboard.runs.database import open_database
from dashboard.runs.gate import Passage, passages
from dashboard.runs.presence import WORKER, Process, seen
from dashboard.runs.run_state import ACTIVE_RUN, IN_FLIGHT
from dashboard.runs.schema import batches, runs
from dashboard.settings import Settings

NOT_DONE = ("planned", "queued", *sorted(IN_FLIGHT), "failed", "cancelled")
"""States of batches that are counted anew each time."""


@dataclass(frozen=True, slots=True)
class HostTally:
    """A host, and what is asked of it.

    Attributes
    ----------
    batches
        Number of batches in each of the states `NOT_DONE`.
    in_queue
        Batches that wait in the queue for a place at the host.
    for_token
        Batches that wait for their owners' tokens.
    oldest
        When the job was submitted that is in flight for longest, seconds since 1970 (UTC); None when there is none.
    passage
        Whether it may be asked, and when it last answered.
    counts
        What has happened there.
    """

    batches: Mapping[str, int]
    in_queue: int = 0
    for_token: int = 0
    oldest: float | None = None
    passage: Passage = field(default_factory=Passage)
    counts: HostCounts = field(default_factory=HostCounts)

    @property
    def in_flight(self) -> int:
        """Jobs that the host has."""
        return sum(self.batches[state] for state in IN_FLIGHT)

    @property
    def waiting(self) -> int:
        """Batches that are still to be asked."""
        return self.batches["planned"] + self.batches["queued"]

    def age(self, now: float) -> float:
        """Seconds since the oldest job in flight was submitted; 0 for none."""
        return 0.0 if self.oldest is None else max(0.0, now - self.oldest)

    def silence(self, now: float) -> float:
        """Seconds for which it has not answered though jobs are in flight; 0 while it owes no answer."""
        return 0.0 if self.oldest is None else max(0.0, now - max(self.oldest, self.passage.answered))


@dataclass(frozen=True, slots=True)
class Tally:
    """A deployment at one moment.

    Attributes
    ----------
    at
        Seconds since 1970 (UTC).
    runs
        Number of runs in each state that occurs.
    hosts
        By name: all that are offered, and those that are no longer but have batches.
    processes
        All that gave a sign of life and have not been taken off the list, the oldest first.
    users
        Name of each user who has runs to what `runs` is of them.
    """

    at: float
    runs: Mapping[str, int]
    hosts: Mapping[str, HostTally]
    processes: tuple[Process, ...]
    users: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def active_runs(self) -> int:
        """Runs with something left to do."""
        return sum(number for state, number in self.runs.items() if state in ACTIVE_RUN)

    @property
    def workers(self) -> int:
        """Workers that are alive."""
        return sum(process.alive for process in self.processes if process.kind == WORKER)


def tally(settings: Settings) -> Tally:
    """Look at the run store, in one snapshot.

    Raises
    ------
    RunError
        When the database does not answer.
    """
    database = open_database(settings)
    with database.reading() as connection:
        kinds = connection.execute(
            sa.select(runs.c.owner, runs.c.state, sa.func.count().label("number")).group_by(runs.c.owner, runs.c.state)
        ).all()
        found = connection.execute(_unfinished()).all()
        known, happened, processes = passages(connection), counted(connection), seen(database, connection)
    states: Counter[str] = Counter()
    users: dict[str, dict[str, int]] = {}
    for row in kinds:
        states[row.state] += row.number
        users.setdefault(row.owner, {})[row.state] = row.number
    hosts = {}
    for name in dict.fromkeys((*settings.hosts, *sorted({row.host for row in found}), *sorted(happened))):
        rows = {row.state: row for row in found if row.host == name}
        hosts[name] = HostTally(
            batches={state: rows[state].number if state in rows else 0 for state in NOT_DONE},
            in_queue=int(rows["queued"].in_queue) if "queued" in rows else 0,
            for_token=int(rows["queued"].for_token) if "queued" in rows else 0,
            oldest=min((rows[state].since for state in IN_FLIGHT if state in rows), default=None),
            passage=known.get(name, Passage()),
            counts=happened.get(name, HostCounts()),
        )
    return Tally(time.time(), dict(states), hosts, processes, users)


def _unfinished() -> sa.Select[tuple[str, str, int, int, int, float]]:
    def number(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((condition, 1), else_=0))

    here = batches.c
    return (
        sa.select(
            here.host,
            here.state,
            sa.func.count().label("number"),
            number(here.due.is_(None)).label("in_queue"),
            number(here.due == math.inf).label("for_token"),
            sa.func.min(sa.func.coalesce(here.began, here.updated)).label("since"),
        )
        .where(here.state.in_(NOT_DONE))
        .group_by(here.host, here.state)
    )
