"""The gate before each host: a circuit breaker, and the pauses an administrator sets.

A host that several times in a row gave no answer is left alone for a while; then one batch is let through, and its answer
opens the gate again or doubles the pause. What waits keeps its place, and its tries are not counted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from dashboard.errors import DashboardError, DispatcherError, EmptyProduct, HostBusy, HostFailing, HostPaused, HostTimeout, HostUnreachable
from dashboard.hosts import Host
from dashboard.runs.database import Database
from dashboard.runs.run_state import IN_FLIGHT
from dashboard.runs.schema import batches, hosts

NOTED_SECONDS: Final = 5.0
"""Time between two notes that a host answers."""
LOOK_AGAIN_SECONDS: Final = 60.0
"""After which a batch that waits at a gate looks again: the pause may have been ended."""
PATIENCE: Final = 6
MOST_DOUBLINGS: Final = 30
BREAKER, ADMINISTRATOR = "breaker", "administrator"


@dataclass(frozen=True, slots=True)
class Passage:
    """How a host can be passed.

    Attributes
    ----------
    failures
        Times in a row that it gave no answer.
    pauses
        Pauses in a row that this led to.
    paused_until
        Seconds since 1970 (UTC), infinite until somebody ends the pause; 0 for no pause.
    paused_by
        `BREAKER`, `ADMINISTRATOR`, or "".
    reason
        Of the pause, "" for none.
    answered
        When it last answered a query of the worker, seconds since 1970 (UTC); 0 for never.
    """

    failures: int = 0
    pauses: int = 0
    paused_until: float = 0.0
    paused_by: str = ""
    reason: str = ""
    answered: float = 0.0

    def closed(self, now: float) -> bool:
        """Whether nothing may pass."""
        return self.paused_until > now

    def trying(self, now: float) -> bool:
        """Whether one batch may pass, to see whether the host is back."""
        return self.pauses > 0 and not self.closed(now)

    def sentence(self, host: str, now: float) -> str:
        """Why nothing is asked, and until when; "" while the gate is open."""
        if not self.closed(now):
            return ""
        until = "" if math.isinf(self.paused_until) else f" until {datetime.fromtimestamp(self.paused_until, UTC):%H:%M:%S} UTC"
        return f"{host} is left alone{until}: {self.reason}"


class Gate:
    """All hosts' gates, kept in the database: every process sees them, and a new worker finds them as they were.

    Parameters
    ----------
    database
        Where they are kept.
    settings
        The hosts by name.
    clock
        Seconds since 1970 (UTC).
    """

    def __init__(self, database: Database, settings: Mapping[str, Host], clock: Callable[[], float] = time.time) -> None:
        self._database, self._settings, self.clock = database, settings, clock
        self._heard: dict[str, float] = {}

    def passage(self, name: str) -> Passage:
        """How a host can be passed."""
        with self._database.reading() as connection:
            return _read(connection, name)

    def sentence(self, name: str) -> str:
        """Why nothing is asked of a host now; "" while it may be asked."""
        return self.passage(name).sentence(name, self.clock())

    def check(self, name: str) -> None:
        """Raise HostPaused while a host may not be asked."""
        passage, now = self.passage(name), self.clock()
        if passage.closed(now):
            raise HostPaused(passage.sentence(name, now), min(passage.paused_until - now, LOOK_AGAIN_SECONDS))

    def trying(self, name: str) -> bool:
        """Whether the next batch is to find out if a host is back."""
        return self.passage(name).trying(self.clock())

    def room(self, name: str, ahead: int) -> int:
        """How many further batches may be put into the queue for a host: `ahead` where the queue itself keeps its limit."""
        passage, now = self.passage(name), self.clock()
        if passage.closed(now):
            return 0
        if name not in self._settings:
            return ahead  # the queries themselves will say so
        limit = 1 if passage.trying(now) else self._settings[name].jobs_in_flight
        if limit == max(host.jobs_in_flight for host in self._settings.values()):
            return ahead
        under_way = (batches.c.host == name, batches.c.due.is_(None), batches.c.state.in_({"queued", *IN_FLIGHT}))
        with self._database.reading() as connection:
            return max(0, limit - (connection.scalar(sa.select(sa.func.count()).where(*under_way)) or 0))

    def answered(self, name: str) -> None:
        """A host has answered, whatever it said: a pause of the breaker ends."""
        before = self.passage(name)
        if before.failures or before.pauses or self.clock() - before.answered > NOTED_SECONDS:
            self._change(name, lambda passage: replace(_counted_afresh(passage), answered=self.clock()))

    def heard(self, name: str) -> None:
        """A host has answered a poll. That alone opens no gate, but who watches sees that it is not silent."""
        if self.clock() - self._heard.get(name, 0.0) > NOTED_SECONDS:
            self._heard[name] = self.clock()
            self._change(name, lambda passage: replace(passage, answered=self.clock()))

    def blames(self, name: str, error: DashboardError, left_alone: float) -> bool:
        """Whether a failure counts as a try of its batch.

        It does not where there was no connection at all, nor during the first `PATIENCE` pauses of a host that is silent for all.
        """
        return not (isinstance(error, HostUnreachable) or (left_alone and self.passage(name).pauses <= PATIENCE))

    def failed(self, name: str, error: DashboardError) -> float:
        """A query to a host has failed. Seconds for which it is left alone if that is the host's fault, else 0."""
        silent = isinstance(error, HostUnreachable | HostTimeout | HostFailing) and not isinstance(error, HostBusy)
        if not silent:
            if isinstance(error, DispatcherError | EmptyProduct):
                self.answered(name)
            return 0.0
        after = self._change(name, lambda passage: self._after_silence(passage, self._settings[name], error.sentence))
        return max(0.0, after.paused_until - self.clock())

    def _after_silence(self, passage: Passage, host: Host, reason: str) -> Passage:
        if passage.closed(self.clock()):  # it was on its way when the gate closed
            return passage
        failures = passage.failures + 1
        if not passage.pauses and failures < host.failures_to_pause:
            return replace(passage, failures=failures)
        seconds = min(host.longest_pause_seconds, host.pause_seconds * 2.0 ** min(passage.pauses, MOST_DOUBLINGS))
        return replace(
            passage,
            failures=failures,
            pauses=passage.pauses + 1,
            paused_until=self.clock() + seconds,
            paused_by=BREAKER,
            reason=reason,
        )

    def pause(self, name: str, seconds: float, reason: str) -> None:
        """Ask nothing of a host for a while, which may be infinite."""
        pause = {"paused_until": self.clock() + seconds, "paused_by": ADMINISTRATOR, "reason": reason}
        self._change(name, lambda passage: replace(passage, **pause))  # type: ignore[arg-type]

    def resume(self, name: str) -> None:
        """End a pause, whoever began it; what waited for its end is asked now."""
        self._change(name, lambda passage: Passage(answered=passage.answered))
        waiting = (batches.c.host == name, batches.c.state == "queued", batches.c.due > self.clock())
        with self._database.writing() as connection:
            connection.execute(batches.update().where(*waiting).values(due=self.clock()))

    def in_flight(self) -> dict[str, int]:
        """Jobs that hosts are computing, by host."""
        query = sa.select(batches.c.host, sa.func.count()).where(batches.c.state.in_(IN_FLIGHT)).group_by(batches.c.host)
        with self._database.reading() as connection:
            return {host: int(number) for host, number in connection.execute(query)}

    def _change(self, name: str, change: Callable[[Passage], Passage]) -> Passage:
        with self._database.writing() as connection:
            after = change(_read(connection, name))
            if not connection.execute(hosts.update().where(hosts.c.host == name).values(**asdict(after))).rowcount:
                connection.execute(hosts.insert().values(host=name, **asdict(after)))
        return after


def passages(connection: sa.Connection) -> dict[str, Passage]:
    """How the hosts can be passed that anything was noted of."""
    rows = connection.execute(sa.select(hosts)).mappings()
    return {row["host"]: Passage(**{key: value for key, value in row.items() if key != "host"}) for row in rows}


def _read(connection: sa.Connection, name: str) -> Passage:
    return passages(connection).get(name, Passage())


def _counted_afresh(passage: Passage) -> Passage:
    if passage.paused_by == ADMINISTRATOR:
        return replace(passage, failures=0, pauses=0)
    return replace(passage, failures=0, pauses=0, paused_until=0.0, paused_by="", reason="")
