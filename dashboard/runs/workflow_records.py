"""What DBOS remembers of attempts at batches, seen by processes that run no workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from dashboard.errors import DatabaseAway
from dashboard.runs.database import open_database
from dashboard.runs.ledger import Order
from dashboard.settings import Settings

AT_ONCE: Final = 500


def forget_attempts(settings: Settings, attempts: Mapping[str, int]) -> None:
    """Forget all attempts at batches that have ended and whose rows are about to go.

    DBOS does nothing twice under one id: without this the first attempt at a batch that comes back later would seem done to
    it, and the batch would wait for ever. Should a row stay after all, no harm is done: another attempt has another number.

    Parameters
    ----------
    settings
        Where the database is.
    attempts
        How often each batch was enqueued.

    Raises
    ------
    DatabaseAway
        When the database does not answer.
    """
    ids = [Order(batch_id, number, "", 0).workflow_id for batch_id, most in attempts.items() for number in range(1, most + 1)]
    if not ids or not _has_records(settings):
        return
    from dbos import DBOSClient

    try:
        client = DBOSClient(system_database_url=settings.database_url, retry_connection_errors=False)
        try:
            for first in range(0, len(ids), AT_ONCE):
                client.delete_workflows(ids[first : first + AT_ONCE])
        finally:
            client.destroy()
    except DBAPIError as error:
        raise DatabaseAway(f"The database of runs does not answer: {error.orig}. See that its disk or server is there.") from error


def _has_records(settings: Settings) -> bool:
    """Whether a worker has ever been at work here."""
    with open_database(settings).reading() as connection:
        schema = None if connection.dialect.name == "sqlite" else "dbos"
        return sa.inspect(connection).has_table("workflow_status", schema=schema)
