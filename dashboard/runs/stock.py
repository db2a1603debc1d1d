"""What is stored, and who has it: the files of the product store beside the rows of the database, at one moment."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from dashboard.runs.database import open_database
from dashboard.runs.products import ProductStore, StoredFile, batch_of, is_part, publication_of, run_of
from dashboard.runs.run_state import ENDED_BATCH
from dashboard.runs.schema import batches, run_batches, runs
from dashboard.settings import Settings

DAY: Final = 86400.0
ENDED_RUN: Final = ("done", "done with failures", "cancelled")
"""States of runs that are over; one in review waits for its owner."""

run_ended: Final = sa.func.coalesce(runs.c.ended, runs.c.updated)
"""When a run ended whose state says that it did."""


@dataclass(slots=True)
class HeldRun:
    """A run in the stock; `ended` is None when it has not."""

    run_id: str
    name: str
    owner: str
    ended: float | None
    pinned: bool
    n_bytes: int = 0
    batch_ids: set[str] = field(default_factory=set)


@dataclass(slots=True)
class HeldBatch:
    """A batch in the stock; `over` when nobody works on it any more."""

    batch_id: str
    private: bool
    over: bool
    updated: float
    n_bytes: int = 0
    run_ids: set[str] = field(default_factory=set)


class Stock:
    """Runs and batches with their sizes, and files that no row knows.

    Parameters
    ----------
    settings
        Where database and products are.
    now
        Seconds since 1970 (UTC).

    Attributes
    ----------
    n_bytes
        Of the whole store.
    runs, batches
        By their ids.
    leftovers
        What a crash left behind: files half written a day ago, and publications that an ended run does not name.
    unknown
        Products of batches, and folders of runs, that are not in the database.
    """

    def __init__(self, settings: Settings, now: float) -> None:
        # Files first: a row is there before its files, so that one that is missing later was removed.
        files = list(ProductStore(settings.storage_url).files())
        self.n_bytes = sum(file.n_bytes for file in files)
        self.runs: dict[str, HeldRun] = {}
        self.batches: dict[str, HeldBatch] = {}
        sums: dict[str, str] = {}
        with open_database(settings).reading() as connection:
            columns = (runs.c.run_id, runs.c.name, runs.c.owner, runs.c.state, run_ended.label("at"), runs.c.pinned, runs.c.sums_json)
            for row in connection.execute(sa.select(*columns)):
                ended = row.at if row.state in ENDED_RUN else None
                self.runs[row.run_id] = HeldRun(row.run_id, row.name, row.owner, ended, row.pinned)
                sums[row.run_id] = row.sums_json
            known = sa.select(batches.c.batch_id, batches.c.owner, batches.c.state, batches.c.updated)
            for batch_id, owner, state, updated in connection.execute(known):
                # An attempt at a cancelled batch may still be on its way; a day later it is not.
                over = state == "done" or (state in ENDED_BATCH and updated < now - DAY)
                self.batches[batch_id] = HeldBatch(batch_id, bool(owner), over, updated)
            for run_id, batch_id in connection.execute(sa.select(run_batches.c.run_id, run_batches.c.batch_id)):
                self.runs[run_id].batch_ids.add(batch_id)
                self.batches[batch_id].run_ids.add(run_id)
        self.leftovers: list[StoredFile] = []
        self.unknown: list[StoredFile] = []
        self._sort(files, sums, now - DAY)

    def _sort(self, files: list[StoredFile], sums: dict[str, str], yesterday: float) -> None:
        """Give every file to whom it belongs; what belongs to nobody and is not named as ours is left out."""
        folders: defaultdict[str, list[StoredFile]] = defaultdict(list)
        for file in files:
            run_id, batch_id = run_of(file.name), batch_of(file.name)
            if run_id and run_id not in self.runs:
                folders[run_id].append(file)
            elif batch_id and batch_id not in self.batches:
                self.unknown.append(file)
            elif batch_id:
                self.batches[batch_id].n_bytes = file.n_bytes
            elif is_part(file.name) or (run_id and self.runs[run_id].ended and is_superseded(file.name, sums[run_id])):
                if file.changed < yesterday:
                    self.leftovers.append(file)
                elif run_id:
                    self.runs[run_id].n_bytes += file.n_bytes
            elif run_id:
                self.runs[run_id].n_bytes += file.n_bytes
        for run_id, members in folders.items():
            size, changed = sum(file.n_bytes for file in members), max(file.changed for file in members)
            self.unknown.append(StoredFile(f"runs/{run_id}", size, changed))

    def bytes_of(self, run: HeldRun) -> int:
        """What goes with a run: its folder, and the private batches that it alone has."""
        return run.n_bytes + sum(batch.n_bytes for batch in self.private_of(run))

    def private_of(self, run: HeldRun) -> list[HeldBatch]:
        """Private batches that the run alone has."""
        mine = (self.batches[batch_id] for batch_id in run.batch_ids)
        return [batch for batch in mine if batch.private and batch.run_ids == {run.run_id}]


def is_superseded(name: str, sums_json: str) -> bool:
    """Whether a file belongs to another publication than the one that a run with these sums shows.

    While a run goes on one more is kept for slow readers; a day after its end nobody reads that any more.
    """
    found = publication_of(name)
    return found is not None and found[1] != int(json.loads(sums_json).get(str(found[0]), 0))


def is_unknown(connection: sa.Connection, name: str) -> bool:
    """Whether no row knows a file, or a run's folder, now."""
    if is_part(name):
        return True
    if batch_id := batch_of(name):
        return connection.scalar(sa.select(batches.c.batch_id).where(batches.c.batch_id == batch_id)) is None
    row = connection.execute(sa.select(runs.c.state, runs.c.sums_json).where(runs.c.run_id == run_of(name))).one_or_none()
    return row is None or (row.state in ENDED_RUN and is_superseded(name, row.sums_json))
