"""Tables of the run store, and the way to their database.

Times are seconds since 1970 (UTC). A row of `batches` is shared by all runs that ask the same work; what one run thinks
of it stands in `run_batches`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, OperationalError

from dashboard.errors import DatabaseAway, RunError, StorageFull, WorkerRefused
from dashboard.products.disk import is_full
from dashboard.runs.upgrade import upgrade
from dashboard.settings import Settings

BUSY_MILLISECONDS = 30_000

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("owner", sa.String, nullable=False, index=True),
    sa.Column("origin", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("request_json", sa.Text, nullable=False),
    sa.Column("plan_json", sa.Text, nullable=False),
    sa.Column("n_jobs", sa.Integer, nullable=False),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Column("sums_json", sa.Text, nullable=False, default="{}", comment="job number to version of its published sum"),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    sa.Column("plan_version", sa.Integer, nullable=False, default=1, comment="raised when the plan changes"),
    sa.Column("pinned", sa.Boolean, nullable=False, default=False, comment="never removed by retention"),
    sa.Column("ended", sa.Float, comment="NULL: not yet"),
    sa.Column("tell", sa.String, nullable=False, default="", comment="e-mail address of whoever wants to know its end"),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("parameters_json", sa.Text, nullable=False),
    sa.Column("exposure", sa.Float, nullable=False),
    sa.Column("tstart", sa.Float),
    sa.Column("tstop", sa.Float),
    sa.Column("state", sa.String, nullable=False, default="planned"),
    sa.Column("due", sa.Float, default=0.0, comment="when to enqueue it; NULL: enqueued already, or at an end"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0, comment="how often it was enqueued, ever"),
    sa.Column("tries", sa.Integer, nullable=False, default=0, comment="failures since a user last asked for it"),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("remedy", sa.Text, nullable=False, default=""),
    sa.Column("job_id", sa.String, nullable=False, default=""),
    sa.Column("session_id", sa.String, nullable=False, default=""),
    sa.Column("scw_done", sa.Integer, nullable=False, default=0),
    sa.Column("scw_total", sa.Integer, nullable=False),
    sa.Column("product_file", sa.String, nullable=False, default=""),
    sa.Column("catalog_json", sa.Text, nullable=False, default=""),
    sa.Column("n_bytes", sa.Integer, nullable=False, default=0),
    sa.Column("worker", sa.String, nullable=False, default=""),
    sa.Column("updated", sa.Float, nullable=False),
)

run_batches = sa.Table(
    "run_batches",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("batch_id", sa.ForeignKey("batches.batch_id"), primary_key=True, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("job", sa.Integer, nullable=False),
    sa.Column("reused", sa.Boolean, nullable=False, default=False),
    sa.Column("folded", sa.Boolean, nullable=False, default=False),
    sa.Column("excluded", sa.Boolean, nullable=False, default=False),
    sa.Column("refusal", sa.Text, nullable=False, default="", comment="why its product does not enter this run's sum"),
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, default="", index=True),
    sa.Column("batch_id", sa.String, nullable=False, default="", index=True),
    sa.Column("at", sa.Float, nullable=False, default=time.time),
    sa.Column("what", sa.String, nullable=False),
    sa.Column("detail", sa.Text, nullable=False, default=""),
)

publications = sa.Table(
    "publications",
    metadata,
    sa.Column("run_id", sa.ForeignKey("runs.run_id"), primary_key=True),
    sa.Column("product_id", sa.String, primary_key=True),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("job", sa.Integer, nullable=False),
    sa.Column("source", sa.String, nullable=False, comment="empty for an image"),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("link", sa.String, nullable=False),
    sa.Column("sum_version", sa.Integer, nullable=False),
    sa.Column("published", sa.Float, nullable=False),
)

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("owner", sa.String, primary_key=True),
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("given", sa.Float, nullable=False),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("host", sa.String, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False, default=0),
    sa.Column("pauses", sa.Integer, nullable=False, default=0),
    sa.Column("paused_until", sa.Float, nullable=False, default=0.0),
    sa.Column("paused_by", sa.String, nullable=False, default=""),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("answered", sa.Float, nullable=False, default=0.0),
)

meta = sa.Table("meta", metadata, sa.Column("key", sa.String, primary_key=True), sa.Column("value", sa.String, nullable=False))


class Database:
    """Transactions on the run store; a database that fails becomes a RunError."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(immediate=True)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One snapshot."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds SQLite's write lock from its beginning, so that what it read still holds when it writes."""
        with self._translated(), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            if "disk is full" in str(error.orig):
                raise StorageFull("No space is left for the database of runs: free some; the runs go on by themselves.") from error
            raise DatabaseAway(f"The database of runs does not answer: {error.orig}. See that its disk or server is there.") from error
        except DatabaseError as error:
            if not getattr(error.orig, "sqlite_errorname", "").startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
                raise
            raise RunError(
                f"The database of runs {self._engine.url.database} is damaged ({error.orig}): put a copy of it back, "
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
    with _opening:
        return _open(settings.database_url, settings.data_dir)


_opening = threading.Lock()
"""Alembic works through one state of the process: threads that come first at the same time take turns."""


@lru_cache(maxsize=8)
def _open(url: str, data_dir: Path) -> Database:
    make_data_folder(data_dir)
    try:
        engine = sa.create_engine(url, hide_parameters=True)
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
