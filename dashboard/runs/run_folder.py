"""`run.json` in a run's folder, so that whoever has the files alone knows what they are.

The database stays the truth: the document follows it, and is written whole each time.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from dashboard.errors import ProductError, RunNotFound, StorageAway, StorageFull
from dashboard.plan.plan import Plan
from dashboard.runs.database import open_database
from dashboard.runs.products import ProductStore, run_document_file
from dashboard.runs.run_document import run_document
from dashboard.runs.run_view import RunView
from dashboard.runs.schema import run_batches, runs
from dashboard.settings import Settings

FORMAT: Final = 1
WRITE_SECONDS: Final = 2.0
"""Between two documents of a run whose sums grow, at least; what becomes of the run is written at once."""
WRITE_SHARE: Final = 0.01
"""Of the time that may pass with writing such documents: they are written whole, and that of a long run is long."""
PAUSE_SECONDS: Final = 30.0
"""Until a document that could not be written is tried again."""
MOST_AT_ONCE: Final = 4
"""Documents of runs that have none yet, written in one look."""

log = logging.getLogger(__name__)


class Outline(NamedTuple):
    """What of a run makes its document another one; the rest is brought up to date with it."""

    state: str
    reason: str
    name: str
    pinned: bool
    plan_version: int
    n_excluded: int
    sums_json: str


def write_document(settings: Settings, run_id: str, plan: Plan | None = None) -> None:
    """Write the document of a run as it is now; nothing is left of it when the run is deleted meanwhile.

    Parameters
    ----------
    settings
        Where database and products are.
    run_id
        Which run.
    plan
        Its plan where the caller has it.

    Raises
    ------
    RunNotFound
        When there is no such run.
    StorageFull, ProductError
        When the file cannot be written.
    """
    view, products = RunView(settings), ProductStore(settings.storage_url)
    state = view.state(run_id)
    written = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"format": FORMAT, "written": written, **run_document(state, plan or view.plan(run_id))}
    text = json.dumps(document, indent=1, allow_nan=False)
    products.write(run_document_file(run_id), lambda path: _write(path, text))
    if run_id not in view.versions([run_id]):
        products.remove_folder(f"runs/{run_id}")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def try_to_write(settings: Settings, run_id: str, plan: Plan | None = None) -> bool:
    """Write the document of a run if that is possible; a run is no worse for the lack of it, so that a failure is only logged."""
    try:
        write_document(settings, run_id, plan)
    except RunNotFound:
        return True
    except (StorageFull, StorageAway, ProductError) as error:
        log.warning("Run %s: %s", run_id, error.sentence)
        return False
    return True


class RunFolders:
    """The worker's part: the documents of the runs it works on follow them.

    Parameters
    ----------
    settings
        Where database and products are.
    clock
        Seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._kept: dict[str, tuple[Outline, float]] = {}
        self._plans: dict[str, tuple[int, Plan]] = {}
        self._owed: dict[str, float] = {}

    def look_for_missing(self) -> None:
        """Note the runs that have no document, or one from before their end: an earlier version or worker left them."""
        written = {file.name: file.changed for file in ProductStore(self._settings.storage_url).files("runs")}
        with open_database(self._settings).reading() as connection:
            rows = connection.execute(sa.select(runs.c.run_id, runs.c.ended)).all()
        late = [run_id for run_id, ended in rows if written.get(run_document_file(run_id), 0.0) < max(ended or 0.0, 1.0)]
        self._owed |= dict.fromkeys(late, 0.0)

    def keep(self, run_ids: Iterable[str]) -> None:
        """Write the documents of those that have changed, and some of those that are owed. Costs a query when there is nothing to do."""
        now, active = self._clock(), set(run_ids)
        owed = [run_id for run_id, not_before in self._owed.items() if not_before <= now][:MOST_AT_ONCE]
        for run_id, outline in self._outlines([*active, *owed]).items():
            if self._owed.get(run_id, 0.0) <= now and self._is_due(run_id, outline, now):
                began = self._clock()
                if try_to_write(self._settings, run_id, self._plan(run_id, outline.plan_version)):
                    pause = max(WRITE_SECONDS, (self._clock() - began) / WRITE_SHARE)
                    self._kept[run_id] = outline, now + pause
                    self._owed.pop(run_id, None)
                else:
                    self._owed[run_id] = now + PAUSE_SECONDS
        for gone in [*(self._kept.keys() - active), *(self._plans.keys() - active)]:
            self._kept.pop(gone, None)
            self._plans.pop(gone, None)

    def _is_due(self, run_id: str, outline: Outline, now: float) -> bool:
        if run_id in self._owed or run_id not in self._kept:
            return True
        before, not_before = self._kept[run_id]
        only_sums = before._replace(sums_json=outline.sums_json) == outline
        return before != outline and (not only_sums or now >= not_before)

    def _plan(self, run_id: str, version: int) -> Plan | None:
        """The plan, read once a version; None when the run is gone."""
        if self._plans.get(run_id, (0,))[0] != version:
            try:
                self._plans[run_id] = version, RunView(self._settings).plan(run_id)
            except RunNotFound:
                return None
        return self._plans[run_id][1]

    def _outlines(self, run_ids: Collection[str]) -> dict[str, Outline]:
        """Of those runs that there are; a run that is gone owes nothing."""
        if not run_ids:
            return {}
        excluded = sa.select(sa.func.count()).where(run_batches.c.run_id == runs.c.run_id, run_batches.c.excluded).scalar_subquery()
        columns = (runs.c.state, runs.c.reason, runs.c.name, runs.c.pinned, runs.c.plan_version, excluded, runs.c.sums_json)
        query = sa.select(runs.c.run_id, *columns).where(runs.c.run_id.in_(list(run_ids)))
        with open_database(self._settings).reading() as connection:
            found = {run_id: Outline(*rest) for run_id, *rest in connection.execute(query)}
        for run_id in set(run_ids) - found.keys():
            self._owed.pop(run_id, None)
        return found
