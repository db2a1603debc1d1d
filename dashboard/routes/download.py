"""Files of a run over plain HTTP: streamed, never through the page's document, never without a ticket.

| name | what it is |
|---|---|
| `all.zip` | everything there is of the run, a folder for each job |
| `report.html` | figures, tables, method and provenance in one file |
| `<n>-mosaic.fits` | the mosaic of job n |
| `<n>-sources.ecsv`, `.csv`, `.vot`, `.reg` | its sources |
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from dashboard.bundle import folder_name, write_archive
from dashboard.errors import DashboardError, NotAuthorized, ProductError, RunNotFound
from dashboard.export.tables import SOURCE_FORMS
from dashboard.report import report
from dashboard.routes.ticket import holder, ticket
from dashboard.routes.visitor import Visited, may_fetch, visitor_of
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.run_view import RunView
from dashboard.runs.shared_run import seen_by
from dashboard.settings import Settings

CHUNK = 1 << 18
EVERYTHING, REPORT = "all.zip", "report.html"
OF_A_MOSAIC = ("mosaic.fits", *SOURCE_FORMS)
KINDS = {".fits": "application/fits", ".zip": "application/zip", ".html": "text/html; charset=utf-8"}


def address(settings: Settings, user: str, run_id: str, name: str) -> str:
    """Relative address of a file, with its ticket."""
    return f"download/{quote(run_id)}/{name}?ticket={quote(ticket(settings, user, run_id, name))}"


class Download(Visited):
    """GET download/<run>/<file>?ticket=..."""

    async def get(self, run_id: str, name: str) -> None:
        """The file, 403 without a valid ticket of the visitor's own, 404 for what is not there (yet), 503 for what cannot be made now."""
        settings = Settings.from_environment()
        user = holder(settings, self.get_query_argument("ticket", ""), run_id, name)
        if not user:
            raise HTTPError(403, reason="The link has expired: open the run again and take the file from there")
        try:
            visitor = visitor_of(settings, self)
        except NotAuthorized as error:
            raise HTTPError(403, reason=error.sentence.split(":")[0]) from error
        if not may_fetch(settings, user, visitor):
            raise HTTPError(403, reason="This file is not yours: log in as who took its address from the page, or open the run yourself")
        with tempfile.TemporaryFile() as file:
            try:
                saved_as = await asyncio.to_thread(_write, settings, user, run_id, name, file)
            except RunNotFound as error:
                raise HTTPError(404, reason=error.sentence.split(":")[0]) from error
            except DashboardError as error:
                raise HTTPError(503, reason=error.sentence.split(":")[0]) from error
            self.set_header("Content-Type", KINDS.get(Path(name).suffix, "text/plain; charset=utf-8"))
            self.set_header("Content-Disposition", f'attachment; filename="{saved_as}"')
            try:
                while chunk := file.read(CHUNK):
                    self.write(chunk)
                    await self.flush()
            except StreamClosedError:
                self.on_connection_close()


def _write(settings: Settings, user: str, run_id: str, name: str, file: BinaryIO) -> str:
    """Fill the file, wind it back, and say under which name it is saved."""
    store = seen_by(settings, user)
    state = store.state(run_id)
    label = f"{'SIMULATED_' if state.simulated else ''}{run_id}"
    if name == EVERYTHING:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / EVERYTHING
            write_archive(settings, store, state, path)
            with path.open("rb") as archive:
                while chunk := archive.read(CHUNK):
                    file.write(chunk)
        saved_as = f"{label}.zip"
    elif name == REPORT:
        file.write(report(settings, store, state).encode())
        saved_as = f"{label}_{REPORT}"
    else:
        number, _, what = name.partition("-")
        plan = store.plan(run_id)
        job = int(number) if number.isdigit() else len(plan.jobs)
        if what not in OF_A_MOSAIC or job >= len(plan.jobs) or plan.jobs[job].product != "mosaic":
            raise RunNotFound(f"Run {run_id} has no such file: open it again and take the file from there.")
        file.write(_of_mosaic(settings, state, job, what))
        saved_as = f"{label}_{folder_name(plan, job)}_{what}"
    file.seek(0)
    return saved_as


def _of_mosaic(settings: Settings, state: RunState, job: int, what: str) -> bytes:
    mosaic = load_mosaic(settings, state, job)  # says in its own words when there is none yet
    if what == "mosaic.fits":
        try:
            return ProductStore(settings.storage_url).read(run_file(state.run_id, "mosaic", job, state.sums[job]), Path.read_bytes)
        except ProductError:
            newest = RunView(settings).state(state.run_id)  # two versions are kept: a slow reader takes the present one
            return ProductStore(settings.storage_url).read(run_file(state.run_id, "mosaic", job, newest.sums[job]), Path.read_bytes)
    return SOURCE_FORMS[what](load_sources(settings, state, job), mosaic.provenance.origin).encode()
