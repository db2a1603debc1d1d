"""A database as a former version of this program left it: its steps taken back, with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa

from dashboard.runs.database import open_database
from dashboard.runs.upgrade import HEAD
from dashboard.settings import Settings

FORMER = [f"{number:04d}" for number in range(1, int(HEAD))]
"""All schemas but the present one."""


def _drop(**columns: tuple[str, ...]) -> list[str]:
    return [f"ALTER TABLE {table} DROP COLUMN {column}" for table, names in columns.items() for column in names]


def _move_back(table: str, key: str, other: str, column: str) -> list[str]:
    found = f"(SELECT {column} FROM {other} WHERE {other}.{key} = {table}.{key})"
    return [f"ALTER TABLE {table} ADD COLUMN {column} TEXT NOT NULL DEFAULT ''", f"UPDATE {table} SET {column} = {found}"]


BACK = {
    "0007": ["DROP TABLE links"],
    "0006": [
        *("DROP INDEX ix_run_batches_run_id_changed", "DROP INDEX ix_batches_due"),
        *_move_back("runs", "run_id", "plans", "plan_json"),
        *_move_back("batches", "batch_id", "contents", "parameters_json"),
        *_move_back("batches", "batch_id", "contents", "catalog_json"),
        *("DROP TABLE plans", "DROP TABLE contents"),
        *_drop(run_batches=("changed",)),
    ],
    "0005": ["DROP INDEX ix_batches_state", "DROP TABLE counts"],
    "0004": ["DROP TABLE processes", *_drop(runs=("adder", "adders"), batches=("began", "seconds"))],
    "0003": ["DROP TABLE publications"],
    "0002": ["DROP TABLE tokens", "DROP TABLE hosts", *_drop(runs=("plan_version", "pinned", "ended", "tell"))],
}
"""What takes back the step to a version."""


def make_older(settings: Settings, version: str) -> None:
    """Take the tables back to a former version."""
    acts = [act for step, undone in BACK.items() if step > version for act in undone]
    with open_database(settings).writing() as connection:
        for act in [*acts, f"UPDATE alembic_version SET version_num = '{version}'"]:
            connection.execute(sa.text(act))
