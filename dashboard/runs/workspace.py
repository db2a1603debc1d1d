"""Products in a folder of the user's, under names that people read, as they land: INTEGRAL_DASHBOARD_WORKSPACE.

<name>_<run_id>/isgri_mosaic_28-40keV.fits            the sum so far; the next one replaces it, whole
                isgri_mosaic_28-40keV_sources.ecsv    its sources
                isgri_spectrum.fits, isgri_lightcurve_28-40keV.fits
                run.json                              request, batches, and which sums these files are; written last

The product store stays the truth. A run is no worse when the folder cannot be written: that is logged, and tried again.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from dashboard.errors import DashboardError, RunNotFound
from dashboard.plan.job import Job
from dashboard.runs.database import open_database
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.run_document import PUBLISHED, run_document
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.runs.schema import runs
from dashboard.runs.source_document import read_sources
from dashboard.settings import Settings

PAUSE_SECONDS: Final = 30.0
"""Until a run whose files could not be written is tried again."""
DOCUMENT: Final = "run.json"

log = logging.getLogger(__name__)


class Workspace:
    """The worker's part: the folder follows the runs it works on.

    Parameters
    ----------
    settings
        Where database and products are, and the folder: `workspace_dir`, None for none.
    clock
        Seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._root, self._clock = settings, settings.workspace_dir, clock
        self._view, self._products = RunView(settings), ProductStore(settings.storage_url)
        self._written: dict[str, str] = {}
        self._owed: dict[str, float] = {}

    def look_for_missing(self) -> None:
        """Note the runs that have a folder: an earlier worker may not have come to writing the last of them."""
        if self._root is not None:
            self._owed |= {path.parent.name.rpartition("_")[2]: 0.0 for path in self._root.glob(f"*/{DOCUMENT}")}

    def keep(self, run_ids: Iterable[str]) -> None:
        """Write what is new of these runs and of those that are owed. Costs a query when there is nothing to do."""
        if self._root is None:
            return
        now = self._clock()
        due = [run_id for run_id in {*run_ids, *self._owed} if self._owed.get(run_id, 0.0) <= now]
        for run_id, sums in self._sums(due).items():
            if self._written.get(run_id) == sums:
                continue
            try:
                self._follow(self._root, self._view.state(run_id))
            except RunNotFound:
                pass
            except (DashboardError, OSError) as error:
                told = error.sentence if isinstance(error, DashboardError) else f"{self._root}: {error.strerror or error}."
                log.warning("Run %s does not get into the workspace. %s", run_id, told, extra={"run_id": run_id})
                self._owed[run_id] = now + PAUSE_SECONDS
                continue
            self._written[run_id] = sums
        for run_id in due:
            if self._owed.get(run_id, now) <= now:
                self._owed.pop(run_id, None)

    def _sums(self, run_ids: Iterable[str]) -> Mapping[str, str]:
        """What is published of those runs that there are."""
        query = sa.select(runs.c.run_id, runs.c.sums_json).where(runs.c.run_id.in_(list(run_ids)))
        with open_database(self._settings).reading() as connection:
            return dict(connection.execute(query).all())

    def _follow(self, root: Path, state: RunState) -> None:
        """Bring the folder of a run up to date; one that has nothing to show gets none."""
        folder = next(iter(root.glob(f"*_{state.run_id}")), root / f"{_plain(state.name)}_{state.run_id}")  # a renamed run keeps its folder
        if not state.sum_version and not folder.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        plan, there = self._view.plan(state.run_id), _sums_there(folder)
        for number, job in enumerate(plan.jobs):
            if there.get(number) != state.sums[number]:
                self._write_job(folder, state, number, job)
        text = json.dumps(run_document(state, plan), indent=1, allow_nan=False)
        _write_whole(folder / DOCUMENT, lambda path: _write_text(path, text))

    def _write_job(self, folder: Path, state: RunState, number: int, job: Job) -> None:
        version, stem = state.sums[number], re.sub(r"[ ()]+", "_", job.label).replace("_keV", "keV").strip("_")
        names = {PUBLISHED[job.product][0]: f"{stem}.fits", **({"sources": f"{stem}_sources.ecsv"} if job.product == "mosaic" else {})}
        for kind, name in names.items():
            if not version:  # all its batches were excluded
                (folder / name).unlink(missing_ok=True)
                continue

            def write(path: Path, kind: str = kind) -> None:
                source = run_file(state.run_id, kind, number, version)
                self._products.read(source, lambda stored: _copy_sources(stored, path, state) if kind == "sources" else _copy(stored, path))

            _write_whole(folder / name, write)


def _sums_there(folder: Path) -> dict[int, int]:
    """Version of each job's files as its document tells; none where it cannot be read."""
    try:
        return {int(job["number"]): int(job["sum"]) for job in json.loads((folder / DOCUMENT).read_text())["jobs"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}


def _copy(stored: Path, path: Path) -> None:
    shutil.copyfile(stored, path)


def _copy_sources(stored: Path, path: Path, state: RunState) -> None:
    table = read_sources(stored).to_table()
    table.meta["origin"] = "SIMULATED" if state.simulated else state.host
    table.write(path, format="ascii.ecsv")


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _write_whole(path: Path, writer: Callable[[Path], None]) -> None:
    """Let `writer` fill a file that then takes its name in one act."""
    part = path.with_name(f".{secrets.token_hex(4)}.{path.name}")
    try:
        writer(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _plain(name: str) -> str:
    """A run's name as part of a file's: letters, digits and "+-." alone."""
    return re.sub(r"[^A-Za-z0-9+.-]+", "-", name).strip("-.")[:60] or "run"
