"""One worker among the others: which runs are its own, and what it takes over from a dead one.

A run is added up by one worker at a time, the one that claimed it, for as long as that lives. What a former one still publishes
is refused, and its files have other names than those of the present one: see `JobFold`.

DBOS recovers the workflows of a dead process only when one with the same executor id starts again. Here whoever notices first puts
them back into the queue, within the run store's one writing transaction, so that no two do it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import sqlalchemy as sa

from dashboard.runs.database import Database
from dashboard.runs.ledger import Ledger
from dashboard.runs.presence import BEAT_SECONDS, WORKER, seen
from dashboard.runs.run_state import ACTIVE_RUN
from dashboard.runs.schema import processes, runs
from dashboard.runs.workflow import BatchQueue

log = logging.getLogger(__name__)


class Team:
    """A worker's place among the workers.

    Parameters
    ----------
    database, ledger, queue
        Where runs, batches and workflows are.
    process_id
        Of the worker; it never thinks itself dead.
    clock
        Seconds.
    """

    def __init__(
        self, database: Database, ledger: Ledger, queue: BatchQueue, process_id: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database, self._ledger, self._queue, self._me, self._clock = database, ledger, queue, process_id, clock
        self._looked = -math.inf

    def take_over(self) -> int:
        """Put back into the queue what no living worker has, at most once in `BEAT_SECONDS`; how many batches."""
        if self._clock() - self._looked < BEAT_SECONDS:
            return 0
        self._looked = self._clock()
        with self._database.reading() as connection:
            if not self._dead(connection) and not self._queue.held_by_others(self._living(connection)):
                return 0
        with self._database.writing() as connection:
            dead = self._dead(connection)
            back = self._queue.take_back(self._queue.held_by_others(self._living(connection)))
            if dead:
                self._queue.put_missing(self._ledger.in_queue())
                connection.execute(processes.delete().where(processes.c.process_id.in_(dead)))
        if dead or back:
            gone = ", ".join(dead) or "a worker"
            log.warning("No sign of life of %s: %d batches are taken over.", gone, back, extra={"worker": gone})
        return back

    def claim(self) -> list[str]:
        """Take this worker's share of the active runs that no living one has; costs a query when there is none."""
        others = sa.select(runs.c.run_id).where(runs.c.state.in_(ACTIVE_RUN), runs.c.adder != self._me)
        with self._database.reading() as connection:
            if connection.scalar(others.limit(1)) is None or not self._free(connection):
                return []
        with self._database.writing() as connection:
            free = self._free(connection)
            mine = free[: math.ceil(len(free) / len(self._living(connection)))]
            after = sa.case((runs.c.adder == "", 0), else_=1)
            connection.execute(runs.update().where(runs.c.run_id.in_(mine)).values(adder=self._me, adders=runs.c.adders + after))
        return mine

    def _living(self, connection: sa.Connection) -> set[str]:
        return {process.process_id for process in seen(self._database, connection, WORKER) if process.alive} | {self._me}

    def _dead(self, connection: sa.Connection) -> list[str]:
        found = seen(self._database, connection)
        return [process.process_id for process in found if not process.alive and process.process_id != self._me]

    def _free(self, connection: sa.Connection) -> list[str]:
        active = sa.select(runs.c.run_id).where(runs.c.state.in_(ACTIVE_RUN), runs.c.adder.not_in(self._living(connection)))
        return list(connection.scalars(active.order_by(runs.c.created)))
