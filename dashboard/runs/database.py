"""The way to the run store's database: SQLite for one worker, PostgreSQL for several, one writer at a time on both."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError

from dashboard.errors import DatabaseAway, RunError, StorageFull, WorkerRefused
from dashboard.products.disk import is_full
from dashboard.runs.upgrade import upgrade
from dashboard.settings import Settings

BUSY_MILLISECONDS = 30_000
STOPPED_SECONDS = 10.0
"""After which a process that is stopped within a transaction on PostgreSQL loses it: the others wait for its locks, and not that long."""
_SERVER: dict[str, Any] = {
    "pool_pre_ping": True,
    "connect_args": {
        "connect_timeout": 10,
        "application_name": "integral-dashboard",
        "options": f"-c lock_timeout={BUSY_MILLISECONDS} -c idle_in_transaction_session_timeout={STOPPED_SECONDS * 1000:.0f}",
    },
}
_DISK_FULL, _STOPPED = "53100", "25P03"  # SQLSTATE, see PostgreSQL's appendix A
_ONE_WRITER = sa.select(sa.func.pg_advisory_xact_lock(0x1E7E6A1))
_CLOCK = sa.select(sa.extract("epoch", sa.func.clock_timestamp()))


class Database:
    """Transactions on the run store; a database that fails becomes a RunError."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self._shared = engine.dialect.name == "postgresql"
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ") if self._shared else engine
        self._writing = engine.execution_options(immediate=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot."""
        with self._translated(), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction; there is one at a time, so that what it read still holds when it writes.

        That is SQLite's write lock, taken at the beginning. On PostgreSQL an advisory lock does the same for all processes: it
        ends with its transaction, and with the connection of a process that dies.
        """
        with self._translated(), self._writing.begin() as connection:
            if self._shared:
                connection.execute(_ONE_WRITER)
            yield connection

    def now(self, connection: sa.Connection) -> float:
        """Seconds since 1970 (UTC) by the clock that all processes share."""
        return float(connection.execute(_CLOCK).scalar_one()) if self._shared else time.time()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if "disk is full" in str(error.orig) or getattr(error.orig, "sqlstate", "") == _DISK_FULL:
                raise StorageFull("No space is left for the database of runs: free some; the runs go on by themselves.") from error
            raise DatabaseAway(f"The database of runs does not answer: {error.orig}. See that its disk or server is there.") from error
        except DatabaseError as error:
            if getattr(error.orig, "sqlstate", "") == _STOPPED:
                raise DatabaseAway("This process was stopped for too long while it wrote: what it had begun was taken back.") from error
            if not getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                raise
            raise RunError(
                f"The database of runs {self.engine.url.database} is damaged ({error.orig}): put a copy of it back, "
                "or move it away to begin with an empty one; products that are stored are kept."
            ) from error


def open_database(settings: Settings) -> Database:
    """The run store's database, with its tables.

    Raises
    ------
    WorkerRefused
        For SQLite on a network disk.
    RunError
        When the data folder cannot be written, or the tables come from a later version of this program.
    """
    key = (settings.database_url, settings.data_dir)
    with _opening:
        if key not in _opened:
            _opened[key] = _open(*key)
        return _opened[key]


def close_databases() -> None:
    """Close all connections of this process; who needs a database again opens it again."""
    with _opening:
        while _opened:
            _opened.popitem()[1].engine.dispose()


_opened: dict[tuple[str, Path], Database] = {}
_opening = threading.Lock()
"""Alembic works through one state of the process: threads that come first at the same time take turns."""


def _open(url: str, data_dir: Path) -> Database:
    make_data_folder(data_dir)
    try:
        engine = sa.create_engine(url, hide_parameters=True, **(_SERVER if url.startswith("postgresql") else {}))
    except (ArgumentError, ImportError) as error:  # their words may hold the password
        raise RunError("INTEGRAL_DASHBOARD_DATABASE is no SQLAlchemy URL, or its driver is not installed: correct it.") from error
    if engine.dialect.name == "sqlite":
        refuse_network_disk(data_dir, Path("/proc/mounts").read_text() if Path("/proc/mounts").exists() else "")
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    database = Database(engine)
    with database.writing() as connection:
        upgrade(connection)
    return database


def make_data_folder(data_dir: Path) -> None:
    """Create the data folder where it is missing.

    Raises
    ------
    StorageFull, RunError
        When that is not possible.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = StorageFull if is_full(error) else RunError
        raise kind(f"The data folder {data_dir} cannot be made: {error.strerror}. Set INTEGRAL_DASHBOARD_DATA to another one.") from error


def refuse_network_disk(folder: Path, mounts: str) -> None:
    """SQLite's locks do not hold over NFS.

    Parameters
    ----------
    folder
        Where the database is to live.
    mounts
        Text of /proc/mounts.

    Raises
    ------
    WorkerRefused
        When the folder is on NFS.
    """
    rows = [line.split() for line in mounts.splitlines()]
    points = {Path(row[1].replace("\\040", " ")): row[2] for row in rows if len(row) > 2}
    place = folder.resolve()
    kind = next((points[parent] for parent in (place, *place.parents) if parent in points), "")
    if kind.startswith("nfs"):
        raise WorkerRefused(
            f"The data folder {folder} is on a network disk ({kind}), where SQLite loses data: "
            "set INTEGRAL_DASHBOARD_DATA to a local folder, or INTEGRAL_DASHBOARD_DATABASE to PostgreSQL."
        )


def _prepare_sqlite(connection: Any, _: object) -> None:
    # Transactions are begun by us, see _begin_sqlite.
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_MILLISECONDS}", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: Any) -> None:
    """Switch a new database to WAL, which it then stays in: SQLite waits for no busy_timeout while another connection does the same."""
    deadline = time.monotonic() + BUSY_MILLISECONDS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("immediate") else "BEGIN")
