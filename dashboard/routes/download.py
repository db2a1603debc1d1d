"""Files of a run over plain HTTP: streamed, never through the page's document, never without a ticket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, RequestHandler

from dashboard.errors import DashboardError
from dashboard.export.tables import SOURCE_FORMS
from dashboard.routes.ticket import holder, ticket
from dashboard.runs.products import ProductStore, run_file
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.run_state import RunState
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

CHUNK = 1 << 18
NAMES = ("mosaic.fits", *SOURCE_FORMS)


def address(settings: Settings, user: str, run_id: str, name: str) -> str:
    """Relative address of a file, with its ticket."""
    return f"download/{quote(run_id)}/{name}?ticket={quote(ticket(settings, user, run_id, name))}"


class Download(RequestHandler):
    """GET download/<run>/<file>?ticket=..."""

    async def get(self, run_id: str, name: str) -> None:
        """The file, 403 without a valid ticket, 404 for what is not there (yet)."""
        settings = Settings.from_environment()
        if not holder(settings, self.get_query_argument("ticket", ""), run_id, name):
            raise HTTPError(403, reason="The link has expired: open the run again and take the file from there")
        if name not in NAMES:
            raise HTTPError(404, reason="No such file")
        try:
            state = await asyncio.to_thread(RunStore(settings).state, run_id)
            content = await asyncio.to_thread(self._content, settings, state, name)
        except DashboardError as error:
            raise HTTPError(404, reason=error.sentence.split(":")[0]) from error
        label = "SIMULATED_" if state.simulated else ""
        self.set_header("Content-Type", "application/fits" if name.endswith(".fits") else "text/plain; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{label}{run_id}_{name}"')
        try:
            for start in range(0, len(content), CHUNK):
                self.write(content[start : start + CHUNK])
                await self.flush()
        except StreamClosedError:
            self.on_connection_close()

    @staticmethod
    def _content(settings: Settings, state: RunState, name: str) -> bytes:
        if name == "mosaic.fits":
            load_mosaic(settings, state)  # says in its own words when there is none yet
            return ProductStore(settings.storage_url).read(run_file(state.run_id, "mosaic", 0, state.sums[0]), Path.read_bytes)
        origin = load_mosaic(settings, state).provenance.origin
        return SOURCE_FORMS[name](load_sources(settings, state), origin).encode()
