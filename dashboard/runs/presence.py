"""Signs of life: who works and who watches, so that a dead process is noticed and others go on with what it leaves.

Each process has a row that it touches now and then, by the database's clock: those of several machines differ.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa

from dashboard import __version__
from dashboard.errors import DashboardError, RunError, SettingsError
from dashboard.runs.database import Database, open_database
from dashboard.runs.one_store import refuse_another_store
from dashboard.runs.schema import processes
from dashboard.runs.secret_key import derived_key
from dashboard.settings import Settings

BEAT_SECONDS: Final = 2.0
DEAD_SECONDS: Final = 15.0
"""After which a process that gives no sign of life counts as dead. One that was wrongly thought so does no harm."""
WORKER, PAGE = "worker", "page"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """A process as the others see it.

    Attributes
    ----------
    process_id, kind, machine, version
        Which one, `WORKER` or `PAGE`, where, and of which version of the program.
    began, silent
        When it began, seconds since 1970 (UTC); seconds since its last sign of life.
    """

    process_id: str
    kind: str
    machine: str
    version: str
    began: float
    silent: float

    @property
    def alive(self) -> bool:
        """Whether it gave a sign of life lately."""
        return self.silent < DEAD_SECONDS


def seen(database: Database, connection: sa.Connection, kind: str = "") -> tuple[Process, ...]:
    """All processes that have not been taken off the list, or those of a kind; the oldest first."""
    here, now = processes.c, database.now(connection)
    silent = (now - here.beat).label("silent")
    query = sa.select(here.process_id, here.kind, here.machine, here.version, here.began, silent).order_by(here.began)
    rows = connection.execute(query.where(here.kind == kind) if kind else query)
    return tuple(Process(**row) for row in rows.mappings())


def refuse_without_worker(database: Database) -> None:
    """Raise when no worker is alive; looked up once in `BEAT_SECONDS`.

    Raises
    ------
    RunError
        With what to do about it.
    """
    if time.monotonic() - _met.get(database, -DEAD_SECONDS) < BEAT_SECONDS:
        return
    with database.reading() as connection:
        alive = any(process.alive for process in seen(database, connection, WORKER))
    if not alive:
        raise RunError(
            "No worker is at work, and this process only watches: runs go on as soon as one is started (integral-dashboard worker). "
            "Nothing is lost meanwhile."
        )
    _met[database] = time.monotonic()


_met: WeakKeyDictionary[Database, float] = WeakKeyDictionary()


def step_out() -> None:
    """End what this process is among the others; who cannot be told, because the database is away, sees it by the silence."""
    while _begun:
        with suppress(DashboardError):
            _begun.pop().end()


_begun: list[Presence] = []


class Presence:
    """The own process among the others.

    Parameters
    ----------
    settings
        Where the database is, and the key.
    kind
        `WORKER` or `PAGE`.
    """

    def __init__(self, settings: Settings, kind: str) -> None:
        self._database, self._settings = open_database(settings), settings
        self._row = {
            "kind": kind,
            "machine": os.uname().nodename,
            "version": __version__,
            "key_print": derived_key(settings, "print").hex()[:16],
        }
        self.process_id = f"{os.uname().nodename}:{os.getpid()}:{secrets.token_hex(3)}"
        self._end = threading.Event()

    def begin(self) -> None:
        """Step in, and give signs of life from now on. On SQLite a lock says that others of its kind on the list are dead.

        Raises
        ------
        SettingsError
            When the others have another key, so that what one seals the other could not open; or another product store.
        """
        if self._settings.shared:
            refuse_another_store(self._database, self._settings)
        with self._database.writing() as connection:
            if self._settings.shared:
                self._refuse_another_key(connection)
            else:
                connection.execute(processes.delete().where(processes.c.kind == self._row["kind"]))
            self._step_in(connection)
        _begun.append(self)
        threading.Thread(target=self._beat, name="sign of life", daemon=True).start()

    def end(self) -> None:
        """Step out: what a worker leaves undone is taken over at once, as of one that is long dead, where there is anybody else."""
        self._end.set()
        with self._database.writing() as connection:
            mine = processes.c.process_id == self.process_id
            gone = {"beat": self._database.now(connection) - DEAD_SECONDS}
            heirs = self._settings.shared and self._row["kind"] == WORKER
            connection.execute(processes.update().where(mine).values(gone) if heirs else processes.delete().where(mine))

    def beat(self) -> None:
        """Give a sign of life; a process that was thought dead and taken off the list steps in again."""
        with self._database.writing() as connection:
            if self._end.is_set():
                return
            mine = processes.update().where(processes.c.process_id == self.process_id)
            if not connection.execute(mine.values(beat=self._database.now(connection))).rowcount:
                log.warning("%s was thought dead. It goes on.", self.process_id)
                self._step_in(connection)

    def _step_in(self, connection: sa.Connection) -> None:
        now = self._database.now(connection)
        connection.execute(processes.insert().values(process_id=self.process_id, began=now, beat=now, **self._row))

    def _refuse_another_key(self, connection: sa.Connection) -> None:
        alive = processes.c.beat > self._database.now(connection) - DEAD_SECONDS
        other = sa.select(processes.c.machine).where(alive, processes.c.key_print != self._row["key_print"])
        machine = connection.scalar(other.limit(1))
        if machine is not None:
            raise SettingsError(
                f"A process on {machine} uses another key for this database, so that tokens sealed here could not be opened there: "
                "set INTEGRAL_DASHBOARD_KEY to the same secret everywhere."
            )

    def _beat(self) -> None:
        away = False
        while not self._end.wait(BEAT_SECONDS):
            try:
                self.beat()
                away = False
            except DashboardError as error:  # the database is away: for the others, too
                if not away:
                    log.warning("%s", error.sentence)
                away = True
