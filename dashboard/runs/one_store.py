"""All processes that share a database must share the product store: it bears a mark that the database knows.

Two machines that both say /data/products would otherwise each look for the other's files on its own disk.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from dashboard.errors import SettingsError
from dashboard.runs.database import Database
from dashboard.runs.products import ProductStore
from dashboard.runs.schema import meta
from dashboard.settings import Settings

MARK: Final = "store-id"
"""Key of the database, and name of the file in the store."""


def refuse_another_store(database: Database, settings: Settings) -> None:
    """Raise unless the store is the one of this database; the first who comes marks both.

    Raises
    ------
    SettingsError
        With what to do.
    StorageAway, StorageFull, ProductError
        When the store cannot be read or written.
    """
    products = ProductStore(settings.storage_url)
    products.exists(MARK)  # a store that is away keeps nobody waiting for the database
    with database.writing() as connection:
        known = connection.scalar(sa.select(meta.c.value).where(meta.c.key == MARK))
        found = products.read(MARK, _text) if products.exists(MARK) else ""
        if known is None:
            known = found or secrets.token_hex(8)
            connection.execute(meta.insert().values(key=MARK, value=known))
            if not found:
                products.write(MARK, lambda path: _write(path, str(known)))
                found = known
    if found != known:
        raise SettingsError(
            "The product store here is not the one of this database (its file store-id is missing or another): set "
            "INTEGRAL_DASHBOARD_STORAGE everywhere to one store that all machines reach, such as s3://bucket/folder. "
            f"If it was emptied on purpose, write {known} into its file store-id."
        )


def _text(path: Path) -> str:
    return path.read_text().strip()


def _write(path: Path, text: str) -> None:
    path.write_text(text)
