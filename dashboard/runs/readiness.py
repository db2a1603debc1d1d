"""Whether a page server can do its work: the database answers and has the tables this program knows, the product store answers."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from dashboard.errors import ProductError, RunError
from dashboard.runs.database import Database, open_database
from dashboard.runs.presence import WORKER, seen
from dashboard.runs.products import ProductStore
from dashboard.runs.upgrade import HEAD, found_version
from dashboard.settings import Settings


@dataclass(frozen=True, slots=True)
class Readiness:
    """What answered.

    Attributes
    ----------
    schema
        Version of the tables.
    workers
        Number of workers that are alive; None on SQLite, where whoever looks starts the one there is.
    """

    schema: str
    workers: int | None = None


def readiness(settings: Settings) -> Readiness:
    """Blocking: ask database and product store.

    Raises
    ------
    RunError, ProductError
        The first that does not answer, in a sentence.
    """
    database = open_database(settings)
    with database.reading() as connection:
        schema = found_version(connection)
        if schema != HEAD:
            raise RunError(
                f"The database of runs has schema {schema or 'none'}, this process works with {HEAD}: start it with the later program."
            )
        workers = _workers(database, connection) if settings.shared else None
    if "://" in settings.storage_url:
        ProductStore(settings.storage_url).exists("ready")
    else:
        see_folder(Path(settings.storage_url))
    return Readiness(schema, workers)


def _workers(database: Database, connection: sa.Connection) -> int:
    return sum(process.alive for process in seen(database, connection, WORKER))


def see_folder(folder: Path) -> None:
    """Raise where products could not be written: the folder, or the one in which it will be made."""
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise ProductError(f"The product store {folder} cannot be written: see to its rights.")
