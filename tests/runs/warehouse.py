"""A store with runs, batches and files of hand-set ages and sizes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dashboard.identity import Identity
from dashboard.runs.database import open_database
from dashboard.runs.products import ProductStore, batch_file, run_file
from dashboard.runs.retention import Removal, planned_removals
from dashboard.runs.schema import batches, events, run_batches, runs
from dashboard.runs.store import RunStore
from tests.runs.sky_dispatcher import plan_of, settings_in, text

NOW = 1_800_000_000.0
DAY = 86400.0
BATCH, MOSAIC = 1000, 5000
"""Bytes of every batch and of every run's mosaic."""


class Warehouse:
    """A store that tests fill. Pairs of science windows from an even `first` on are batches."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings_in(folder)
        self.store, self.database = RunStore(self.settings), open_database(self.settings)
        self.products = ProductStore(self.settings.storage_url)
        self.root = Path(self.settings.storage_url)

    def run(self, first: int, days: float, *, windows: int = 4, state: str = "done", **plan: Any) -> str:
        """A run that took this state so many days ago, with its products and a published mosaic."""
        run_id = self.store.start(plan_of(windows, first=first, **plan), Identity("ada"), name=f"from {first}")
        for batch_id in self.batches_of(run_id):
            if not self.products.exists(batch_file(batch_id)):
                self.file(batch_file(batch_id), BATCH, days)
                self.set_batch(batch_id, state="done", due=None, updated=NOW - days * DAY)
        self.file(run_file(run_id, "mosaic", 0, 1), MOSAIC, days)
        self.set_run(run_id, state=state, ended=None if state == "running" else NOW - days * DAY, sums_json='{"0": 1}')
        return run_id

    def file(self, name: str, size: int, days: float) -> str:
        self.products.write(name, text("x" * size))
        os.utime(self.root / name, (NOW - days * DAY,) * 2)
        return name

    def set_run(self, run_id: str, **values: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(runs.update().where(runs.c.run_id == run_id).values(**values))

    def set_batch(self, batch_id: str, **values: Any) -> None:
        with self.database.writing() as connection:
            connection.execute(batches.update().where(batches.c.batch_id == batch_id).values(**values))

    def batches_of(self, run_id: str) -> list[str]:
        return [batch.batch_id for batch in self.store.state(run_id).batches]

    def plan(self, days: float | None = None, n_bytes: float | None = None, now: float = NOW) -> tuple[Removal, ...]:
        return planned_removals(self.settings, days=days, gigabytes=None if n_bytes is None else n_bytes / 1e9, now=now)

    def what(self, days: float | None = None, n_bytes: float | None = None) -> list[tuple[str, str]]:
        return [(removal.kind, removal.id) for removal in self.plan(days, n_bytes)]

    def contents(self) -> tuple[Any, ...]:
        """All rows and files."""
        with self.database.reading() as connection:
            rows = [connection.execute(sa.select(table)).all() for table in (runs, batches, run_batches, events)]
        return rows, sorted(self.products.files(), key=lambda file: file.name)

    def stored(self, batch_id: str) -> bool:
        return self.products.exists(batch_file(batch_id))

    def known(self, batch_id: str) -> bool:
        with self.database.reading() as connection:
            row = connection.scalar(sa.select(batches.c.batch_id).where(batches.c.batch_id == batch_id))
            noted = connection.scalar(sa.select(events.c.id).where(events.c.batch_id == batch_id).limit(1))
        assert (row is None) == (noted is None), "history goes with the batch"
        return row is not None
