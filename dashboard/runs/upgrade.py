"""The run store's tables, brought to the form this program knows: Alembic's steps, in one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from dashboard.errors import RunError

HEAD: Final = "0007"
FIRST: Final = "0001"
"""Of databases made before versions were kept by Alembic."""
_VERSION_TABLE = sa.table("alembic_version", sa.column("version_num"))


def upgrade(connection: sa.Connection) -> None:
    """Make or change the tables, within the caller's transaction; costs one query when there is nothing to do.

    Raises
    ------
    RunError
        When a later version of this program wrote the database.
    """
    tables = sa.inspect(connection)
    found = found_version(connection)
    if found == HEAD:
        return
    if found is not None and found > HEAD:
        raise RunError(f"The database of runs has schema {found}, this program reads {HEAD}: use the program that wrote it.")
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    if found is None and tables.has_table("meta"):
        command.stamp(config, FIRST)
    command.upgrade(config, HEAD)


def found_version(connection: sa.Connection) -> str | None:
    """The version that the tables have, None where none is noted."""
    noted = sa.inspect(connection).has_table("alembic_version")
    return connection.scalar(sa.select(_VERSION_TABLE.c.version_num)) if noted else None
